//! The topics, subscriptions and schemas of an emulator.

use std::sync::Arc;

use super::Emulator;
use super::handles::{SubscriptionHandle, TopicHandle};
use crate::error::ApiError;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{PushConfig, SubscriptionConfig};
use crate::resources::topic::TopicConfig;
use crate::schema::SchemaDeclaration;

impl Emulator {
    /// Creates a topic with Google's defaults; `name` is `projects/PROJECT/topics/ID`.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn create_topic(&self, name: &str) -> Result<TopicHandle, ApiError> {
        self.create_topic_with(TopicConfig::new(name))
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// If the name is invalid or taken, or if a field is out of range.
    pub fn create_topic_with(&self, config: TopicConfig) -> Result<TopicHandle, ApiError> {
        let created = self.broker.create_topic(config)?;
        self.topic(&created.name)
    }

    /// Creates a schema, which topics can use to check their messages.
    ///
    /// # Errors
    /// If the name is invalid or taken, or if the definition is invalid.
    pub fn create_schema(&self, declared: &SchemaDeclaration) -> Result<(), ApiError> {
        self.broker.declare_schema(declared)
    }

    /// Returns an existing topic.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn topic(&self, name: &str) -> Result<TopicHandle, ApiError> {
        TopicHandle::new(Arc::clone(&self.broker), name)
    }

    /// Returns an existing subscription.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn subscription(&self, name: &str) -> Result<SubscriptionHandle, ApiError> {
        SubscriptionHandle::new(Arc::clone(&self.broker), name)
    }

    /// Creates a subscription, which receives messages from now on.
    ///
    /// # Errors
    /// If its name is taken, if a field is out of range, or if one of its topics does not exist.
    pub fn create_subscription(
        &self,
        config: SubscriptionConfig,
    ) -> Result<SubscriptionHandle, ApiError> {
        let created = self.broker.create_subscription(config)?;
        self.subscription(&created.name)
    }

    /// Returns the subscriptions of a project, by name.
    #[must_use]
    pub fn subscriptions(&self, project: &str) -> Vec<SubscriptionHandle> {
        let deliveries = self.broker.subscriptions(project).into_iter();
        let handle = |delivery| SubscriptionHandle {
            broker: Arc::clone(&self.broker),
            delivery,
        };
        deliveries.map(handle).collect()
    }

    /// Changes the settings of a subscription. Topic, filter and ordering stay as they are, since they never change (Google,
    /// *UpdateSubscription*).
    ///
    /// # Errors
    /// If there is no such subscription, if a field is out of range, or if the dead-letter topic does not exist.
    pub fn update_subscription(&self, config: SubscriptionConfig) -> Result<(), ApiError> {
        let name = ResourceName::subscription(&config.name)?;
        let updated = self.broker.update_subscription(&name, |_, _| Ok(config));
        updated.map(drop)
    }

    /// Changes the push settings of a subscription. With `None` its messages are pulled.
    ///
    /// # Errors
    /// If there is no such subscription, or if the endpoint is not a URL.
    pub fn modify_push_config(
        &self,
        subscription: &str,
        push_config: Option<PushConfig>,
    ) -> Result<(), ApiError> {
        let name = ResourceName::subscription(subscription)?;
        self.broker.modify_push_config(&name, push_config)
    }
}
