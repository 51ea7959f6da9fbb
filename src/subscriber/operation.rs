//! What people who run it expect of a subscription, and when they are called.

use std::time::Duration;

use super::{SECOND, Subscriber};

/// What is normal. Documents say it, dashboards draw it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Expectation {
    pub(crate) messages_per_second: Option<f64>,
    pub(crate) latency: Option<Duration>,
}

/// When somebody is called. Every dead letter calls, whatever is declared here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alerts {
    pub(crate) oldest_unacked_age: Duration,
    pub(crate) undelivered_messages: Option<u64>,
    pub(crate) failed_push_share: f64,
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
    /// When the oldest message that waits is older than this: one minute to 31 days, by default 30 minutes.
    #[must_use]
    pub fn oldest_unacked_age(mut self, age: Duration) -> Self {
        self.oldest_unacked_age = age;
        self
    }

    /// When more messages than this wait; by default their number alone calls nobody.
    #[must_use]
    pub fn undelivered_messages(mut self, messages: u64) -> Self {
        self.undelivered_messages = Some(messages);
        self
    }

    /// When more than this share of pushes is not acked: above 0 and at most 1, by default half of them.
    #[must_use]
    pub fn failed_push_share(mut self, share: f64) -> Self {
        self.failed_push_share = share;
        self
    }
}

impl Subscriber {
    /// Who answers for it: a team or an address that means something to whoever reads an alert.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// How many messages a second are normal.
    #[must_use]
    pub fn expected_throughput(mut self, messages_per_second: f64) -> Self {
        self.expected.messages_per_second = Some(messages_per_second);
        self
    }

    /// How long a message takes from publish to ack, for 95 of 100 on a normal day.
    #[must_use]
    pub fn expected_latency(mut self, latency: Duration) -> Self {
        self.expected.latency = Some(latency);
        self
    }

    /// When somebody is called; see [`Alerts`] for what counts without it.
    #[must_use]
    pub fn alerts(mut self, alerts: Alerts) -> Self {
        self.alerts = alerts;
        self
    }

    pub(super) fn operation_faults(&self) -> Vec<(bool, String)> {
        let Expectation {
            messages_per_second,
            latency,
        } = self.expected;
        let Alerts {
            oldest_unacked_age,
            failed_push_share,
            undelivered_messages,
        } = self.alerts;
        let longest = Duration::from_secs(31 * 24 * 60 * 60);
        let is_normal = |rate: f64| rate.is_finite() && rate > 0.0 && rate <= 1e6;
        vec![
            (
                self.owner
                    .as_deref()
                    .is_none_or(|owner| !owner.trim().is_empty()),
                "the owner is an empty text: see .owner(…)".into(),
            ),
            (
                messages_per_second.is_none_or(is_normal),
                format!(
                    "the expected throughput is {} messages a second, expected above 0 and at most 1000000: see .expected_throughput(…)",
                    messages_per_second.unwrap_or_default()
                ),
            ),
            (
                latency.is_none_or(|latency| !latency.is_zero() && latency <= longest),
                format!(
                    "the expected latency is {:?}, expected above 0 s and at most 31 days: see .expected_latency(…)",
                    latency.unwrap_or_default()
                ),
            ),
            (
                (60 * SECOND..=longest).contains(&oldest_unacked_age),
                format!(
                    "the alert's oldest unacked age is {oldest_unacked_age:?}, expected 1 minute to 31 days: see .alerts(…)"
                ),
            ),
            (
                failed_push_share > 0.0 && failed_push_share <= 1.0,
                format!(
                    "the alert's failed push share is {failed_push_share}, expected above 0 and at most 1: see .alerts(…)"
                ),
            ),
            (
                undelivered_messages != Some(0),
                "the alert's undelivered messages are 0, expected at least 1: see .alerts(…)"
                    .into(),
            ),
        ]
    }
}
