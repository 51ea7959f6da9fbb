//! The settings of a subscription: the supported fields of Google's, and their rules.

mod policies;
mod push_config;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::policies::{DeadLetterPolicy, RetryPolicy};
pub use self::push_config::{OidcToken, PushConfig, PushForm};
use crate::error::ApiError;
use crate::filter::Filter;
use crate::resources::labels;
use crate::resources::without_effect::WithoutEffect;

/// The longest duration, about ten thousand years (*google.protobuf.Duration*, `seconds`).
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(315_576_000_000);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The settings of a subscription (Google, *Subscription*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubscriptionConfig {
    /// `projects/PROJECT/subscriptions/ID`.
    pub name: String,
    /// `projects/PROJECT/topics/ID`. The topic must exist. After it was deleted this is `_deleted-topic_`.
    pub topic: String,
    /// The push settings. Without them the messages are pulled.
    pub push_config: Option<PushConfig>,
    /// The ack deadline, 10 to 600 s. For push it is the time-out of the request.
    pub ack_deadline: Duration,
    /// The wait of a message after a failure. Without it there is no wait.
    pub retry_policy: Option<RetryPolicy>,
    /// The dead-letter topic. Without it failed messages are redelivered until they expire.
    pub dead_letter_policy: Option<DeadLetterPolicy>,
    /// True for message ordering: messages of one key are pushed one at a time or pulled one batch at a time, in the order
    /// of publishing.
    pub enable_message_ordering: bool,
    /// Google's filter over attributes. Other messages are acknowledged without a delivery. Empty: all messages match.
    pub filter: String,
    /// True for exactly-once delivery: acknowledgements are confirmed, and an expired lease cannot acknowledge. Only for
    /// pull.
    pub enable_exactly_once_delivery: bool,
    /// True if acknowledged messages are retained, too, so that a seek can restore them.
    pub retain_acked_messages: bool,
    /// Labels, for the user.
    pub labels: BTreeMap<String, String>,
    /// The retention of an unacknowledged message, 10 minutes to 31 days.
    pub message_retention: Duration,
    /// The idle time after which the subscription is deleted, at least a day; `None` for never.
    pub expiration: Option<Duration>,
    /// True if it was detached from its topic. Then it receives nothing and cannot be pulled.
    pub detached: bool,
    /// The settings that are only stored and shown. With an export among them, each message counts as exported when it is
    /// published, and none is delivered.
    pub without_effect: WithoutEffect,
}

impl SubscriptionConfig {
    /// Returns a subscription with Google's defaults, without a push endpoint.
    pub fn new(name: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            topic: topic.into(),
            push_config: None,
            ack_deadline: Duration::from_secs(10),
            retry_policy: None,
            dead_letter_policy: None,
            enable_message_ordering: false,
            filter: String::new(),
            enable_exactly_once_delivery: false,
            retain_acked_messages: false,
            labels: BTreeMap::new(),
            message_retention: 7 * DAY,
            expiration: Some(31 * DAY),
            detached: false,
            without_effect: WithoutEffect::default(),
        }
    }

    /// Returns the same subscription, pushed to `endpoint` without a token.
    #[must_use]
    pub fn push_to(mut self, endpoint: impl Into<String>) -> Self {
        self.push_config = Some(PushConfig::new(endpoint));
        self
    }

    pub(crate) fn check(&self) -> Result<(), ApiError> {
        Filter::parse(&self.filter)?;
        labels::check(&self.labels)?;
        self.without_effect.check()?;
        self.without_effect.check_export(
            self.push_config.is_some(),
            self.enable_exactly_once_delivery,
        )?;
        within(
            "ackDeadlineSeconds",
            self.ack_deadline,
            Duration::from_secs(10),
            Duration::from_secs(600),
        )?;
        within(
            "messageRetentionDuration",
            self.message_retention,
            Duration::from_secs(600),
            31 * DAY,
        )?;
        if let Some(ttl) = self.expiration {
            within("expirationPolicy.ttl", ttl, DAY, MAX_DURATION)?;
        }
        // Push subscriptions do not support it (Google, *Exactly-once delivery*).
        if self.enable_exactly_once_delivery && self.push_config.is_some() {
            return Err(ApiError::invalid(
                "enableExactlyOnceDelivery is for pull, and cannot be set together with pushConfig",
            ));
        }
        self.push_config
            .as_ref()
            .map_or(Ok(()), PushConfig::check)?;
        self.retry_policy
            .as_ref()
            .map_or(Ok(()), RetryPolicy::check)?;
        self.dead_letter_policy
            .as_ref()
            .map_or(Ok(()), DeadLetterPolicy::check)
    }
}

pub(crate) fn within(
    field: &str,
    found: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), ApiError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "{field} must be {} to {} s, not {}",
        least.as_secs(),
        most.as_secs(),
        found.as_secs_f64()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(minimum: u64, maximum: u64) -> Vec<f64> {
        let policy = RetryPolicy {
            minimum_backoff: Duration::from_secs(minimum),
            maximum_backoff: Duration::from_secs(maximum),
        };
        let waits = (1..=5).map(|failures| policy.wait_after(failures));
        waits.map(|wait| wait.as_secs_f64()).collect()
    }

    #[test]
    fn retries_wait_exponentially_within_their_bounds() {
        assert_eq!(waits(10, 600), [10.0, 20.0, 40.0, 80.0, 160.0]);
        assert_eq!(waits(1, 5), [1.0, 2.0, 4.0, 5.0, 5.0]);
        assert_eq!(waits(10, 10), [10.0; 5]);
        assert_eq!(waits(0, 0), [0.0; 5]);
        assert_eq!(waits(0, 1), [0.0, 0.2, 0.4, 0.8, 1.0]);
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait_after(u32::MAX), policy.maximum_backoff);
    }

    fn check(change: impl Fn(&mut SubscriptionConfig), good: bool) {
        let mut config =
            SubscriptionConfig::new("projects/p/subscriptions/sub", "projects/p/topics/top");
        change(&mut config);
        assert_eq!(config.check().is_ok(), good, "{config:?}");
    }

    #[test]
    fn fields_keep_to_googles_ranges() {
        let seconds = Duration::from_secs;
        check(|_| {}, true);
        check(|config| config.ack_deadline = seconds(9), false);
        check(|config| config.ack_deadline = seconds(600), true);
        check(|config| config.ack_deadline = seconds(601), false);
        check(|config| config.message_retention = seconds(599), false);
        check(|config| config.expiration = Some(seconds(60)), false);
        check(|config| config.expiration = None, true);
        check(|config| config.enable_exactly_once_delivery = true, true);
        for (attempts, good) in [(4, false), (5, true), (100, true), (101, false)] {
            let mut policy = DeadLetterPolicy::new("projects/p/topics/dead");
            policy.max_delivery_attempts = attempts;
            check(
                |config| config.dead_letter_policy = Some(policy.clone()),
                good,
            );
        }
        for (minimum, maximum, good) in [
            (0, 0, true),
            (10, 600, true),
            (11, 10, false),
            (1, 601, false),
        ] {
            let policy = RetryPolicy {
                minimum_backoff: seconds(minimum),
                maximum_backoff: seconds(maximum),
            };
            check(|config| config.retry_policy = Some(policy.clone()), good);
        }
    }

    #[test]
    fn exactly_once_delivery_is_for_pull() {
        check(
            |config| {
                config.enable_exactly_once_delivery = true;
                config.push_config = Some(PushConfig::new("http://localhost/"));
            },
            false,
        );
    }

    #[test]
    fn endpoints_are_http_urls_without_a_password() {
        for (endpoint, good) in [
            ("http://h:80/p?q", true),
            ("https://h", true),
            ("ftp://host/", false),
            ("localhost:80", false),
            ("http://user@h/", false),
            ("http://:password@h/", false),
        ] {
            let push_config = PushConfig::new(endpoint);
            check(
                |config| config.push_config = Some(push_config.clone()),
                good,
            );
            let nobody = push_config.signed_as("", None);
            check(|config| config.push_config = Some(nobody.clone()), false);
        }
    }
}
