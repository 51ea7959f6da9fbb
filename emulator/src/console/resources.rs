//! Creates and deletes topics and subscriptions.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::Value;

use super::Console;
use super::actions::{Named, Nothing, done};
use super::form::{Body, read};
use super::overview::{subscription_name, topic_name};
use crate::error::ApiError;
use crate::resources::subscription::{
    DeadLetterPolicy, OidcToken, PushConfig, PushForm, RetryPolicy, SubscriptionConfig,
};
use crate::resources::topic::TopicConfig;

/// The most seconds of a duration, which keeps the conversion exact. The limits of Google are checked later.
const MAX_SECONDS: f64 = 1e9;

/// The form for a subscription. An empty field has Google's default.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewSubscription {
    /// The full name of the topic.
    topic: String,
    /// The push endpoint; empty for pull.
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    form: BodyForm,
    /// The account that signs the tokens; empty for none.
    #[serde(default)]
    service_account: String,
    #[serde(default)]
    audience: String,
    ack_deadline_seconds: Option<f64>,
    minimum_backoff_seconds: Option<f64>,
    maximum_backoff_seconds: Option<f64>,
    /// The full name of the dead-letter topic; empty for none.
    #[serde(default)]
    dead_letter_topic: String,
    max_delivery_attempts: Option<u32>,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    ordered: bool,
    #[serde(default)]
    exactly_once: bool,
}

/// The body of pushes.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BodyForm {
    #[default]
    Wrapped,
    Unwrapped,
    UnwrappedWithMetadata,
    Eventarc,
}

pub(super) async fn create_topic(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<Nothing>,
) -> Result<Json<Value>, ApiError> {
    read(body)?;
    let name = topic_name(&project, &id)?;
    console
        .source
        .create_topic(TopicConfig::new(name.as_str()))?;
    done(&console).await
}

pub(super) async fn delete_topic(
    State(console): State<Console>,
    Path((project, id)): Named,
) -> Result<Json<Value>, ApiError> {
    console.source.delete_topic(&topic_name(&project, &id)?)?;
    done(&console).await
}

pub(super) async fn create_subscription(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<NewSubscription>,
) -> Result<Json<Value>, ApiError> {
    let name = subscription_name(&project, &id)?;
    let config = read(body)?.config(name.as_str())?;
    console.source.create_subscription(config)?;
    done(&console).await
}

pub(super) async fn delete_subscription(
    State(console): State<Console>,
    Path((project, id)): Named,
) -> Result<Json<Value>, ApiError> {
    let name = subscription_name(&project, &id)?;
    console.source.delete_subscription(&name)?;
    done(&console).await
}

impl NewSubscription {
    /// # Errors
    /// If a duration is no number of seconds, or if the settings of pushes have no endpoint.
    fn config(self, name: &str) -> Result<SubscriptionConfig, ApiError> {
        let push_config = self.push_config()?;
        let mut config = SubscriptionConfig::new(name, self.topic);
        config.push_config = push_config;
        if let Some(wait) = self.ack_deadline_seconds {
            config.ack_deadline = seconds("ackDeadlineSeconds", wait)?;
        }
        let (minimum, maximum) = (self.minimum_backoff_seconds, self.maximum_backoff_seconds);
        if minimum.is_some() || maximum.is_some() {
            let mut policy = RetryPolicy::default();
            if let Some(wait) = minimum {
                policy.minimum_backoff = seconds("minimumBackoff", wait)?;
            }
            if let Some(wait) = maximum {
                policy.maximum_backoff = seconds("maximumBackoff", wait)?;
            }
            config.retry_policy = Some(policy);
        }
        if !self.dead_letter_topic.is_empty() {
            let mut policy = DeadLetterPolicy::new(self.dead_letter_topic);
            if let Some(attempts) = self.max_delivery_attempts {
                policy.max_delivery_attempts = attempts;
            }
            config.dead_letter_policy = Some(policy);
        }
        config.filter = self.filter;
        config.enable_message_ordering = self.ordered;
        config.enable_exactly_once_delivery = self.exactly_once;
        Ok(config)
    }

    fn push_config(&self) -> Result<Option<PushConfig>, ApiError> {
        let has_account = !self.service_account.is_empty();
        if self.endpoint.is_empty() {
            return if has_account || !self.audience.is_empty() {
                Err(ApiError::invalid(
                    "Only pushes are signed: expected a push endpoint beside the service account or the audience",
                ))
            } else {
                Ok(None)
            };
        }
        let audience = self.audience.clone();
        if !has_account && !audience.is_empty() {
            return Err(ApiError::invalid(
                "A token has an audience only if it is signed: expected a service account",
            ));
        }
        let mut push = PushConfig::new(&self.endpoint);
        push.oidc_token = has_account.then(|| OidcToken {
            service_account_email: self.service_account.clone(),
            audience: Some(audience).filter(|audience| !audience.is_empty()),
        });
        push.form = match self.form {
            BodyForm::Wrapped => PushForm::Wrapped,
            BodyForm::Eventarc => PushForm::Eventarc,
            BodyForm::Unwrapped => PushForm::Unwrapped {
                write_metadata: false,
            },
            BodyForm::UnwrappedWithMetadata => PushForm::Unwrapped {
                write_metadata: true,
            },
        };
        Ok(Some(push))
    }
}

fn seconds(field: &str, seconds: f64) -> Result<Duration, ApiError> {
    if (0.0..=MAX_SECONDS).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(ApiError::invalid(format!(
        "{field} is {seconds}, expected a number of seconds"
    )))
}
