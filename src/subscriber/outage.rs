//! The longest outage before Pub/Sub dead-letters a message whose handler never ran.

use std::time::Duration;

use super::{Form, Subscriber};

impl Subscriber {
    /// Returns the longest outage that a message survives which arrives during it, or `None` for Eventarc, whose subscription
    /// has a retry policy of its own.
    ///
    /// During an outage of the store, of the key server or behind an open circuit breaker each push is refused, and each
    /// refusal counts as a delivery attempt, as every status but an ack does (Google, *DeadLetterPolicy*,
    /// `maxDeliveryAttempts`). Google names the bounds of a pause, says that it grows exponentially, and that it may deviate
    /// either way (*RetryPolicy*). So each pause counts as half of one that doubles from the shortest to the longest.
    pub(crate) fn survived_outage(&self) -> Option<Duration> {
        if self.form == Form::Eventarc {
            return None;
        }
        let (mut pause, mut sum) = (self.backoff.minimum, Duration::ZERO);
        for _ in 1..self.attempts.min(MOST_ATTEMPTS) {
            sum = sum.saturating_add(pause / 2);
            pause = pause.saturating_mul(2).min(self.backoff.maximum);
        }
        Some(sum.min(self.retention))
    }
}

/// More are refused as a declaration.
const MOST_ATTEMPTS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backoff, Context};

    fn survived(change: impl FnOnce(Subscriber) -> Subscriber) -> Option<u64> {
        let subscriber = Subscriber::new("orders-mail", async |_: Context| ());
        let survived = change(subscriber).survived_outage();
        survived.map(|survived| survived.as_secs())
    }

    #[test]
    fn a_message_survives_an_outage_of_an_hour_and_a_half_by_default() {
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
