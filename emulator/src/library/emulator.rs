//! A running emulator: how it is started and stopped, and what a test does with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::broker::{Broker, Ground};
use crate::clock::Clock;
use crate::console::{self, Source};
use crate::delivery::Pace;
use crate::error::ApiError;
use crate::event::DeliveryEvent;
use crate::history::History;
use crate::issuer::Issuer;
use crate::journal::keeping::{Keeper, Keeping};
use crate::library::handles::{SubscriptionHandle, TopicHandle};
use crate::library::options::{MAX_HISTORY_MESSAGES, Options, StartError};
use crate::messages::message::{Message, ReceivedMessage};
use crate::push::Courier;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{PushConfig, SubscriptionConfig};
use crate::resources::topic::TopicConfig;
use crate::schema::SchemaDeclaration;
use crate::server::{self, listen, serve, url};

/// A running emulator; dropping it stops everything that it started.
///
/// Its interfaces and its page answer once a change is on the disk, if there is a data folder. The calls of this library do
/// not wait for that: what they did is lost if the process is killed at once, and not if the emulator is stopped or dropped.
pub struct Emulator {
    /// The first to be dropped: what is dropped after it is not forgotten by a data folder.
    stopping: Stopping,
    keeper: Closing,
    address: SocketAddr,
    broker: Arc<Broker>,
    courier: Courier,
    issuer: Arc<Issuer>,
    tasks: TaskTracker,
    seed: u64,
}

/// What all that was started ends with; cancelled when it is dropped.
struct Stopping(CancellationToken);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Lets go of a data folder when it is dropped, whoever still has a handle of the emulator.
struct Closing(Keeper);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(keeping) = &self.0 {
            keeping.finish();
        }
    }
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
        let courier = Courier::new(Arc::clone(&issuer), clock.clone());
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let (keeper, saved) = Keeping::open(data_folder.as_deref(), &stopping)?;
        let ground = Ground {
            runtime: runtime.clone(),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
            keeper: keeper.clone(),
            seed,
            faults,
            history: Arc::clone(&history),
        };
        let broker = Arc::new(Broker::new(courier.clone(), clock.clone(), pace, ground));
        if let Some(saved) = saved {
            broker.restore(saved).map_err(StartError::Restore)?;
        }
        let sweeping = Broker::keep_sweeping(Arc::downgrade(&broker), clock);
        tasks.spawn_on(until(stopping.clone(), sweeping), &runtime);
        tasks.spawn_on(until(stopping.clone(), watch(keeper.clone())), &runtime);
        let router = surface(&broker, &issuer, (history, address), stopping.clone());
        tasks.spawn_on(serve(listener, router, stopping.clone()), &runtime);
        tasks.spawn_on(make_first_key(Arc::clone(&issuer)), &runtime);
        Ok(Self {
            address,
            broker,
            courier,
            issuer,
            tasks,
            keeper: Closing(keeper),
            seed,
            stopping: Stopping(stopping),
        })
    }

    /// Where it listens.
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
    /// If the name is bad or taken.
    pub fn create_topic(&self, name: &str) -> Result<TopicHandle, ApiError> {
        self.create_topic_with(TopicConfig::new(name))
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// If the name is bad or taken, or a field is out of range.
    pub fn create_topic_with(&self, config: TopicConfig) -> Result<TopicHandle, ApiError> {
        let created = self.broker.create_topic(config)?;
        self.topic(&created.name)
    }

    /// Creates a schema, against which topics can hold their messages.
    ///
    /// # Errors
    /// If the name is bad or taken, or the definition wrong.
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

    /// What decides about faults that have no seed of their own.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the emulator's clock shows, UTC in whole milliseconds.
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
        let held = delivery.map(|delivery| delivery.held()).unwrap_or_default();
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
        self.courier.events()
    }

    /// Waits until somebody asks the emulator to end, by `POST /shutdown` as with Google's own: nothing is received and pushed any
    /// more then, and [`stop`](Self::stop) waits for the rest. For programs that are an emulator.
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
        if let Some(keeping) = &self.keeper.0 {
            keeping.close().await;
        }
    }
}

/// Google's interfaces and the console, on one port.
fn surface(
    broker: &Arc<Broker>,
    issuer: &Arc<Issuer>,
    (history, address): (Arc<History>, SocketAddr),
    stopping: CancellationToken,
) -> Router {
    let source = Source::new(Arc::clone(broker), Arc::clone(issuer), history, address);
    let page = console::router(source, stopping.clone());
    api::router(Arc::clone(broker), Arc::clone(issuer), stopping).merge(page)
}

/// Known by the URL that was given, or else by where it listens.
fn issuer_of(address: SocketAddr, public_url: Option<String>) -> Result<Arc<Issuer>, StartError> {
    let url = match public_url {
        Some(given) => server::public_url(&given).ok_or(StartError::PublicUrl(given))?,
        None => url(address),
    };
    Ok(Arc::new(Issuer::new(url)))
}

fn history_of(clock: &Clock, messages: usize) -> Arc<History> {
    let messages = messages.min(MAX_HISTORY_MESSAGES);
    Arc::new(History::new(clock.clone(), messages))
}

/// Does something that has no end, until the emulator stops.
async fn until(stopping: CancellationToken, work: impl Future<Output = ()>) {
    stopping.run_until_cancelled(work).await;
}

/// Tells when the data folder keeps nothing any more; whoever calls hears it, too.
async fn watch(keeper: Keeper) {
    if let Some(keeping) = keeper {
        let error = keeping.failed().await;
        tracing::error!(%error, "the data folder keeps nothing any more: what comes now is lost with the process");
    }
}

/// So that the first push does not wait for it.
async fn make_first_key(issuer: Arc<Issuer>) {
    issuer.ready().await;
}

/// Where it listens in the end, too, as port 0 is any that is free.
fn open_port(
    address: SocketAddr,
    allow_remote: bool,
) -> Result<(TcpListener, SocketAddr), StartError> {
    if !allow_remote && !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let listener = listen(address).map_err(|source| StartError::Listen { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    Ok((listener, address))
}

/// The process may have a provider of its own, which is as good.
fn install_cryptography() {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().ok();
}
