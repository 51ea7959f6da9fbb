//! `pushgate check`: faults that can be found before production. Each file has one family of rules.

mod dead_letters;
mod declaration;
mod delivery;
mod files;
mod finding;
mod messages;
mod operation;
mod plan;
mod rules;
mod times;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

pub(crate) use self::finding::{Finding, Level};
pub(crate) use self::plan::{LIMIT_BYTES, Plan, PlanError};
pub(crate) use self::rules::RULES;
use crate::config::SETTINGS;
use crate::generate::Project;
use crate::generate::released::ReleasedError;
use crate::subscriber::Subscriber;

/// The input of a check.
pub(crate) struct Input<'a> {
    pub(crate) subscribers: &'a [Subscriber],
    /// The faults with which `serve` would not start, one sentence each.
    pub(crate) faults: &'a [String],
    pub(crate) project: &'a Project,
    pub(crate) plan: Option<&'a Plan>,
}

/// Returns all findings, always in the same order.
///
/// # Errors
/// If the released schemas cannot be read.
pub(crate) fn findings(input: &Input<'_>) -> Result<Vec<Finding>, ReleasedError> {
    let subscribers = input.subscribers;
    let mut findings = declaration::findings(input.faults);
    findings.extend(times::leases(subscribers, store_timeout(input.plan)));
    for subscriber in subscribers {
        findings.extend(times::findings(subscriber));
        findings.extend(delivery::findings(subscriber));
        findings.extend(operation::findings(subscriber));
    }
    findings.extend(dead_letters::findings(subscribers));
    findings.extend(messages::findings(subscribers));
    findings.extend(files::released(subscribers, input.project)?);
    findings.extend(files::keys(subscribers, input.project)?);
    // Nothing is derived from faulty declarations.
    if input.faults.is_empty() {
        findings.extend(files::generated(subscribers, input.project));
    }
    if let Some(plan) = input.plan {
        findings.extend(plan.findings(subscribers));
    }
    Ok(findings)
}

/// Returns the longest store time-out of a deployment; the default if none is known.
fn store_timeout(plan: Option<&Plan>) -> Duration {
    const NAME: &str = "PUSHGATE_STORE_TIMEOUT_MILLISECONDS";
    let planned = plan.and_then(|plan| plan.store_timeouts().into_iter().max());
    let setting = SETTINGS.iter().find(|setting| setting.name == NAME);
    let default = setting.and_then(|setting| setting.default?.parse().ok());
    planned.unwrap_or_else(|| Duration::from_millis(default.unwrap_or_default()))
}

/// The numbers of checked items.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) subscriptions: usize,
    pub(crate) topics: usize,
    pub(crate) schedules: usize,
    #[serde(rename = "messageTypes")]
    pub(crate) types: usize,
    pub(crate) rules: usize,
    /// The number of resources, or `None` without a plan or state.
    pub(crate) resources: Option<usize>,
}

impl Counts {
    pub(crate) fn of(input: &Input<'_>) -> Self {
        let topics: BTreeSet<&str> = input
            .subscribers
            .iter()
            .map(|each| each.topic.as_str())
            .collect();
        Self {
            subscriptions: input.subscribers.len(),
            topics: topics.len(),
            schedules: input
                .subscribers
                .iter()
                .map(|each| each.schedules.len())
                .sum(),
            types: crate::generate::released::current(input.subscribers).len(),
            rules: RULES.len(),
            resources: input.plan.map(Plan::len),
        }
    }
}

#[cfg(test)]
mod tests;
