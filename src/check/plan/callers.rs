//! The callers and audiences of pushes, on the subscription's side and on the service's.

use super::resource::Resource;
use super::stack::{SERVICE, SUBSCRIPTION, Settings, Stack, TRIGGER};
use crate::check::finding::Finding;
use crate::check::rules::{PLAN_CALLER, SERVICE_AUDIENCE};
use crate::subscriber::{Form, Subscriber};

const TOKEN: &str = "/push_config/0/oidc_token";

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subscriber in subscribers {
        if subscriber.pushes.form == Form::Eventarc {
            if let Some(trigger) = stack.find(TRIGGER, &subscriber.id) {
                findings.extend(email(
                    trigger,
                    "/service_account",
                    subscriber,
                    stack.settings(),
                ));
            }
            continue;
        }
        let Some(subscription) = stack.find(SUBSCRIPTION, &subscriber.id) else {
            continue; // Reported by another rule.
        };
        if subscription.has_block(TOKEN) == Some(false) {
            findings.push(PLAN_CALLER.found(
                &subscription.address,
                "push_config has no oidc_token, so its pushes carry no token",
                "give push_config an oidc_token with service account and audience, as terraform/subscriptions.tf does",
            ));
            continue;
        }
        let pointer = format!("{TOKEN}/0/service_account_email");
        findings.extend(email(subscription, &pointer, subscriber, stack.settings()));
        findings.extend(audience(subscription, subscriber, stack.settings()));
        findings.extend(behind_cloud_run(stack, subscription));
    }
    findings
}

fn email(
    resource: &Resource,
    pointer: &str,
    subscriber: &Subscriber,
    settings: Settings<'_>,
) -> Option<Finding> {
    let found = resource.text(pointer)?;
    let (expected, decides) = accepted(
        &subscriber.pushes.callers,
        settings,
        "PUSHGATE_CALLERS",
        ".callers([…])",
    )?;
    (!expected.contains(&found)).then(|| {
        PLAN_CALLER.found(
            &resource.address,
            format!(
                "it pushes as {}, and the service accepts {} ({decides})",
                resource.shown(pointer),
                listed(&expected)
            ),
            format!("give both sides the same account: service_account_email, and {decides}"),
        )
    })
}

fn audience(
    subscription: &Resource,
    subscriber: &Subscriber,
    settings: Settings<'_>,
) -> Option<Finding> {
    let pointer = format!("{TOKEN}/0/audience");
    let found = subscription.text(&pointer)?;
    let (expected, decides) = accepted(
        &subscriber.pushes.audiences,
        settings,
        "PUSHGATE_AUDIENCE",
        ".audience(…)",
    )?;
    // Without an audience, the token is for the endpoint (Google, OidcToken, audience).
    let effective = if found.is_empty() {
        subscription.text("/push_config/0/push_endpoint")?
    } else {
        found
    };
    (!expected.contains(&effective)).then(|| {
        PLAN_CALLER.found(
            &subscription.address,
            format!(
                "its tokens are for audience {}, and the service accepts {} ({decides})",
                if found.is_empty() { "not set, which is the endpoint's URL".into() } else { subscription.shown(&pointer) },
                listed(&expected)
            ),
            format!("give both sides the same audience, letter for letter: oidc_token.audience, and {decides}"),
        )
    })
}

/// Returns the accepted values, and the setting or call that decides them.
fn accepted<'a>(
    declared: &'a [String],
    settings: Settings<'a>,
    variable: &'static str,
    call: &'static str,
) -> Option<(Vec<&'a str>, &'static str)> {
    if declared.is_empty() {
        Some((settings.list(variable)?, variable))
    } else {
        Some((declared.iter().map(String::as_str).collect(), call))
    }
}

/// Checks the audience for Cloud Run, which accepts the service's URL and the custom audiences (Google, *Service*, `custom_audiences`).
fn behind_cloud_run(stack: &Stack<'_>, subscription: &Resource) -> Option<Finding> {
    let service = stack.find(SERVICE, "")?;
    if service.flag("/invoker_iam_disabled")? {
        return None;
    }
    let audience = subscription.text(&format!("{TOKEN}/0/audience"))?;
    let custom = service.at("/custom_audiences")?.as_array();
    let is_custom = custom
        .into_iter()
        .flatten()
        .any(|each| each.as_str() == Some(audience));
    let is_url = match service.text("/uri") {
        Some(url) => audience == url || audience.ends_with(".run.app"),
        None => audience.ends_with(".run.app"),
    };
    (!is_custom && !is_url && !audience.is_empty()).then(|| {
        SERVICE_AUDIENCE.found(
            &service.address,
            format!(
                "invoker_iam_disabled is not true, and custom_audiences lacks the audience {} of {}",
                subscription.shown(&format!("{TOKEN}/0/audience")),
                subscription.address
            ),
            "add it to custom_audiences, or set invoker_iam_disabled and let the service check alone",
        )
    })
}

fn listed(expected: &[&str]) -> String {
    if expected.is_empty() {
        "none".into()
    } else {
        expected.join(", ")
    }
}
