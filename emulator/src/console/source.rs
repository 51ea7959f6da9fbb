//! All that the console knows of the rest of the emulator, in one place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::broker::Broker;
use crate::envelope;
use crate::error::ApiError;
use crate::history::{History, Note};
use crate::issuer::Issuer;
use crate::message::{Message, ReceivedMessage};
use crate::name::ResourceName;
use crate::storage::StoredMessage;
use crate::subscription::{PushForm, SubscriptionConfig};

/// What this emulator can do, so that the page offers nothing else.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Capabilities {
    redeliver: bool,
    seek: bool,
    purge: bool,
    faults: bool,
}

/// A topic as the console shows it.
pub(super) struct TopicView {
    pub(super) name: ResourceName,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) subscriptions: Vec<ResourceName>,
}

/// A subscription as the console shows it.
pub(super) struct SubscriptionView {
    pub(super) name: ResourceName,
    pub(super) config: SubscriptionConfig,
    /// Messages that are not settled.
    pub(super) backlog: usize,
    /// Those of them that are being pushed, or are leased.
    pub(super) outstanding: usize,
    /// Those of them that failed, and wait.
    pub(super) delayed: usize,
    /// The age of the oldest of them, if it is known.
    pub(super) oldest_unacked: Option<Duration>,
    /// How many may be pushed at once.
    pub(super) window: usize,
    /// How much longer nothing is pushed, after failures.
    pub(super) paused_for: Option<Duration>,
    /// The faults that are switched on, as the form sent them.
    pub(super) faults: Option<Value>,
}

/// The request of a push, made once more.
pub(super) struct PushRequest {
    pub(super) url: String,
    /// Without the token, which no page should show.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
}

/// The emulator, as far as the console goes.
pub(crate) struct Source {
    broker: Arc<Broker>,
    issuer: Arc<Issuer>,
    history: Arc<History>,
    address: SocketAddr,
}

impl Source {
    pub(crate) fn new(
        broker: Arc<Broker>,
        issuer: Arc<Issuer>,
        history: Arc<History>,
        address: SocketAddr,
    ) -> Self {
        Self {
            broker,
            issuer,
            history,
            address,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            redeliver: true,
            seek: false,
            purge: false,
            faults: false,
        }
    }

    pub(super) fn topics(&self) -> Vec<TopicView> {
        let topics = self.broker.all_topics().into_iter();
        topics
            .map(|(name, labels, subscriptions)| TopicView {
                name,
                labels,
                subscriptions,
            })
            .collect()
    }

    pub(super) fn topic(&self, name: &ResourceName) -> Result<TopicView, ApiError> {
        let mut topics = self.topics().into_iter();
        topics
            .find(|topic| topic.name == *name)
            .ok_or_else(|| name.not_found())
    }

    /// The names and settings of all subscriptions.
    pub(super) fn configs(&self) -> Vec<(ResourceName, SubscriptionConfig)> {
        let all = self.broker.all_subscriptions();
        all.iter()
            .map(|each| (each.name().clone(), each.config()))
            .collect()
    }

    pub(super) fn subscription_names(&self) -> Vec<ResourceName> {
        let all = self.broker.all_subscriptions();
        all.iter().map(|each| each.name().clone()).collect()
    }

    pub(super) fn subscription(&self, name: &ResourceName) -> Result<SubscriptionView, ApiError> {
        let figures = self.broker.subscription(name)?.figures();
        let now = self.history.now();
        let oldest = figures.oldest.map(|oldest| age(now, oldest.publish_time));
        Ok(SubscriptionView {
            name: name.clone(),
            config: figures.config,
            backlog: figures.backlog,
            outstanding: figures.outstanding,
            delayed: figures.delayed,
            oldest_unacked: oldest,
            window: figures.window,
            paused_for: figures.paused_for,
            faults: None,
        })
    }

    pub(super) fn exists(&self, name: &ResourceName) -> bool {
        self.broker.subscription(name).is_ok()
    }

    /// The messages that a subscription holds, in the order of publishing.
    pub(super) fn held(&self, name: &ResourceName) -> Vec<Arc<StoredMessage>> {
        let delivery = self.broker.subscription(name);
        delivery.map(|delivery| delivery.held()).unwrap_or_default()
    }

    pub(super) fn publish(
        &self,
        topic: &ResourceName,
        messages: Vec<Message>,
    ) -> Result<Vec<String>, ApiError> {
        self.broker.publish(topic, messages)
    }

    pub(super) fn redeliver(&self, name: &ResourceName, message_id: &str) -> Result<(), ApiError> {
        self.broker.subscription(name)?.again(message_id)?;
        let message_id = message_id.to_owned();
        self.history.noted(name, Note::Redelivered { message_id });
        Ok(())
    }

    pub(super) fn seek(&self, name: &ResourceName, _to: OffsetDateTime) -> Result<(), ApiError> {
        self.broker.subscription(name)?;
        Err(missing("seek"))
    }

    pub(super) fn purge(&self, name: &ResourceName) -> Result<(), ApiError> {
        self.broker.subscription(name)?;
        Err(missing("purge subscriptions"))
    }

    pub(super) fn set_faults(&self, name: &ResourceName, _faults: Value) -> Result<(), ApiError> {
        self.broker.subscription(name)?;
        Err(missing("make faults"))
    }

    /// The request by which the present settings of a subscription push a message; nothing if they do not push.
    ///
    /// # Errors
    /// If its body cannot be written.
    pub(super) fn request(
        &self,
        config: &SubscriptionConfig,
        message: &ReceivedMessage,
        attempt: u32,
    ) -> serde_json::Result<Option<PushRequest>> {
        let Some(push) = &config.push_config else {
            return Ok(None);
        };
        let attempt = config.dead_letter_policy.is_some().then_some(attempt);
        let mut headers = vec![("user-agent", "CloudPubSub-Google".to_owned())];
        let body = match push.form {
            PushForm::Wrapped | PushForm::WrappedV1Beta1 => {
                headers.push(("content-type", "application/json".to_owned()));
                envelope::write(&config.name, message, attempt)?
            }
            PushForm::Unwrapped { .. } => message.data.to_vec(),
        };
        let token = push.oidc_token.as_ref().map(|token| {
            let audience = token.audience.as_deref().unwrap_or(&push.endpoint);
            self.issuer.token(&token.service_account_email, audience)
        });
        Ok(Some(PushRequest {
            url: push.endpoint.clone(),
            headers,
            token,
            body,
        }))
    }
}

fn age(now: OffsetDateTime, then: OffsetDateTime) -> Duration {
    // A clock that was set back makes nothing younger than new.
    Duration::try_from(now - then).unwrap_or_default()
}

fn missing(what: &str) -> ApiError {
    ApiError::unimplemented(format!("The emulator cannot {what} yet"))
}
