//! The retry policy and the dead-letter policy.

use std::time::Duration;

use super::within;
use crate::error::ApiError;
use crate::resources::name::ResourceName;

/// The wait of a message after a nack or an expired deadline (Google, *RetryPolicy*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// The shortest wait, 0 to 600 s.
    pub minimum_backoff: Duration,
    /// The longest wait, 0 to 600 s, at least the minimum.
    pub maximum_backoff: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            minimum_backoff: Duration::from_secs(10),
            maximum_backoff: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// Returns the wait after this number of failures: first the minimum, then twice as long each time, up to the maximum.
    ///
    /// Google documents exponential growth. The factor is ours, and so is the step of 100 ms after a minimum of zero.
    #[must_use]
    pub fn wait_after(&self, failures: u32) -> Duration {
        if failures <= 1 {
            return self.minimum_backoff;
        }
        let step = self.minimum_backoff.max(Duration::from_millis(100));
        let factor = 2_u32.saturating_pow(failures - 1);
        step.saturating_mul(factor).min(self.maximum_backoff)
    }

    pub(super) fn check(&self) -> Result<(), ApiError> {
        let longest = Duration::from_secs(600);
        for (field, wait) in [
            ("retryPolicy.minimumBackoff", self.minimum_backoff),
            ("retryPolicy.maximumBackoff", self.maximum_backoff),
        ] {
            within(field, wait, Duration::ZERO, longest)?;
        }
        if self.minimum_backoff > self.maximum_backoff {
            return Err(ApiError::invalid(
                "retryPolicy.minimumBackoff is longer than maximumBackoff",
            ));
        }
        Ok(())
    }
}

/// The destination of a message that cannot be delivered (Google, *DeadLetterPolicy*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeadLetterPolicy {
    /// `projects/PROJECT/topics/ID`. The topic must exist.
    pub dead_letter_topic: String,
    /// The last delivery attempt, 5 to 100.
    pub max_delivery_attempts: u32,
}

impl DeadLetterPolicy {
    /// Creates a policy with `topic` and five attempts, Google's default.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            dead_letter_topic: topic.into(),
            max_delivery_attempts: 5,
        }
    }

    pub(super) fn check(&self) -> Result<(), ApiError> {
        ResourceName::topic(&self.dead_letter_topic)?;
        if !(5..=100).contains(&self.max_delivery_attempts) {
            return Err(ApiError::invalid(format!(
                "deadLetterPolicy.maxDeliveryAttempts must be 5 to 100, not {}",
                self.max_delivery_attempts
            )));
        }
        Ok(())
    }
}
