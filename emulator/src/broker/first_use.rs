//! Topics and subscriptions that are created by their first use.

use std::sync::Arc;

use super::Broker;
use crate::error::ApiError;
use crate::resources::name::ResourceName;
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::topic::TopicConfig;

impl Broker {
    /// Creates a topic if it is missing and the emulator creates such. Returns true if it was created.
    ///
    /// # Errors
    /// If there are too many topics.
    pub(crate) fn ensure_topic(&self, name: &ResourceName) -> Result<bool, ApiError> {
        if !self.creates_missing || self.topic(name).is_ok() {
            return Ok(false);
        }
        let created = self.create_topic(TopicConfig::new(name.as_str()));
        note(name, created.map(drop))
    }

    /// Creates a subscription if it is missing and the emulator creates such: for pull, of the topic with the same id,
    /// which is created, too. Returns true if it was created.
    ///
    /// # Errors
    /// If there are too many topics or subscriptions.
    pub(crate) fn ensure_subscription(
        self: &Arc<Self>,
        name: &ResourceName,
    ) -> Result<bool, ApiError> {
        if !self.creates_missing || self.subscription(name).is_ok() {
            return Ok(false);
        }
        let topic = format!("projects/{}/topics/{}", name.project(), name.id());
        let topic = ResourceName::topic(&topic)?;
        self.ensure_topic(&topic)?;
        let config = SubscriptionConfig::new(name.as_str(), topic.as_str());
        note(name, self.create_subscription(config).map(drop))
    }
}

/// Logs a creation. Another request may have created the resource in the meantime.
fn note(resource: &ResourceName, created: Result<(), ApiError>) -> Result<bool, ApiError> {
    match created {
        Ok(()) => {
            tracing::info!(%resource, "created on first use, because of --create");
            Ok(true)
        }
        Err(ApiError::AlreadyExists(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
