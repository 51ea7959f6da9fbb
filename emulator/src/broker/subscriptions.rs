//! Subscriptions.

use std::sync::Arc;
use std::time::Duration;

use super::{Broker, Resources, check_count, log_without_effect};
use crate::delivery::{AckId, AckResult, DeadLetter, Delivery, DeliveryTask, Forwarder, Shared};
use crate::error::ApiError;
use crate::history::Note;
use crate::journal::Kind;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{PushConfig, SubscriptionConfig};
use crate::resources::topic::Origin;

/// The most subscriptions of a project (Google, *Quotas and limits*).
const MAX_SUBSCRIPTIONS: usize = 10_000;

impl Broker {
    /// # Errors
    /// If the name is taken, if a topic is missing, or if a setting is out of range.
    pub(crate) fn create_subscription(
        self: &Arc<Self>,
        config: SubscriptionConfig,
    ) -> Result<SubscriptionConfig, ApiError> {
        let name = ResourceName::subscription(&config.name)?;
        if config.topic.is_empty() {
            return Err(ApiError::invalid(
                "Subscription.topic is missing: expected projects/PROJECT/topics/ID",
            ));
        }
        let topic = ResourceName::topic(&config.topic)?;
        config.check()?;
        self.check_effect("Subscription", &config.without_effect)?;
        let mut resources = self.resources();
        if resources.subscriptions.contains_key(&name) {
            return Err(name.already_exists());
        }
        let count = resources.subscriptions.len();
        check_count("subscriptions", count, MAX_SUBSCRIPTIONS)?;
        resources.check_dead_letter_topic(&config)?;
        let topic = resources.find_topic(&topic)?;
        let delivery = self.open(config.clone(), Some(topic.origin()))?;
        self.start(&delivery);
        topic.deliveries.push(Arc::clone(&delivery));
        self.save_subscription(&delivery);
        if !self.faults.is_none() {
            self.give_faults(&delivery, self.faults.clone());
        }
        log_without_effect(&name, &config.without_effect);
        resources.subscriptions.insert(name, delivery);
        Ok(config)
    }

    pub(crate) fn subscription(&self, name: &ResourceName) -> Result<Arc<Delivery>, ApiError> {
        self.resources().find_subscription(name).cloned()
    }

    /// Returns the message retention of a subscription's topic, if it has one.
    pub(crate) fn topic_retention(&self, config: &SubscriptionConfig) -> Option<Duration> {
        self.resources().topic_retention(config)
    }

    /// Returns the names of all subscriptions, in order.
    pub(crate) fn subscription_names(&self) -> Vec<ResourceName> {
        self.resources().subscriptions.keys().cloned().collect()
    }

    /// Returns the subscriptions of a project, by name.
    pub(crate) fn subscriptions(&self, project: &str) -> Vec<Arc<Delivery>> {
        let resources = self.resources();
        let subscriptions = resources.subscriptions.iter();
        let of_project = subscriptions.filter(|(name, _)| name.project() == project);
        of_project
            .map(|(_, delivery)| Arc::clone(delivery))
            .collect()
    }

    /// Changes the settings of a subscription, computed from the current ones and its topic's retention under one lock. The
    /// API rejects changes of immutable settings.
    ///
    /// # Errors
    /// If there is no such subscription, or if a setting is out of range.
    pub(crate) fn update_subscription(
        &self,
        name: &ResourceName,
        change: impl FnOnce(
            SubscriptionConfig,
            Option<Duration>,
        ) -> Result<SubscriptionConfig, ApiError>,
    ) -> Result<SubscriptionConfig, ApiError> {
        let mut resources = self.resources();
        let delivery = Arc::clone(resources.find_subscription(name)?);
        let current = delivery.config();
        let topic_retention = resources.topic_retention(&current);
        let before = current.without_effect.clone();
        let config = change(current, topic_retention)?;
        self.check_effect("Subscription", &config.without_effect)?;
        if delivery.config().dead_letter_policy != config.dead_letter_policy {
            resources.check_dead_letter_topic(&config)?;
        }
        let is_pushed_as_before = delivery.config().push_config == config.push_config;
        delivery.update(config)?;
        self.save_subscription(&delivery);
        if !is_pushed_as_before {
            self.history.noted(name, Note::PushConfigChanged);
        }
        let changed = delivery.config();
        if changed.without_effect != before {
            log_without_effect(name, &changed.without_effect);
        }
        if changed.without_effect.export().is_some() && before.export().is_none() {
            self.note_seek(&delivery, Note::Exported);
        }
        Ok(changed)
    }

    /// # Errors
    /// If there is no such subscription, or if the endpoint is invalid.
    pub(crate) fn modify_push_config(
        &self,
        name: &ResourceName,
        push_config: Option<PushConfig>,
    ) -> Result<(), ApiError> {
        let resources = self.resources();
        let delivery = resources.find_subscription(name)?;
        delivery.set_push_config(push_config)?;
        self.save_subscription(delivery);
        self.history.noted(name, Note::PushConfigChanged);
        Ok(())
    }

    /// Deletes a subscription with its backlog (Google, *DeleteSubscription*), and aborts its pushes.
    ///
    /// # Errors
    /// If there is no such subscription.
    pub(crate) fn delete_subscription(&self, name: &ResourceName) -> Result<(), ApiError> {
        self.remove_subscription(&mut self.resources(), name)
    }

    /// Deletes a subscription of locked resources.
    pub(super) fn remove_subscription(
        &self,
        resources: &mut Resources,
        name: &ResourceName,
    ) -> Result<(), ApiError> {
        let subscription = resources.subscriptions.remove(name);
        subscription.ok_or_else(|| name.not_found())?.end();
        resources.unbind(name);
        self.history.deleted(name);
        self.save_deletion(Kind::Subscription, name);
        if let Some(folder) = &self.data_folder {
            folder.forget_ack_states(name);
        }
        Ok(())
    }

    /// Detaches a subscription from its topic (Google, *DetachSubscription*). It stays without messages.
    ///
    /// # Errors
    /// If there is no such subscription.
    pub(crate) fn detach_subscription(&self, name: &ResourceName) -> Result<(), ApiError> {
        let mut resources = self.resources();
        let delivery = resources.find_subscription(name)?;
        delivery.detach();
        self.save_subscription(delivery);
        resources.unbind(name);
        Ok(())
    }

    /// Nacks pulled messages. Those that reach the last delivery attempt are dead-lettered.
    pub(crate) fn nack(&self, delivery: &Delivery, ack_ids: &[AckId]) -> Vec<AckResult> {
        let (results, letters) = delivery.nack(ack_ids);
        let forward = |letter: DeadLetter| {
            delivery.forward(letter, &|topic, message| self.forward(topic, message));
        };
        letters.into_iter().for_each(forward);
        results
    }

    /// Builds a subscription without registering or starting it.
    ///
    /// # Errors
    /// If its filter or its push endpoint is invalid.
    pub(super) fn open(
        &self,
        config: SubscriptionConfig,
        origin: Option<Origin>,
    ) -> Result<Arc<Delivery>, ApiError> {
        let shared = Shared {
            pace: self.pace,
            clock: self.clock.clone(),
            data_folder: self.data_folder.clone(),
            history: Arc::clone(&self.history),
            remembered: Arc::clone(&self.remembered),
        };
        let ended = self.stopping.child_token();
        Ok(Arc::new(Delivery::new(config, origin, shared, ended)?))
    }

    /// Starts the task of a subscription.
    pub(super) fn start(self: &Arc<Self>, delivery: &Arc<Delivery>) {
        let broker = Arc::downgrade(self);
        let forwarder: Forwarder = Box::new(move |topic, message| {
            // Without a broker the emulator is stopping, and the message is lost like the others in memory.
            let broker = broker.upgrade();
            broker.map_or(Ok(String::new()), |broker| broker.forward(topic, message))
        });
        let task = DeliveryTask::new(Arc::clone(delivery), self.pusher.clone(), forwarder);
        let delivery = Arc::clone(delivery);
        self.spawn(async move {
            tokio::select! {
                () = task.run() => {}
                _ = delivery.ended() => {}
            }
        });
    }
}

impl Resources {
    pub(super) fn topic_retention(&self, config: &SubscriptionConfig) -> Option<Duration> {
        let name = ResourceName::topic(&config.topic).ok()?;
        self.topics.get(&name)?.config.message_retention
    }

    /// Checks that the dead-letter topic exists (Google, *DeadLetterPolicy*, `deadLetterTopic`).
    fn check_dead_letter_topic(&mut self, config: &SubscriptionConfig) -> Result<(), ApiError> {
        if let Some(policy) = &config.dead_letter_policy {
            self.find_topic(&ResourceName::topic(&policy.dead_letter_topic)?)?;
        }
        Ok(())
    }

    /// Removes a subscription from all topics.
    fn unbind(&mut self, name: &ResourceName) {
        for topic in self.topics.values_mut() {
            topic.deliveries.retain(|each| each.name() != name);
        }
    }
}
