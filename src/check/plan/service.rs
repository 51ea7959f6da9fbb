//! The Cloud Run service: its settings must fit the declarations and each other.

use std::time::Duration;

use super::declared::missing;
use super::resource::Resource;
use super::stack::{SERVICE, Settings, Stack};
use crate::check::finding::Finding;
use crate::check::rules::{
    SERVICE_AUTHENTICATION, SERVICE_BODY, SERVICE_CONCURRENCY, SERVICE_EMULATOR, SERVICE_GRACE,
    SERVICE_MEMORY, SERVICE_SETTING, SERVICE_STORE, SERVICE_TIMEOUT, SERVICE_VALUE,
};
use crate::config::{SETTINGS, deployment_faults};
use crate::package::invocation;
use crate::subscriber::Subscriber;

/// A message of 10 MB as base64 in its wrapper (Google, *Quotas and limits*).
const LARGEST_BODY_BYTES: u64 = 13_400_000;
/// Cloud Run's defaults (Google, *Service*, `timeout`, `max_instance_request_concurrency`).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
const DEFAULT_CONCURRENCY: f64 = 80.0;
/// Cloud Run's default (Google, *Configure memory limits for services*).
const DEFAULT_MEMORY_BYTES: u64 = 512 << 20;
/// The time after which Cloud Run kills an instance (Google, *Container runtime contract*).
const KILLED_AFTER_SECONDS: u64 = 10;

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let Some(service) = stack.find(SERVICE, "") else {
        return vec![missing(stack, SERVICE, "", "no service answers the pushes")];
    };
    let settings = stack.settings();
    let found = [
        authentication(service, settings),
        timeout(service, subscribers),
        memory(service, settings),
        concurrency(service, settings),
        body_limit(service, settings),
        store(service, settings),
        grace(service, settings),
    ];
    let mut findings: Vec<Finding> = found.into_iter().flatten().collect();
    findings.extend(variables(service, settings));
    findings.extend(values(service, settings));
    findings
}

fn authentication(service: &Resource, settings: Settings<'_>) -> Option<Finding> {
    let is_platform = settings.effective("PUSHGATE_AUTHENTICATION")? == "platform";
    (is_platform && service.flag("/invoker_iam_disabled")?).then(|| {
        SERVICE_AUTHENTICATION.found(
            &service.address,
            "PUSHGATE_AUTHENTICATION is platform, and invoker_iam_disabled is true",
            "set invoker_iam_disabled to false, or PUSHGATE_AUTHENTICATION to verify",
        )
    })
}

fn timeout(service: &Resource, subscribers: &[Subscriber]) -> Option<Finding> {
    let timeout = service
        .duration("/template/0/timeout")?
        .unwrap_or(DEFAULT_TIMEOUT);
    let longest = subscribers
        .iter()
        .max_by_key(|each| each.cloud.ack_deadline)?;
    let deadline = longest.cloud.ack_deadline;
    (timeout < deadline).then(|| {
        SERVICE_TIMEOUT.found(
            &service.address,
            format!(
                "template.timeout is {timeout:?}, and {:?} has an ack deadline of {deadline:?}",
                longest.id
            ),
            format!(
                "set the time-out to {deadline:?} or more, or declare a shorter .ack_deadline(…)"
            ),
        )
    })
}

fn memory(service: &Resource, settings: Settings<'_>) -> Option<Finding> {
    let pointer = "/template/0/containers/0/resources/0/limits/memory";
    let limit = service.text(pointer)?;
    let memory = if limit.is_empty() {
        DEFAULT_MEMORY_BYTES
    } else {
        super::quantity::bytes(limit)?
    };
    let bodies = settings.number("PUSHGATE_BODIES_BYTES")?;
    (bodies > memory / 2).then(|| {
        SERVICE_MEMORY.found(
            &service.address,
            format!(
                "PUSHGATE_BODIES_BYTES is {bodies}, more than half of the memory, {}",
                if limit.is_empty() {
                    "which is not set, so 512Mi".into()
                } else {
                    service.shown(pointer)
                }
            ),
            format!(
                "set PUSHGATE_BODIES_BYTES to {} or less, or give an instance more memory",
                memory / 2
            ),
        )
    })
}

fn concurrency(service: &Resource, settings: Settings<'_>) -> Option<Finding> {
    let pointer = "/template/0/max_instance_request_concurrency";
    let sent = service
        .number(pointer)?
        .filter(|sent| *sent > 0.0)
        .unwrap_or(DEFAULT_CONCURRENCY);
    let taken = settings.number("PUSHGATE_CONCURRENCY")?;
    #[expect(clippy::cast_precision_loss, reason = "at most 10000")]
    let is_more = sent > taken as f64;
    is_more.then(|| {
        SERVICE_CONCURRENCY.found(
            &service.address,
            format!(
                "max_instance_request_concurrency is {sent}, and PUSHGATE_CONCURRENCY is {taken}"
            ),
            "give both the same number, as terraform/service.tf does",
        )
    })
}

fn body_limit(service: &Resource, settings: Settings<'_>) -> Option<Finding> {
    let limit = settings.number("PUSHGATE_BODY_LIMIT_BYTES")?;
    (limit < LARGEST_BODY_BYTES).then(|| {
        SERVICE_BODY.found(
            &service.address,
            format!("PUSHGATE_BODY_LIMIT_BYTES is {limit}, and the largest message needs {LARGEST_BODY_BYTES}"),
            "remove PUSHGATE_BODY_LIMIT_BYTES; or, if publishers never send as much, accept it: --accept service-body-limit",
        )
    })
}

fn store(service: &Resource, settings: Settings<'_>) -> Option<Finding> {
    let store = settings.get("PUSHGATE_STORE")?;
    let what = match store {
        "" => "PUSHGATE_STORE is not set, and the service does not start without it",
        store if is_unexplained(store) => {
            "PUSHGATE_STORE is memory:, and the service does not start with it on Cloud Run"
        }
        _ => return None,
    };
    let fix = "set PUSHGATE_STORE to a Firestore or Redis, as terraform/store.tf does, or to memory:REASON";
    Some(SERVICE_STORE.found(&service.address, what, fix))
}

fn is_unexplained(store: &str) -> bool {
    let reason = store.strip_prefix("memory");
    reason.is_some_and(|reason| reason.trim_start_matches(':').trim().is_empty())
}

fn grace(service: &Resource, settings: Settings<'_>) -> Option<Finding> {
    let grace = settings.number("PUSHGATE_GRACE_SECONDS")?;
    (grace >= KILLED_AFTER_SECONDS).then(|| {
        SERVICE_GRACE.found(
            &service.address,
            format!("PUSHGATE_GRACE_SECONDS is {grace}"),
            "remove PUSHGATE_GRACE_SECONDS: its default is 8",
        )
    })
}

fn variables(service: &Resource, settings: Settings<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, _) in settings.names() {
        let is_setting = SETTINGS.iter().any(|setting| setting.name == name);
        if name.ends_with("_EMULATOR_HOST") && is_setting {
            let fix = format!("remove {name} from the service's environment");
            findings.push(SERVICE_EMULATOR.found(&service.address, format!("{name} is set"), fix));
        } else if name.starts_with("PUSHGATE_") && !is_setting {
            let fix = format!(
                "correct the name: {} serve --help lists all settings",
                invocation()
            );
            findings.push(SERVICE_SETTING.found(
                &service.address,
                format!("{name} is not a setting of pushgate"),
                fix,
            ));
        }
    }
    findings
}

/// Finds the faults that the service itself would report at its start.
fn values(service: &Resource, settings: Settings<'_>) -> Vec<Finding> {
    let Some(given) = settings.given() else {
        return Vec::new();
    };
    let found = deployment_faults(&given).into_iter();
    // Another rule reports a missing store.
    let found = found.filter(|(name, _)| {
        *name != "PUSHGATE_STORE" || settings.get(name).is_some_and(|value| !value.is_empty())
    });
    let findings = found.map(|(name, fault)| {
        let fix = format!("correct {name}: {} serve --help has its form", invocation());
        SERVICE_VALUE.found(&service.address, fault, fix)
    });
    findings.collect()
}
