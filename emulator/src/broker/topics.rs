//! Topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use super::{Broker, check_count, log_without_effect};
use crate::delivery::Delivery;
use crate::error::ApiError;
use crate::journal::Kind;
use crate::messages::age::Oldest;
use crate::messages::example::Examples;
use crate::messages::message::Message;
use crate::messages::storage::StoredMessage;
use crate::resources::name::{DELETED_TOPIC, ResourceName};
use crate::resources::topic::{Origin, TopicConfig};

/// The most topics of a project (Google, *Quotas and limits*).
const MAX_TOPICS: usize = 10_000;

/// One topic, its subscriptions, and the messages that it keeps for seeks.
pub(super) struct Topic {
    pub(super) config: TopicConfig,
    pub(super) deliveries: Vec<Arc<Delivery>>,
    examples: Examples,
    log: BTreeMap<u64, Arc<StoredMessage>>,
    oldest: Oldest,
    /// The first sequence of its messages. Earlier messages belong to an earlier topic of its name.
    pub(super) since: u64,
}

impl Topic {
    pub(super) fn new(config: TopicConfig, since: u64) -> Self {
        Self {
            config,
            deliveries: Vec::new(),
            examples: Examples::default(),
            log: BTreeMap::new(),
            oldest: Oldest::default(),
            since,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        Origin {
            topic: self.config.name.clone(),
            since: self.since,
        }
    }

    /// Returns the messages that it keeps for seeks, including settled ones.
    pub(super) fn log(&self) -> &BTreeMap<u64, Arc<StoredMessage>> {
        &self.log
    }

    pub(super) fn keep(&mut self, message: &Arc<StoredMessage>) {
        self.oldest.note(message);
        self.log.insert(message.sequence, Arc::clone(message));
    }

    /// Drops messages older than the retention, except those from `since` on, which a snapshot needs.
    pub(super) fn trim(&mut self, now: OffsetDateTime, since: Option<u64>) {
        let since = since.unwrap_or(u64::MAX);
        let Some(retention) = self.config.message_retention else {
            self.log = self.log.split_off(&since);
            return;
        };
        let limit = now - retention;
        if self.oldest.is_before(limit) {
            self.log
                .retain(|sequence, message| *sequence >= since || message.publish_time >= limit);
            self.oldest = self.log.values().map(|message| &**message).collect();
        }
    }
}

impl Broker {
    /// # Errors
    /// If the name is taken, or if a setting is out of range.
    pub(crate) fn create_topic(&self, config: TopicConfig) -> Result<TopicConfig, ApiError> {
        let name = config.check()?;
        self.check_effect("Topic", &config.without_effect)?;
        let mut resources = self.resources();
        self.check_schema_settings(&config)?;
        if resources.topics.contains_key(&name) {
            return Err(name.already_exists());
        }
        check_count("topics", resources.topics.len(), MAX_TOPICS)?;
        let topic = Topic::new(config.clone(), resources.next_sequence);
        // The next topic needs another `since`, even if nothing is published in the meantime.
        resources.next_sequence += 1;
        self.save_topic(&topic);
        log_without_effect(&name, &config.without_effect);
        resources.topics.insert(name, topic);
        Ok(config)
    }

    /// Changes the settings of a topic, computed from the current ones under one lock.
    ///
    /// # Errors
    /// If there is no such topic, or if a setting is out of range.
    pub(crate) fn update_topic(
        &self,
        name: &ResourceName,
        change: impl FnOnce(TopicConfig) -> Result<TopicConfig, ApiError>,
    ) -> Result<TopicConfig, ApiError> {
        let mut resources = self.resources();
        let topic = resources.find_topic(name)?;
        let config = change(topic.config.clone())?;
        config.check()?;
        self.check_effect("Topic", &config.without_effect)?;
        // Other settings can change even if the schema was deleted.
        if config.schema != topic.config.schema {
            self.check_schema_settings(&config)?;
        }
        if config.without_effect != topic.config.without_effect {
            log_without_effect(name, &config.without_effect);
        }
        topic.config.clone_from(&config);
        self.save_topic(topic);
        resources.trim_topics(self.clock.utc());
        Ok(config)
    }

    fn check_schema_settings(&self, config: &TopicConfig) -> Result<(), ApiError> {
        let schema = config.schema.as_ref();
        schema.map_or(Ok(()), |settings| self.schemas().check_settings(settings))
    }

    pub(crate) fn topic(&self, name: &ResourceName) -> Result<TopicConfig, ApiError> {
        let mut resources = self.resources();
        let topic = resources.find_topic(name)?;
        Ok(topic.config.clone())
    }

    /// Adds an example to those of a topic, within their bounds.
    ///
    /// # Errors
    /// If there is no such topic.
    pub(crate) fn add_example(
        &self,
        name: &ResourceName,
        title: &str,
        message: Message,
    ) -> Result<(), ApiError> {
        let mut resources = self.resources();
        resources.find_topic(name)?.examples.add(title, message);
        Ok(())
    }

    /// Returns the examples of a topic.
    ///
    /// # Errors
    /// If there is no such topic.
    pub(crate) fn examples(&self, name: &ResourceName) -> Result<Examples, ApiError> {
        let mut resources = self.resources();
        Ok(resources.find_topic(name)?.examples.clone())
    }

    /// Returns the topics of a project, by name.
    pub(crate) fn topics(&self, project: &str) -> Vec<TopicConfig> {
        let resources = self.resources();
        let topics = resources.topics.iter();
        let of_project = topics.filter(|(name, _)| name.project() == project);
        of_project.map(|(_, topic)| topic.config.clone()).collect()
    }

    /// Returns the names of all topics, in order.
    pub(crate) fn topic_names(&self) -> Vec<ResourceName> {
        self.resources().topics.keys().cloned().collect()
    }

    /// Returns the names of a topic's subscriptions, in order.
    ///
    /// # Errors
    /// If there is no such topic.
    pub(crate) fn topic_subscriptions(&self, name: &ResourceName) -> Result<Vec<String>, ApiError> {
        let mut resources = self.resources();
        let topic = resources.find_topic(name)?;
        let names = topic.deliveries.iter();
        let mut names: Vec<String> = names.map(|each| each.name().to_string()).collect();
        names.sort();
        Ok(names)
    }

    /// Returns the snapshots of a topic's subscriptions, by name.
    ///
    /// # Errors
    /// If there is no such topic.
    pub(crate) fn topic_snapshots(&self, name: &ResourceName) -> Result<Vec<String>, ApiError> {
        let mut resources = self.resources();
        resources.find_topic(name)?;
        let snapshots = resources.snapshots.values();
        let of_topic = snapshots.filter(|snapshot| snapshot.topic == name.as_str());
        Ok(of_topic.map(|snapshot| snapshot.name.to_string()).collect())
    }

    /// Deletes a topic. Its subscriptions and snapshots stay (Google, *DeleteTopic*).
    ///
    /// # Errors
    /// If there is no such topic.
    pub(crate) fn delete_topic(&self, name: &ResourceName) -> Result<(), ApiError> {
        let mut resources = self.resources();
        let topic = resources.topics.remove(name);
        let topic = topic.ok_or_else(|| name.not_found())?;
        self.save_deletion(Kind::Topic, name);
        for delivery in &topic.deliveries {
            delivery.forget_topic();
            self.save_subscription(delivery);
        }
        for snapshot in resources.snapshots.values_mut() {
            if snapshot.topic == name.as_str() {
                DELETED_TOPIC.clone_into(&mut snapshot.topic);
                snapshot.keep(topic.log());
                self.save_snapshot(snapshot);
            }
        }
        Ok(())
    }
}
