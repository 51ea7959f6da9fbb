//! The topics and subscriptions of one emulator, and what is done to them whatever the interface.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::{Delivery, Pace, Run};
use crate::error::ApiError;
use crate::message::{Message, ReceivedMessage, check_request};
use crate::name::ResourceName;
use crate::push::Courier;
use crate::storage::{Storage, StoredMessage};
use crate::subscription::{PushConfig, SubscriptionConfig};
use crate::topic::Topic;

const MAX_TOPICS: usize = 10_000;
const MAX_SUBSCRIPTIONS: usize = 10_000;

/// All topics and subscriptions. What it does, it does at once; the tasks that it starts deliver.
pub(crate) struct Broker {
    resources: Mutex<Resources>,
    courier: Courier,
    pace: Pace,
    runtime: Handle,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

struct Resources {
    topics: BTreeMap<ResourceName, Topic>,
    subscriptions: BTreeMap<ResourceName, Subscription>,
    storage: Storage,
    /// The place of the next message in the order of publishing, which is also its id.
    next_sequence: u64,
}

/// A subscription and the means to end its task.
struct Subscription {
    delivery: Arc<Delivery>,
    deleted: CancellationToken,
}

impl Broker {
    /// A broker without topics, whose tasks end when `stopping` is cancelled.
    pub(crate) fn new(
        courier: Courier,
        pace: Pace,
        runtime: Handle,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        let resources = Resources {
            topics: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            storage: Storage::default(),
            next_sequence: first_sequence(),
        };
        Self {
            resources: Mutex::new(resources),
            courier,
            pace,
            runtime,
            tasks,
            stopping,
        }
    }

    pub(crate) fn create_topic(
        &self,
        name: ResourceName,
        labels: BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        let mut resources = self.resources();
        if resources.topics.contains_key(&name) {
            return Err(name.already_exists());
        }
        if resources.topics.len() >= MAX_TOPICS {
            return Err(too_many("topics", MAX_TOPICS));
        }
        let topic = Topic {
            labels,
            deliveries: Vec::new(),
        };
        resources.topics.insert(name, topic);
        Ok(())
    }

    /// The labels of a topic.
    pub(crate) fn topic(&self, name: &ResourceName) -> Result<BTreeMap<String, String>, ApiError> {
        let resources = self.resources();
        let topic = resources.topics.get(name);
        topic
            .map(|topic| topic.labels.clone())
            .ok_or_else(|| name.not_found())
    }

    /// The topics of a project with their labels, by name.
    pub(crate) fn topics(&self, project: &str) -> Vec<(ResourceName, BTreeMap<String, String>)> {
        let resources = self.resources();
        let topics = resources.topics.iter();
        let of_project = topics.filter(|(name, _)| name.project() == project);
        of_project
            .map(|(name, topic)| (name.clone(), topic.labels.clone()))
            .collect()
    }

    pub(crate) fn delete_topic(&self, name: &ResourceName) -> Result<(), ApiError> {
        let topic = self.resources().topics.remove(name);
        let topic = topic.ok_or_else(|| name.not_found())?;
        for delivery in topic.deliveries {
            delivery.forget_topic();
        }
        Ok(())
    }

    pub(crate) fn create_subscription(
        self: &Arc<Self>,
        config: SubscriptionConfig,
    ) -> Result<SubscriptionConfig, ApiError> {
        let name = ResourceName::subscription(&config.name)?;
        let topic = ResourceName::topic(&config.topic)?;
        config.check()?;
        let mut resources = self.resources();
        if resources.subscriptions.contains_key(&name) {
            return Err(name.already_exists());
        }
        if resources.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(too_many("subscriptions", MAX_SUBSCRIPTIONS));
        }
        // It must exist at this moment (Google, *DeadLetterPolicy*, `deadLetterTopic`).
        if let Some(policy) = &config.dead_letter_policy {
            resources.find_topic(&ResourceName::topic(&policy.dead_letter_topic)?)?;
        }
        let topic = resources.find_topic(&topic)?;
        let delivery = Arc::new(Delivery::new(name.clone(), config.clone(), self.pace)?);
        topic.deliveries.push(Arc::clone(&delivery));
        let deleted = self.start(&delivery);
        let subscription = Subscription { delivery, deleted };
        resources.subscriptions.insert(name, subscription);
        Ok(config)
    }

    pub(crate) fn subscription(&self, name: &ResourceName) -> Result<Arc<Delivery>, ApiError> {
        let resources = self.resources();
        let subscription = resources.subscriptions.get(name);
        subscription
            .map(|subscription| Arc::clone(&subscription.delivery))
            .ok_or_else(|| name.not_found())
    }

    /// The subscriptions of a project, by name.
    pub(crate) fn subscriptions(&self, project: &str) -> Vec<Arc<Delivery>> {
        let resources = self.resources();
        let subscriptions = resources.subscriptions.iter();
        let of_project = subscriptions.filter(|(name, _)| name.project() == project);
        of_project
            .map(|(_, subscription)| Arc::clone(&subscription.delivery))
            .collect()
    }

    /// Deletes a subscription with its backlog (Google, *DeleteSubscription*), and aborts its pushes.
    pub(crate) fn delete_subscription(&self, name: &ResourceName) -> Result<(), ApiError> {
        let mut resources = self.resources();
        let subscription = resources.subscriptions.remove(name);
        subscription
            .ok_or_else(|| name.not_found())?
            .deleted
            .cancel();
        for topic in resources.topics.values_mut() {
            topic.deliveries.retain(|each| each.name() != name);
        }
        Ok(())
    }

    pub(crate) fn modify_push_config(
        &self,
        name: &ResourceName,
        push_config: Option<PushConfig>,
    ) -> Result<(), ApiError> {
        self.subscription(name)?.set_push_config(push_config)
    }

    /// Publishes the messages of one request, all or none, and gives their ids in the same order.
    pub(crate) fn publish(
        &self,
        topic: &ResourceName,
        messages: Vec<Message>,
    ) -> Result<Vec<String>, ApiError> {
        check_request(&messages)?;
        self.resources().distribute(topic, messages)
    }

    /// Publishes a dead letter. It was checked when it was first published, and its new attributes are Pub/Sub's own.
    pub(crate) fn forward(&self, topic: &ResourceName, letter: Message) -> Result<(), ApiError> {
        self.resources().distribute(topic, vec![letter])?;
        Ok(())
    }

    fn start(self: &Arc<Self>, delivery: &Arc<Delivery>) -> CancellationToken {
        let deleted = self.stopping.child_token();
        let ended = deleted.clone();
        let run = Run::new(
            Arc::clone(delivery),
            self.courier.clone(),
            Arc::downgrade(self),
        );
        let task = async move { ended.run_until_cancelled(run.run()).await };
        self.tasks.spawn_on(task, &self.runtime);
        deleted
    }

    fn resources(&self) -> MutexGuard<'_, Resources> {
        self.resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resources {
    fn find_topic(&mut self, name: &ResourceName) -> Result<&mut Topic, ApiError> {
        self.topics.get_mut(name).ok_or_else(|| name.not_found())
    }

    /// Gives messages to every subscription of a topic, or to none if one of them is full.
    fn distribute(
        &mut self,
        topic: &ResourceName,
        messages: Vec<Message>,
    ) -> Result<Vec<String>, ApiError> {
        self.find_topic(topic)?;
        let (first, publish_time) = (self.next_sequence, now());
        let received: Vec<ReceivedMessage> = (first..)
            .zip(messages)
            .map(|(sequence, message)| ReceivedMessage::new(sequence, message, publish_time))
            .collect();
        let stored = self.store(received)?;
        let bytes = stored.iter().map(|message| message.size_bytes()).sum();
        let deliveries = &self.find_topic(topic)?.deliveries;
        let full = |each: &&Arc<Delivery>| !each.has_room(stored.len(), bytes);
        if let Some(full) = deliveries.iter().find(full) {
            return Err(full.exhausted());
        }
        deliveries.iter().for_each(|each| each.add(&stored));
        self.next_sequence = first + stored.len() as u64;
        Ok(stored.iter().map(|message| message.id.clone()).collect())
    }

    /// Unsettled messages come before settled ones, which are kept only in case somebody asks for them again.
    fn store(&self, messages: Vec<ReceivedMessage>) -> Result<Vec<Arc<StoredMessage>>, ApiError> {
        if !self.storage.has_room(&messages) {
            let subscriptions = self.subscriptions.values();
            subscriptions.for_each(|each| each.delivery.forget_settled());
        }
        self.storage.store(messages)
    }
}

/// Ids go on from the clock, so that a receiver that remembers ids over a restart of the emulator takes no new message for
/// an old one.
fn first_sequence() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since_epoch.unwrap_or(Duration::ZERO).as_nanos();
    u64::try_from(nanoseconds).unwrap_or_default()
}

/// The time in whole milliseconds, as pushes show it.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

fn too_many(what: &str, limit: usize) -> ApiError {
    ApiError::ResourceExhausted(format!("The emulator holds at most {limit} {what}"))
}
