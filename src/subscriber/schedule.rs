//! Messages that Cloud Scheduler publishes at set times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cronexpr::Crontab;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::Subscriber;
use super::collector::Faults;

/// A Cloud Scheduler job that publishes one message to the subscriber's topic at set times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub(crate) cron: String,
    pub(crate) time_zone: String,
    pub(crate) purpose: String,
    pub(crate) data: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The job's name, or `None` for that of the subscription.
    pub(crate) name: Option<String>,
    /// The reason why the payload could not be serialized.
    pub(crate) fault: Option<String>,
}

impl Schedule {
    /// Returns a job at the times of five unix-cron fields (minute, hour, day of month, month, day of week), in UTC unless a
    /// [`time_zone`](Self::time_zone) is given (Google, *Cron job format and time zone*).
    pub fn cron(expression: impl Into<String>) -> Self {
        Self {
            cron: expression.into(),
            time_zone: "Etc/UTC".into(),
            purpose: String::new(),
            data: Vec::new(),
            attributes: BTreeMap::new(),
            name: None,
            fault: None,
        }
    }

    /// Sets the zone of the tz database for these times, such as `Europe/Berlin`, with its summer time.
    #[must_use]
    pub fn time_zone(mut self, zone: impl Into<String>) -> Self {
        self.time_zone = zone.into();
        self
    }

    /// Sets the job's name, by default that of the subscription. It is needed if a subscriber has several schedules.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the purpose of the message, in a sentence; by default the subscriber's own purpose.
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = purpose.into();
        self
    }

    /// Sets the payload as JSON. One that cannot be serialized is rejected at start.
    #[must_use]
    pub fn json(mut self, payload: &impl Serialize) -> Self {
        match serde_json::to_vec(payload) {
            Ok(data) => self.data = data,
            Err(error) => self.fault = Some(error.to_string()),
        }
        self
    }

    /// Sets the payload as bytes.
    #[must_use]
    pub fn raw(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Returns the job's name for this subscriber.
    pub(crate) fn name<'a>(&'a self, subscriber: &'a Subscriber) -> &'a str {
        self.name.as_deref().unwrap_or(&subscriber.id)
    }

    /// Returns the times at which it is due, or `None` if they are rejected.
    pub(crate) fn times(&self) -> Option<Crontab> {
        cronexpr::parse_crontab(&format!("{} {}", self.cron, self.time_zone)).ok()
    }

    /// Returns the purpose of its message.
    pub(crate) fn purpose_or<'a>(&'a self, subscriber: &'a Subscriber) -> &'a str {
        if self.purpose.is_empty() {
            &subscriber.purpose
        } else {
            &self.purpose
        }
    }
}

impl Subscriber {
    /// Adds a message that Cloud Scheduler publishes to the topic at set times.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    pub(super) fn check_schedules(&self, faults: &mut Faults) {
        let mut names = BTreeSet::new();
        for schedule in &self.schedules {
            schedule.check(self, faults);
            let name = schedule.name(self);
            faults.require(names.insert(name), || {
                format!("two schedules are named {name:?}: see Schedule::named(…)")
            });
        }
    }
}

impl Schedule {
    fn check(&self, subscriber: &Subscriber, faults: &mut Faults) {
        let name = self.name(subscriber);
        let (cron, zone) = (&self.cron, &self.time_zone);
        let is_zone = TimeZone::get(zone).is_ok();
        faults.require(is_job_name(name), || {
            format!(
                "schedule {name:?} must be named by 1 to 500 letters, digits, - or _: see Schedule::named(…)"
            )
        });
        let is_time = is_unix_cron(cron) && (self.times().is_some() || !is_zone);
        faults.require(is_time, || {
            format!(
                "schedule {name:?} is at {cron:?}, expected five fields such as \"30 2 * * 1-5\" (minute, hour, day of month, \
                 month, day of week): see Schedule::cron(…)"
            )
        });
        faults.require(is_zone, || {
            format!(
                "schedule {name:?} is in the time zone {zone:?}, expected one of the tz database such as \"Europe/Berlin\": see .time_zone(…)"
            )
        });
        let is_empty = self.data.is_empty() && self.attributes.is_empty();
        if let Some(fault) = &self.fault {
            faults.add(format!(
                "schedule {name:?} has a payload that cannot be serialized: {fault}"
            ));
        } else if is_empty {
            faults.add(format!(
                "schedule {name:?} publishes nothing: add .json(&…), .raw(…) or .attribute(…)"
            ));
        }
        if let Some(mismatch) = self.mismatch(subscriber) {
            faults.add(format!(
                "schedule {name:?} publishes a message that its own subscriber does not handle: {mismatch}"
            ));
        }
    }

    /// Returns the reason why its own subscriber would not handle each of its messages.
    fn mismatch(&self, subscriber: &Subscriber) -> Option<String> {
        let attributes = Arc::new(self.attributes.clone());
        if !subscriber.gets(&attributes) {
            return Some("the filter excludes it".into());
        }
        let violations = subscriber.violations(&self.data.clone().into(), &attributes);
        if !violations.is_empty() {
            return Some(violations.join("; "));
        }
        let idempotency = subscriber.idempotency.as_ref()?;
        idempotency.place().map(|place| {
            format!("its idempotency key at {place:?} is the same each time, so that all but the first count as duplicates: see .idempotency(…)")
        })
    }
}

/// Returns true for letters, digits, hyphens and underscores, at most 500 (Google, *Job*, `name`).
fn is_job_name(name: &str) -> bool {
    (1..=500).contains(&name.len())
        && name
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || each == '-' || each == '_')
}

/// Returns true for five fields of numbers, names, `*`, lists, ranges and steps. The library accepts more signs than Cloud
/// Scheduler is known to.
fn is_unix_cron(expression: &str) -> bool {
    let is_known = |each: char| each.is_ascii_alphanumeric() || " ,-*/".contains(each);
    let is_extension = |field: &str| {
        let is_word =
            |part: &str| part.len() == 3 && part.chars().all(|each| each.is_ascii_alphabetic());
        field
            .split([',', '-', '/'])
            .any(|part| part.contains(|each: char| each.is_ascii_alphabetic()) && !is_word(part))
    };
    expression.chars().all(is_known)
        && expression.split_whitespace().count() == 5
        && !expression.split_whitespace().any(is_extension)
        && cronexpr::parse_crontab(&format!("{expression} UTC")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_is_what_cloud_scheduler_takes() {
        for expression in ["0 2 * * *", "*/5 0-6,22 1 JAN-MAR mon-fri", "59 23 31 12 0"] {
            assert!(is_unix_cron(expression), "{expression}");
        }
        for expression in [
            "",
            "0 2 * *",
            "0 0 2 * * *",
            "60 2 * * *",
            "0 24 * * *",
            "0 2 L * *",
            "0 2 15W * *",
            "@daily",
            "every 5 minutes",
            "0 2 * * 5#2",
        ] {
            assert!(!is_unix_cron(expression), "{expression}");
        }
    }
}
