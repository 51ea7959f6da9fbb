//! A subscription as it is declared: Google's fields that the emulator acts upon, and their rules.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;

use crate::error::ApiError;
use crate::name::ResourceName;

/// About ten thousand years (*google.protobuf.Duration*, `seconds`).
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(315_576_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A subscription as it is declared (Google, *Subscription*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubscriptionConfig {
    /// `projects/PROJECT/subscriptions/ID`.
    pub name: String,
    /// `projects/PROJECT/topics/ID`; must exist. Becomes `_deleted-topic_` when the topic is deleted.
    pub topic: String,
    /// Where messages are pushed; without it the subscription holds them.
    pub push_config: Option<PushConfig>,
    /// How long a push may go unanswered, 10 to 600 s. For push it is the time-out of the request.
    pub ack_deadline: Duration,
    /// How long a message waits between its pushes; without it, not at all.
    pub retry_policy: Option<RetryPolicy>,
    /// Where messages go that are nacked too often; without it they are pushed for ever.
    pub dead_letter_policy: Option<DeadLetterPolicy>,
    /// Messages of one ordering key are pushed one at a time, in the order of publishing.
    pub enable_message_ordering: bool,
    /// Kept and shown, without effect.
    pub labels: BTreeMap<String, String>,
    /// 10 minutes to 31 days. Kept and shown; messages do not age in the emulator.
    pub message_retention: Duration,
    /// The idle time after which Google deletes the subscription, at least a day, or never. Kept and shown, without effect.
    pub expiration: Option<Duration>,
}

impl SubscriptionConfig {
    /// A subscription with Google's defaults, which holds its messages until it is told where to push them.
    pub fn new(name: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            topic: topic.into(),
            push_config: None,
            ack_deadline: Duration::from_secs(10),
            retry_policy: None,
            dead_letter_policy: None,
            enable_message_ordering: false,
            labels: BTreeMap::new(),
            message_retention: 7 * DAY,
            expiration: Some(31 * DAY),
        }
    }

    /// The same subscription, pushed to `endpoint` without a token.
    #[must_use]
    pub fn push_to(mut self, endpoint: impl Into<String>) -> Self {
        self.push_config = Some(PushConfig::new(endpoint));
        self
    }

    pub(crate) fn check(&self) -> Result<(), ApiError> {
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

/// Where and how messages are pushed (Google, *PushConfig*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushConfig {
    /// An `http` or `https` URL. Google asks for `https`; plain `http` is what a laptop has.
    pub endpoint: String,
    /// Sign every push with a token of this account.
    pub oidc_token: Option<OidcToken>,
}

impl PushConfig {
    /// Pushes to `endpoint` without a token.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            oidc_token: None,
        }
    }

    /// The same, signed for the service account `email` and, unless the endpoint is the audience, for `audience`.
    #[must_use]
    pub fn signed_as(mut self, email: impl Into<String>, audience: Option<&str>) -> Self {
        self.oidc_token = Some(OidcToken {
            service_account_email: email.into(),
            audience: audience.map(str::to_owned),
        });
        self
    }

    fn check(&self) -> Result<(), ApiError> {
        self.url()?;
        match &self.oidc_token {
            Some(token) if token.service_account_email.is_empty() => {
                Err(ApiError::invalid("oidcToken.serviceAccountEmail is empty"))
            }
            _ => Ok(()),
        }
    }

    /// The endpoint. A URL with a user or a password is refused, since it would be sent as an `Authorization` that Pub/Sub
    /// does not send; the refusal does not repeat it.
    pub(crate) fn url(&self) -> Result<Url, ApiError> {
        let url = Url::parse(&self.endpoint).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| {
            ApiError::invalid("pushConfig.pushEndpoint is not an http or https URL")
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ApiError::invalid(
                "pushConfig.pushEndpoint has a user or a password: leave out what is before the @",
            ));
        }
        Ok(url)
    }
}

/// Whose token goes with every push (Google, *PushConfig.OidcToken*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OidcToken {
    /// The account in the claim `email`.
    pub service_account_email: String,
    /// The claim `aud`; the push endpoint, exactly as configured, if unset.
    pub audience: Option<String>,
}

/// How long a message waits after a nack or an expired deadline (Google, *RetryPolicy*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// 0 to 600 s.
    pub minimum_backoff: Duration,
    /// 0 to 600 s, not below the minimum.
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
    /// The wait after the given number of failures: the minimum first, then twice as long each time, up to the maximum.
    ///
    /// That growth is exponential is Google's word; the factor is ours, as is the step of 100 ms that lets a minimum of
    /// zero grow.
    #[must_use]
    pub fn wait_after(&self, failures: u32) -> Duration {
        if failures <= 1 {
            return self.minimum_backoff;
        }
        let step = self.minimum_backoff.max(Duration::from_millis(100));
        let factor = 2_u32.saturating_pow(failures - 1);
        step.saturating_mul(factor).min(self.maximum_backoff)
    }

    fn check(&self) -> Result<(), ApiError> {
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

/// Where a message goes that cannot be delivered (Google, *DeadLetterPolicy*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeadLetterPolicy {
    /// `projects/PROJECT/topics/ID`; must exist.
    pub dead_letter_topic: String,
    /// 5 to 100 pushes.
    pub max_delivery_attempts: u32,
}

impl DeadLetterPolicy {
    /// Dead letters to `topic` after five pushes, Google's default.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            dead_letter_topic: topic.into(),
            max_delivery_attempts: 5,
        }
    }

    fn check(&self) -> Result<(), ApiError> {
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

fn within(field: &str, found: Duration, least: Duration, most: Duration) -> Result<(), ApiError> {
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
    fn retries_wait_exponentially_between_minimum_and_maximum() {
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
