//! Settings of the subscription at Google.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::collector::Faults;
use super::seconds::{Seconds, seconds};
use super::{Form, SECOND, Subscriber, filter};

/// Bounds of the retention (Google, *Subscription*, `messageRetentionDuration`).
const SHORTEST_RETENTION: Duration = Duration::from_secs(10 * 60);
const LONGEST_RETENTION: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// The most delivery attempts that a declaration may have.
const MOST_ATTEMPTS: u32 = 100;

/// A pause that doubles between two bounds. For Pub/Sub's redelivery each is 0 to 600 s (Google, *RetryPolicy*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Backoff {
    #[serde(rename = "minimumPause", serialize_with = "seconds")]
    #[schemars(with = "Seconds")]
    pub(crate) minimum: Duration,
    #[serde(rename = "maximumPause", serialize_with = "seconds")]
    #[schemars(with = "Seconds")]
    pub(crate) maximum: Duration,
}

impl Backoff {
    /// Returns a pause between `minimum` and `maximum` seconds.
    #[must_use]
    pub const fn from_secs(minimum: u64, maximum: u64) -> Self {
        Self {
            minimum: Duration::from_secs(minimum),
            maximum: Duration::from_secs(maximum),
        }
    }

    /// Returns a pause between `minimum` and `maximum` milliseconds.
    #[must_use]
    pub const fn from_millis(minimum: u64, maximum: u64) -> Self {
        Self {
            minimum: Duration::from_millis(minimum),
            maximum: Duration::from_millis(maximum),
        }
    }
}

/// Settings of the subscription at Google.
#[derive(Clone)]
pub(crate) struct CloudSettings {
    pub(crate) ack_deadline: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) attempts: u32,
    pub(crate) filter: Option<String>,
    pub(crate) is_ordered: bool,
    pub(crate) retention: Duration,
    pub(crate) retains_handled: bool,
}

impl Default for CloudSettings {
    fn default() -> Self {
        Self {
            ack_deadline: 60 * SECOND,
            backoff: Backoff::from_secs(10, 600),
            attempts: 25,
            filter: None,
            is_ordered: false,
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            retains_handled: false,
        }
    }
}

impl Subscriber {
    /// Sets the time that Pub/Sub waits for the response: 10 to 600 s, by default 60 s. For a push it is the time-out of the
    /// request and cannot be extended (Google, *Subscription*, `ackDeadlineSeconds`).
    #[must_use]
    pub fn ack_deadline(mut self, ack_deadline: Duration) -> Self {
        self.cloud.ack_deadline = ack_deadline;
        self
    }

    /// Sets the pause before a failed message is redelivered; by default 10 to 600 s.
    #[must_use]
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.cloud.backoff = backoff;
        self
    }

    /// Sets the number of deliveries before Pub/Sub dead-letters a message: 5 to 100, by default 25 (Google,
    /// *DeadLetterPolicy*, `maxDeliveryAttempts`).
    ///
    /// A refused push counts, too, whatever its status: 401, 403, 409, 429 or 503. So attempts and pauses decide how long an
    /// outage may last before messages are dead-lettered whose handler never ran. With the defaults it is at least 1 h 35 min;
    /// `pushgate check` warns below one hour.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.cloud.attempts = attempts;
        self
    }

    /// Restricts the subscription to messages whose attributes match, such as `attributes.region = "eu"`. Other messages
    /// count as acknowledged (Google, *Subscription*, `filter`).
    ///
    /// A filter cannot be changed later. Another filter means another subscription, and the backlog of the old one is lost.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.cloud.filter = Some(filter.into());
        self
    }

    /// Delivers messages of one ordering key one after the other, in the order of publishing. A failed message delays those
    /// behind it (Google, *Subscription*, `enableMessageOrdering`). This cannot be changed later.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.cloud.is_ordered = true;
        self
    }

    /// Sets how long an unacknowledged message is kept: 10 minutes to 31 days, by default 7 days. The deduplication
    /// [`window`](Self::window) is as long, unless it is declared.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.cloud.retention = retention;
        self
    }

    /// Also keeps handled messages for the [`retention`](Self::retention), so that `pushgate replay` can run them again. Google charges
    /// for their storage (Google, *Subscription*, `retainAckedMessages`).
    #[must_use]
    pub fn retain_handled(mut self) -> Self {
        self.cloud.retains_handled = true;
        self
    }

    /// Returns the longest outage that a message survives which arrives during it, or `None` for Eventarc, whose subscription
    /// has a retry policy of its own.
    ///
    /// During an outage of the store, of the key server or behind an open circuit breaker each push is refused, and each
    /// refusal counts as a delivery attempt, as every status but an ack does (Google, *DeadLetterPolicy*,
    /// `maxDeliveryAttempts`). Google documents the bounds of a pause, that it grows exponentially, and that it may deviate
    /// either way (*RetryPolicy*). So each pause counts as half of one that doubles from the shortest to the longest.
    pub(crate) fn survived_outage(&self) -> Option<Duration> {
        if self.pushes.form == Form::Eventarc {
            return None;
        }
        Some((self.doubling_pauses() / 2).min(self.cloud.retention))
    }

    /// Returns the sum of all pauses between the attempts, if each is twice the one before.
    pub(crate) fn doubling_pauses(&self) -> Duration {
        let Backoff { minimum, maximum } = self.cloud.backoff;
        let (mut pause, mut sum) = (minimum, Duration::ZERO);
        for _ in 1..self.cloud.attempts.min(MOST_ATTEMPTS) {
            sum = sum.saturating_add(pause);
            pause = pause.saturating_mul(2).min(maximum);
        }
        sum
    }
}

impl CloudSettings {
    pub(super) fn check(&self, faults: &mut Faults) {
        let (deadline, attempts, retention) = (self.ack_deadline, self.attempts, self.retention);
        let Backoff { minimum, maximum } = self.backoff;
        // Whole seconds (Google, Subscription, ackDeadlineSeconds).
        let is_deadline = (10..=600).contains(&deadline.as_secs()) && deadline.subsec_nanos() == 0;
        faults.require((5..=MOST_ATTEMPTS).contains(&attempts), || {
            format!("attempts are {attempts}, expected 5 to 100: see .attempts(…)")
        });
        faults.require(minimum <= maximum && maximum <= 600 * SECOND, || {
            format!(
                "retry is {minimum:?} to {maximum:?}, expected 0 s to 600 s with the smaller first: see .retry(…)"
            )
        });
        faults.require(is_deadline, || {
            format!(
                "ack deadline is {deadline:?}, expected whole seconds from 10 s to 600 s: see .ack_deadline(…)"
            )
        });
        let is_whole = retention.subsec_nanos() == 0;
        let is_in_range = (SHORTEST_RETENTION..=LONGEST_RETENTION).contains(&retention);
        faults.require(is_in_range && is_whole, || {
            format!(
                "retention is {retention:?}, expected whole seconds from 10 minutes to 31 days: see .retention(…)"
            )
        });
        if let Some(filter) = &self.filter
            && let Some(fault) = filter::fault(filter)
        {
            faults.add(format!("filter is {filter:?}: {fault}; see .filter(…)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;

    fn survived(change: impl FnOnce(Subscriber) -> Subscriber) -> Option<u64> {
        let subscriber = Subscriber::new("orders-mail", async |_: Context| ());
        let survived = change(subscriber).survived_outage();
        survived.map(|survived| survived.as_secs())
    }

    #[test]
    fn by_default_a_message_survives_an_outage_of_95_minutes() {
        // Half of 10, 20, 40, 80, 160, 320 and 18 times 600 seconds.
        assert_eq!(survived(|subscriber| subscriber), Some(5715));
    }

    #[test]
    fn fewer_attempts_or_a_shorter_retention_survive_less() {
        assert_eq!(survived(|subscriber| subscriber.attempts(5)), Some(75));
        let constant = Backoff::from_secs(100, 100);
        assert_eq!(
            survived(|subscriber| subscriber.retry(constant).attempts(11)),
            Some(500)
        );
        let kept = Duration::from_secs(600);
        assert_eq!(survived(|subscriber| subscriber.retention(kept)), Some(600));
    }

    #[test]
    fn eventarc_has_a_retry_policy_of_its_own() {
        assert_eq!(survived(Subscriber::eventarc), None);
    }
}
