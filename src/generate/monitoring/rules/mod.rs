//! Alert rules for Prometheus.

mod declared;
mod service;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::generate::error::DeriveError;
use crate::subscriber::Subscriber;

const HEAD: &str =
    "# Written by the command `generate` from the declarations: change those, not this file.\n";

/// The folder of the runbooks, from the root of pushgate's repository.
const RUNBOOKS: &str = "docs/run";

#[derive(Serialize)]
struct Rules<'a> {
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    name: String,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct Rule<'a> {
    alert: &'static str,
    expr: String,
    /// The time for which the expression must hold.
    #[serde(rename = "for")]
    pending: &'static str,
    labels: BTreeMap<&'static str, &'a str>,
    annotations: BTreeMap<&'static str, String>,
}

/// The urgency of an alert.
#[derive(Clone, Copy)]
enum Severity {
    /// Messages are lost or not handled at all.
    Critical,
    Error,
    Warning,
}

/// The texts that a person reads who is called.
struct Runbook {
    /// The name of the page in the folder of the runbooks.
    page: &'static str,
    /// The meaning, in a sentence.
    summary: &'static str,
    first_look: &'static str,
    /// The command, or the change, that repairs.
    repair: &'static str,
}

impl<'a> Rule<'a> {
    fn new(alert: &'static str, severity: Severity, expr: String, runbook: &Runbook) -> Self {
        let severity = match severity {
            Severity::Critical => "critical",
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            alert,
            expr,
            pending: "0s",
            labels: BTreeMap::from([("severity", severity)]),
            annotations: BTreeMap::from([
                ("summary", runbook.summary.to_owned()),
                ("first_look", runbook.first_look.to_owned()),
                ("repair", runbook.repair.to_owned()),
                ("runbook", format!("{RUNBOOKS}/{}.md", runbook.page)),
            ]),
        }
    }

    /// Sets the time for which the expression must hold.
    fn pending(mut self, pending: &'static str) -> Self {
        self.pending = pending;
        self
    }

    /// Sets the labels that name the subscription and its owner. Templates see the labels of the series only, not these.
    fn of(mut self, declared: &'a Subscriber) -> Self {
        self.labels.insert("subscription", &declared.id);
        for text in self.annotations.values_mut() {
            *text = text.replace("{{ $labels.subscription }}", &declared.id);
        }
        if let Some(owner) = &declared.operation.owner {
            self.labels.insert("owner", owner);
        }
        self
    }
}

/// Returns the whole file.
///
/// # Errors
/// If it cannot be written as YAML, which is a bug.
pub(in crate::generate) fn rules(subscribers: &[Subscriber]) -> Result<String, DeriveError> {
    let service = Group {
        name: "pushgate".into(),
        rules: service::rules(),
    };
    let subscriptions = subscribers.iter().map(|declared| Group {
        name: format!("pushgate: {}", declared.id),
        rules: declared::rules(declared),
    });
    let groups = [service].into_iter().chain(subscriptions).collect();
    let yaml = serde_saphyr::to_string(&Rules { groups })
        .map_err(DeriveError::serialize("the alert rules"))?;
    Ok(format!("{HEAD}{}\n", yaml.trim_end()))
}
