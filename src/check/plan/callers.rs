//! The callers and audiences of pushes, on the subscription's side and on the service's.

use super::resource::Resource;
use super::stack::{SERVICE, SUBSCRIPTION, Stack, TRIGGER};
use crate::check::finding::Finding;
use crate::check::rules::{PLAN_CALLER, SERVICE_AUDIENCE};
use crate::subscriber::{Form, Subscriber};

const TOKEN: &str = "/push_config/0/oidc_token";
const EMAIL: &str = "/push_config/0/oidc_token/0/service_account_email";
const AUDIENCE: &str = "/push_config/0/oidc_token/0/audience";

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subscriber in subscribers {
        if subscriber.pushes.form == Form::Eventarc {
            if let Some(trigger) = stack.find(TRIGGER, &subscriber.id) {
                findings.extend(email(stack, trigger, "/service_account", subscriber));
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
        findings.extend(email(stack, subscription, EMAIL, subscriber));
        findings.extend(audience(stack, subscription, subscriber));
        findings.extend(behind_cloud_run(stack, subscription));
    }
    findings
}

fn email(
    stack: &Stack<'_>,
    resource: &Resource,
    pointer: &str,
    subscriber: &Subscriber,
) -> Option<Finding> {
    let found = resource.text(pointer)?;
    let callers = &subscriber.pushes.callers;
    let (expected, decides) = accepted(stack, callers, "PUSHGATE_CALLERS", ".callers([…])")?;
    (!expected.contains(&found)).then(|| {
        let (shown, expected) = (resource.shown(pointer), listed(&expected));
        PLAN_CALLER.found(
            &resource.address,
            format!("it pushes as {shown}, and the service accepts {expected} ({decides})"),
            format!("give both sides the same account: service_account_email, and {decides}"),
        )
    })
}

fn audience(
    stack: &Stack<'_>,
    subscription: &Resource,
    subscriber: &Subscriber,
) -> Option<Finding> {
    let audiences = &subscriber.pushes.audiences;
    let (expected, decides) = accepted(stack, audiences, "PUSHGATE_AUDIENCE", ".audience(…)")?;
    // Without an audience, the token is for the endpoint (Google, OidcToken, audience).
    let (found, shown) = match subscription.text(AUDIENCE)? {
        "" => (
            subscription.text("/push_config/0/push_endpoint")?,
            "the endpoint's URL, since it is not set".into(),
        ),
        audience => (audience, subscription.shown(AUDIENCE)),
    };
    (!expected.contains(&found)).then(|| {
        let expected = listed(&expected);
        PLAN_CALLER.found(
            &subscription.address,
            format!("the audience of its tokens is {shown}, and the service accepts {expected} ({decides})"),
            format!("give both sides exactly the same audience: oidc_token.audience, and {decides}"),
        )
    })
}

/// Returns the accepted values, and the setting or call that decides them.
fn accepted<'a>(
    stack: &Stack<'a>,
    declared: &'a [String],
    variable: &'static str,
    call: &'static str,
) -> Option<(Vec<&'a str>, &'static str)> {
    match declared.is_empty() {
        true => Some((stack.settings().list(variable)?, variable)),
        false => Some((declared.iter().map(String::as_str).collect(), call)),
    }
}

/// Checks the audience for Cloud Run, which accepts the service's URL and the custom audiences (Google, *Service*, `custom_audiences`).
fn behind_cloud_run(stack: &Stack<'_>, subscription: &Resource) -> Option<Finding> {
    let service = stack.find(SERVICE, "")?;
    if service.flag("/invoker_iam_disabled")? {
        return None;
    }
    let audience = subscription.text(AUDIENCE)?;
    let custom = service.at("/custom_audiences")?.as_array();
    let is_custom = custom
        .into_iter()
        .flatten()
        .any(|each| each.as_str() == Some(audience));
    let is_url = audience.ends_with(".run.app") || service.text("/uri") == Some(audience);
    (!is_custom && !is_url && !audience.is_empty()).then(|| {
        let shown = subscription.shown(AUDIENCE);
        let address = &subscription.address;
        SERVICE_AUDIENCE.found(
            &service.address,
            format!("invoker_iam_disabled is not true, and custom_audiences lacks the audience {shown} of {address}"),
            "add it to custom_audiences, or set invoker_iam_disabled, so that only the service verifies callers",
        )
    })
}

fn listed(expected: &[&str]) -> String {
    match expected {
        [] => "none".into(),
        expected => expected.join(", "),
    }
}
