//! The console's access to the rest of the emulator.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use bytes::Bytes;
use http_body_util::{BodyExt, Collected};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::broker::Broker;
use crate::error::ApiError;
use crate::faults::{Faults, TokenChoice};
use crate::history::{History, Note};
use crate::issuer::Issuer;
use crate::messages::example::Examples;
use crate::messages::message::Message;
use crate::messages::storage::StoredMessage;
use crate::push::{Destination, Outgoing, PushError};
use crate::resources::name::ResourceName;
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::topic::TopicConfig;

/// A time after every publish time.
const END_OF_TIME: OffsetDateTime = datetime!(9999-12-31 0:00 UTC);

/// A topic as the console shows it.
pub(super) struct TopicView {
    pub(super) name: ResourceName,
    pub(super) labels: BTreeMap<String, String>,
    /// The names of the settings without effect.
    pub(super) without_effect: Vec<&'static str>,
    pub(super) subscriptions: Vec<String>,
}

/// A subscription as the console shows it.
pub(super) struct SubscriptionView {
    pub(super) name: ResourceName,
    pub(super) config: SubscriptionConfig,
    /// The number of unacknowledged messages.
    pub(super) backlog: usize,
    /// The number of messages that are being pushed or are leased.
    pub(super) outstanding: usize,
    /// The number of messages that wait after a failure.
    pub(super) delayed: usize,
    /// The age of the oldest unacknowledged message, if it is known.
    pub(super) oldest_unacked: Option<Duration>,
    /// The number of allowed concurrent pushes.
    pub(super) window: usize,
    /// The rest of the pause after failures.
    pub(super) paused_for: Option<Duration>,
    /// The active faults.
    pub(super) faults: Option<Faults>,
}

/// A rebuilt request of a push.
pub(super) struct PushRequest {
    pub(super) url: String,
    /// The headers without the token, which no page should show.
    pub(super) headers: Vec<(String, String)>,
    pub(super) token: Option<String>,
    pub(super) body: Bytes,
}

/// The parts of the emulator that the console uses.
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

    /// Waits until the data folder has room. Call this before a large change.
    ///
    /// # Errors
    /// If the journal has failed.
    pub(super) async fn room_to_save(&self) -> Result<(), ApiError> {
        let room = self.broker.room_to_save().await;
        room.map_err(|error| ApiError::unsaved(&error))
    }

    /// Waits until all changes are on the disk, if there is a data folder. Responses follow it, so that their changes are
    /// not lost.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) async fn saved(&self) -> Result<(), ApiError> {
        let saved = self.broker.saved().await;
        saved.map_err(|error| ApiError::unsaved(&error))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn public_url(&self) -> &str {
        self.issuer.url()
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn create_topic(&self, config: TopicConfig) -> Result<(), ApiError> {
        self.broker.create_topic(config).map(drop)
    }

    pub(super) fn delete_topic(&self, name: &ResourceName) -> Result<(), ApiError> {
        self.broker.delete_topic(name)
    }

    pub(super) fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), ApiError> {
        self.broker.create_subscription(config).map(drop)
    }

    pub(super) fn delete_subscription(&self, name: &ResourceName) -> Result<(), ApiError> {
        self.broker.delete_subscription(name)
    }

    pub(super) fn topic_names(&self) -> Vec<ResourceName> {
        self.broker.topic_names()
    }

    pub(super) fn topic(&self, name: &ResourceName) -> Result<TopicView, ApiError> {
        let config = self.broker.topic(name)?;
        Ok(TopicView {
            name: name.clone(),
            without_effect: config.without_effect.names(),
            labels: config.labels,
            subscriptions: self.broker.topic_subscriptions(name)?,
        })
    }

    pub(super) fn examples(&self, name: &ResourceName) -> Result<Examples, ApiError> {
        self.broker.examples(name)
    }

    /// Returns the names and settings of all subscriptions.
    pub(super) fn configs(&self) -> Vec<(ResourceName, SubscriptionConfig)> {
        let names = self.broker.subscription_names().into_iter();
        let config = |name: ResourceName| {
            let config = self.broker.subscription(&name).ok()?.config();
            Some((name, config))
        };
        names.filter_map(config).collect()
    }

    pub(super) fn subscription_names(&self) -> Vec<ResourceName> {
        self.broker.subscription_names()
    }

    pub(super) fn subscription(&self, name: &ResourceName) -> Result<SubscriptionView, ApiError> {
        let delivery = self.broker.subscription(name)?;
        let view = delivery.view();
        let faults = delivery.faults().at(self.history.now());
        Ok(SubscriptionView {
            name: name.clone(),
            config: view.config,
            backlog: view.backlog,
            outstanding: view.outstanding,
            delayed: view.delayed,
            oldest_unacked: view.oldest_unacked,
            window: view.window,
            paused_for: view.paused_for,
            faults: (!faults.is_none()).then_some(faults),
        })
    }

    pub(super) fn exists(&self, name: &ResourceName) -> bool {
        self.broker.subscription(name).is_ok()
    }

    /// Returns the unacknowledged messages of a subscription, in the order of publishing.
    pub(super) fn unacked_messages(&self, name: &ResourceName) -> Vec<Arc<StoredMessage>> {
        let delivery = self.broker.subscription(name);
        delivery
            .map(|delivery| delivery.unacked_messages())
            .unwrap_or_default()
    }

    pub(super) fn publish(
        &self,
        topic: &ResourceName,
        messages: Vec<Message>,
    ) -> Result<Vec<String>, ApiError> {
        self.broker.publish(topic, messages)
    }

    pub(super) fn redeliver(&self, name: &ResourceName, message_id: &str) -> Result<(), ApiError> {
        self.broker.subscription(name)?.redeliver(message_id)?;
        let message_id = message_id.to_owned();
        self.history.noted(name, Note::Redelivered { message_id });
        Ok(())
    }

    /// Acknowledges messages of a subscription without a delivery.
    pub(super) fn remove(&self, name: &ResourceName, sequences: &[u64]) -> Result<(), ApiError> {
        let removed = self.broker.subscription(name)?.remove(sequences);
        if !removed.is_empty() {
            self.history.removed(name, &removed);
        }
        Ok(())
    }

    pub(super) fn seek(&self, name: &ResourceName, to: OffsetDateTime) -> Result<(), ApiError> {
        self.broker.seek_to_time(name, to)
    }

    pub(super) fn purge(&self, name: &ResourceName) -> Result<(), ApiError> {
        self.broker.seek_to_time(name, END_OF_TIME)
    }

    pub(super) fn set_faults(&self, name: &ResourceName, faults: Faults) -> Result<(), ApiError> {
        self.broker.set_faults(name, faults)
    }

    /// Returns the push request of a message with the current settings of a subscription and a token of the given kind.
    /// `None` if the settings have no endpoint.
    ///
    /// # Errors
    /// If the settings are invalid, or the request cannot be built.
    pub(super) async fn request(
        &self,
        config: &SubscriptionConfig,
        message: &Arc<StoredMessage>,
        attempt: u32,
        token: TokenChoice,
    ) -> Result<Option<PushRequest>, ApiError> {
        let (Some(push), Some(destination)) = (&config.push_config, Destination::of(config)?)
        else {
            return Ok(None);
        };
        let outgoing = Outgoing {
            message: Arc::clone(message),
            attempt,
            token,
        };
        let request = destination.request(&outgoing, &self.issuer).await;
        let (head, body) = request.map_err(not_written)?.into_parts();
        // The body is in memory, so this does not wait.
        let body = body
            .collect()
            .await
            .map_or_else(|never| match never {}, Collected::to_bytes);
        let mut headers = Vec::new();
        let mut token = None;
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if name == AUTHORIZATION {
                token = value.strip_prefix("Bearer ").map(str::to_owned);
            } else {
                headers.push((name.to_string(), value));
            }
        }
        Ok(Some(PushRequest {
            url: push.endpoint.clone(),
            headers,
            token,
            body,
        }))
    }
}

fn not_written(error: PushError) -> ApiError {
    ApiError::Internal(format!("The request cannot be written: {error}"))
}
