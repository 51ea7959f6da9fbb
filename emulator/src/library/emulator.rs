//! A running emulator: start, stop, and the calls for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handles::{SubscriptionHandle, TopicHandle};
use super::options::{Options, StartError};
use super::start::{
    Closing, Stopping, history_of, install_cryptography, issuer_of, make_first_key, open_port,
    surface, until, watch,
};
use crate::broker::{Broker, BrokerContext};
use crate::clock::Clock;
use crate::delivery::Pace;
use crate::error::ApiError;
use crate::event::DeliveryEvent;
use crate::issuer::Issuer;
use crate::journal::data_folder::DataFolder;
use crate::messages::message::{Message, ReceivedMessage};
use crate::push::Pusher;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{PushConfig, SubscriptionConfig};
use crate::resources::topic::TopicConfig;
use crate::schema::SchemaDeclaration;
use crate::server::serve;

/// A running emulator; dropping it stops everything that it started.
///
/// Its interfaces and its page answer once a change is on the disk, if there is a data folder. The calls of this library do
/// not wait for that: what they did is lost if the process is killed at once, and not if the emulator is stopped or dropped.
pub struct Emulator {
    /// The first to be dropped: what is dropped after it is not forgotten by a data folder.
    stopping: Stopping,
    data_folder: Closing,
    address: SocketAddr,
    broker: Arc<Broker>,
    pusher: Pusher,
    issuer: Arc<Issuer>,
    tasks: TaskTracker,
    seed: u64,
}

impl Emulator {
    /// Starts an emulator on a free port of this machine, as fast as endpoints allow: for tests.
    ///
    /// # Errors
    /// If there is no free port.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime, which a caller that awaits has"
    )]
    pub async fn start() -> Result<Self, StartError> {
        Self::start_with(Options {
            pace: Pace::Eager,
            ..Options::default()
        })
    }

    /// Starts an emulator on the current Tokio runtime. It accepts connections when this returns.
    ///
    /// # Errors
    /// If the address is taken or not allowed, or if there is no runtime.
    pub fn start_with(options: Options) -> Result<Self, StartError> {
        let Options {
            address,
            allow_remote,
            public_url,
            pace,
            data_folder,
            faults,
            history_messages,
            seed,
        } = options;
        faults.check()?;
        let runtime = Handle::try_current().map_err(StartError::NoRuntime)?;
        let (listener, address) = open_port(address, allow_remote)?;
        install_cryptography();
        let issuer = issuer_of(address, public_url)?;
        let clock = Clock::default();
        let history = history_of(&clock, history_messages);
        let pusher = Pusher::new(Arc::clone(&issuer), clock.clone());
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let (data_folder, saved) = DataFolder::open(data_folder.as_deref(), &stopping)?;
        let context = BrokerContext {
            runtime: runtime.clone(),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
            data_folder: data_folder.clone(),
            seed,
            faults,
            history: Arc::clone(&history),
        };
        let broker = Arc::new(Broker::new(pusher.clone(), clock.clone(), pace, context));
        let restored = saved.map_or(Ok(()), |saved| broker.restore(saved));
        restored.map_err(StartError::Restore)?;
        let sweeping = Broker::keep_sweeping(Arc::downgrade(&broker), clock);
        tasks.spawn_on(until(stopping.clone(), sweeping), &runtime);
        let watching = watch(data_folder.clone());
        tasks.spawn_on(until(stopping.clone(), watching), &runtime);
        let router = surface(&broker, &issuer, (history, address), stopping.clone());
        tasks.spawn_on(serve(listener, router, stopping.clone()), &runtime);
        tasks.spawn_on(make_first_key(Arc::clone(&issuer)), &runtime);
        Ok(Self {
            address,
            broker,
            pusher,
            issuer,
            tasks,
            data_folder: Closing(data_folder),
            seed,
            stopping: Stopping(stopping),
        })
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT`, or the public URL that it was given. Without the scheme it is what `PUBSUB_EMULATOR_HOST` should hold.
    #[must_use]
    pub fn url(&self) -> String {
        self.issuer.url().to_owned()
    }

    /// The issuer of the tokens that pushes carry.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

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
    /// If the name is invalid or taken, or a field is out of range.
    pub fn create_topic_with(&self, config: TopicConfig) -> Result<TopicHandle, ApiError> {
        let created = self.broker.create_topic(config)?;
        self.topic(&created.name)
    }

    /// Creates a schema, against which topics can hold their messages.
    ///
    /// # Errors
    /// If the name is invalid or taken, or the definition wrong.
    pub fn create_schema(&self, declared: &SchemaDeclaration) -> Result<(), ApiError> {
        self.broker.declare_schema(declared)
    }

    /// A topic that exists.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn topic(&self, name: &str) -> Result<TopicHandle, ApiError> {
        TopicHandle::new(Arc::clone(&self.broker), name)
    }

    /// A subscription that exists.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn subscription(&self, name: &str) -> Result<SubscriptionHandle, ApiError> {
        SubscriptionHandle::new(Arc::clone(&self.broker), name)
    }

    /// Returns the seed of faults that have none of their own.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the time of the emulator's clock, UTC in whole milliseconds.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.broker.now()
    }

    /// Moves the emulator's clock forward, by a thousand years in all at most: deadlines, waits, retention and expiry that end
    /// by then end now. Tokens are dated by the machine's clock all the same, since receivers go by theirs.
    pub fn advance(&self, by: Duration) {
        self.broker.advance(by);
    }

    /// Creates a subscription, which receives what is published from now on.
    ///
    /// # Errors
    /// If its name is taken, a field is out of range, or a topic that it names does not exist.
    pub fn create_subscription(
        &self,
        config: SubscriptionConfig,
    ) -> Result<SubscriptionHandle, ApiError> {
        let created = self.broker.create_subscription(config)?;
        self.subscription(&created.name)
    }

    /// Changes where a subscription is pushed; with `None` it holds its messages.
    ///
    /// # Errors
    /// If there is no such subscription, or the endpoint is not a URL.
    pub fn modify_push_config(
        &self,
        subscription: &str,
        push_config: Option<PushConfig>,
    ) -> Result<(), ApiError> {
        let name = ResourceName::subscription(subscription)?;
        self.broker.modify_push_config(&name, push_config)
    }

    /// Publishes one message and gives its id.
    ///
    /// # Errors
    /// If there is no such topic, the message breaks one of Google's limits, or the backlog of a subscription is full.
    pub fn publish(&self, topic: &str, message: Message) -> Result<String, ApiError> {
        let topic = ResourceName::topic(topic)?;
        let ids = self.broker.publish(&topic, vec![message])?;
        // One message was accepted, so there is one id.
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    /// Pushes a message once more under the same id, as at-least-once delivery permits, even if it was acked.
    ///
    /// A push of it that is under way goes on beside the new one, and each is settled by its own answer. With ordering, the
    /// later messages of its key follow it again (Google, *Order messages*). The 5,000 messages settled last in all
    /// subscriptions are remembered, up to 2 MiB, until the emulator runs short of room for new ones.
    ///
    /// # Errors
    /// If the subscription does not exist, or does not remember the message.
    pub fn deliver_again(&self, subscription: &str, message_id: &str) -> Result<(), ApiError> {
        let name = ResourceName::subscription(subscription)?;
        self.broker.subscription(&name)?.again(message_id)
    }

    /// The messages that a subscription has and that are not settled, in the order of publishing: for one without a push
    /// endpoint, all that it received. A subscription that does not exist holds nothing, as a mistyped name does.
    #[must_use]
    pub fn held(&self, subscription: &str) -> Vec<ReceivedMessage> {
        let name = ResourceName::subscription(subscription);
        let delivery = name.and_then(|name| self.broker.subscription(&name));
        let held = delivery
            .map(|delivery| delivery.unacked_messages())
            .unwrap_or_default();
        held.iter().map(|message| (**message).clone()).collect()
    }

    /// Deletes everything of a project: its subscriptions, snapshots, topics and schemas, with all messages. For a clean sheet
    /// between tests; message ids go on.
    ///
    /// # Errors
    /// If it is no id of a project.
    pub fn clear_project(&self, project: &str) -> Result<(), ApiError> {
        self.broker.clear_project(project)
    }

    /// Every push from now on: its start, and its end. A push that is aborted, because its subscription was deleted or the
    /// emulator stops, has no end. A listener that falls 4,096 events behind loses the oldest.
    #[must_use]
    pub fn delivery_events(&self) -> broadcast::Receiver<DeliveryEvent> {
        self.pusher.events()
    }

    /// Waits until a client requests shutdown by `POST /shutdown`, as with Google's own emulator. Nothing is received or pushed
    /// after that, and [`stop`](Self::stop) waits for the rest. For programs that are an emulator.
    pub async fn shutdown_requested(&self) {
        self.stopping.0.cancelled().await;
    }

    /// Stops listening and pushing, aborts what is under way, and returns when all of it has ended: at once, or two seconds
    /// later if a client keeps its connection open, which is cut then. All that was done before is on the disk by then, if there
    /// is a data folder.
    pub async fn stop(self) {
        drop(self.stopping);
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(folder) = &self.data_folder.0 {
            folder.close().await;
        }
    }
}
