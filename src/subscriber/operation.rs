//! The owner of a subscription, its normal load, and its alerts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::collector::Faults;
use super::seconds::{Seconds, seconds};
use super::{SECOND, Subscriber};

/// The longest age or latency: as long as Pub/Sub keeps a message.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// The normal load, for documents and dashboards; null where nothing is declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Expectation {
    pub(crate) messages_per_second: Option<f64>,
    /// The time from publish to ack, for 95 of 100 messages.
    #[serde(serialize_with = "optional_seconds")]
    #[schemars(with = "Option<Seconds>")]
    pub(crate) latency: Option<Duration>,
}

/// Thresholds of the alerts. Every dead letter raises an alert, whatever is declared here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alerts {
    #[serde(serialize_with = "seconds")]
    #[schemars(with = "Seconds")]
    pub(crate) oldest_unacked_age: Duration,
    pub(crate) undelivered_messages: Option<u64>,
    /// Above 0, at most 1.
    pub(crate) failed_push_share: f64,
}

/// The people's side of a declaration.
#[derive(Clone, Default)]
pub(crate) struct Operation {
    pub(crate) owner: Option<String>,
    pub(crate) expected: Expectation,
    pub(crate) alerts: Alerts,
}

fn optional_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(Seconds).serialize(serializer)
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            oldest_unacked_age: Duration::from_secs(30 * 60),
            undelivered_messages: None,
            failed_push_share: 0.5,
        }
    }
}

impl Alerts {
    /// Sets the age of the oldest unacknowledged message above which an alert is raised: one minute to 31 days, by default
    /// 30 minutes.
    #[must_use]
    pub fn oldest_unacked_age(mut self, age: Duration) -> Self {
        self.oldest_unacked_age = age;
        self
    }

    /// Sets the number of unacknowledged messages above which an alert is raised; by default their number alone raises none.
    #[must_use]
    pub fn undelivered_messages(mut self, messages: u64) -> Self {
        self.undelivered_messages = Some(messages);
        self
    }

    /// Sets the share of pushes without an ack above which an alert is raised: above 0 and at most 1, by default half.
    #[must_use]
    pub fn failed_push_share(mut self, share: f64) -> Self {
        self.failed_push_share = share;
        self
    }

    fn check(self, faults: &mut Faults) {
        let Self {
            oldest_unacked_age: age,
            failed_push_share: share,
            undelivered_messages,
        } = self;
        faults.require((60 * SECOND..=LONGEST).contains(&age), || {
            format!(
                "the alert's oldest unacked age is {age:?}, expected 1 minute to 31 days: see .alerts(…)"
            )
        });
        faults.require(share > 0.0 && share <= 1.0, || {
            format!(
                "the alert's failed push share is {share}, expected above 0 and at most 1: see .alerts(…)"
            )
        });
        faults.require(
            undelivered_messages != Some(0),
            || "the alert's undelivered messages are 0, expected at least 1: see .alerts(…)",
        );
    }
}

impl Subscriber {
    /// Sets the team or address that is responsible, as a reader of an alert knows it.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.operation.owner = Some(owner.into());
        self
    }

    /// Sets how many messages a second are normal.
    #[must_use]
    pub fn expected_throughput(mut self, messages_per_second: f64) -> Self {
        self.operation.expected.messages_per_second = Some(messages_per_second);
        self
    }

    /// Sets the normal time from publish to ack, for 95 of 100 messages.
    #[must_use]
    pub fn expected_latency(mut self, latency: Duration) -> Self {
        self.operation.expected.latency = Some(latency);
        self
    }

    /// Sets the thresholds of the alerts; [`Alerts`] has the defaults.
    #[must_use]
    pub fn alerts(mut self, alerts: Alerts) -> Self {
        self.operation.alerts = alerts;
        self
    }
}

impl Operation {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let Some(owner) = &self.owner {
            faults.require(
                !owner.trim().is_empty(),
                || "the owner is an empty text: see .owner(…)",
            );
        }
        if let Some(rate) = self.expected.messages_per_second {
            // False for NaN, too.
            faults.require(rate > 0.0 && rate <= 1e6, || {
                format!(
                    "the expected throughput is {rate} messages a second, expected above 0 and at most 1000000: see .expected_throughput(…)"
                )
            });
        }
        if let Some(latency) = self.expected.latency {
            faults.require(!latency.is_zero() && latency <= LONGEST, || {
                format!(
                    "the expected latency is {latency:?}, expected above 0 s and at most 31 days: see .expected_latency(…)"
                )
            });
        }
        self.alerts.check(faults);
    }
}
