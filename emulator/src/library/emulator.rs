//! A running emulator: start, stop, and the calls for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::{Options, StartError};
use super::start::{
    Closing, OpenPort, Stopping, history_of, install_cryptography, make_first_key, surface, until,
    watch,
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
use crate::server::serve;

/// A running emulator. Dropping it stops all its tasks.
///
/// With a data folder, its API and console respond once a change is on the disk. The calls of this library do not wait for
/// that. Their changes are lost if the process is killed immediately afterwards, but not if the emulator is stopped or
/// dropped.
pub struct Emulator {
    /// Dropped first: messages that are dropped after it remain in the data folder.
    stopping: Stopping,
    data_folder: Closing,
    address: SocketAddr,
    certificate: Option<String>,
    pub(super) broker: Arc<Broker>,
    pusher: Pusher,
    issuer: Arc<Issuer>,
    tasks: TaskTracker,
    seed: u64,
}

impl Emulator {
    /// Starts an emulator for tests, on a free port of this machine. It pushes as fast as endpoints allow.
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
    /// If the address is in use or not allowed, or if there is no runtime.
    pub fn start_with(options: Options) -> Result<Self, StartError> {
        options.faults.check()?;
        let runtime = Handle::try_current().map_err(StartError::NoRuntime)?;
        install_cryptography();
        let port = OpenPort::bind(&options)?;
        let (address, issuer) = (port.address, port.issuer);
        let clock = Clock::default();
        let history = history_of(&clock, options.history_messages);
        let pusher = Pusher::new(Arc::clone(&issuer), clock.clone());
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let (data_folder, saved) = DataFolder::open(options.data_folder.as_deref(), &stopping)?;
        let context = BrokerContext {
            runtime,
            tasks: tasks.clone(),
            stopping: stopping.clone(),
            data_folder: data_folder.clone(),
            seed: options.seed,
            faults: options.faults,
            is_strict: options.strict,
            creates_missing: options.create_missing,
            history: Arc::clone(&history),
        };
        let broker = Arc::new(Broker::new(
            pusher.clone(),
            clock.clone(),
            options.pace,
            context,
        ));
        if let Some(saved) = saved {
            broker.restore(saved).map_err(StartError::Restore)?;
        }
        let sweeping = Broker::keep_sweeping(Arc::downgrade(&broker), clock);
        broker.spawn(until(stopping.clone(), sweeping));
        broker.spawn(until(stopping.clone(), watch(data_folder.clone())));
        let router = surface(&broker, &issuer, (history, address), stopping.clone());
        broker.spawn(serve(port.listener, port.tls, router, stopping.clone()));
        broker.spawn(make_first_key(Arc::clone(&issuer)));
        Ok(Self {
            address,
            certificate: port.certificate,
            broker,
            pusher,
            issuer,
            tasks,
            data_folder: Closing(data_folder),
            seed: options.seed,
            stopping: Stopping(stopping),
        })
    }

    /// Returns the listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the generated certificate as PEM, which clients must trust: see [`Tls::Generated`](crate::Tls::Generated).
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Returns `http://HOST:PORT`, with TLS `https://HOST:PORT`, or the public URL of the options. `PUBSUB_EMULATOR_HOST` takes
    /// it without the scheme; to Google's clients it means a port without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        self.issuer.url().to_owned()
    }

    /// Returns the issuer of the tokens that pushes carry.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Returns the default seed of faults.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the time of the emulator's clock, UTC in whole milliseconds.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.broker.now()
    }

    /// Advances the emulator's clock, by a thousand years in all at most. Deadlines, waits, retention and expirations
    /// within this time end now. Tokens keep the time of the machine's clock, which receivers use.
    pub fn advance(&self, by: Duration) {
        self.broker.advance(by);
    }

    /// Publishes one message and returns its id.
    ///
    /// # Errors
    /// If there is no such topic, if the message exceeds a limit, or if the backlog of a subscription is full.
    pub fn publish(&self, topic: &str, message: Message) -> Result<String, ApiError> {
        let topic = ResourceName::topic(topic)?;
        let ids = self.broker.publish(&topic, vec![message])?;
        // One message has one id.
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    /// Pushes a message once more under the same id, as at-least-once delivery permits, even if it was acked.
    ///
    /// A push that is under way continues beside the new one, and each has its own settlement. With ordering, the later
    /// messages of its key are redelivered too (Google, *Order messages*). The last 5,000 settled messages of all
    /// subscriptions, up to 2 MiB, can be delivered again. They are evicted earlier if new messages need the memory.
    ///
    /// # Errors
    /// If the subscription does not exist, or if the message is unknown.
    pub fn deliver_again(&self, subscription: &str, message_id: &str) -> Result<(), ApiError> {
        let name = ResourceName::subscription(subscription)?;
        self.broker.subscription(&name)?.redeliver(message_id)
    }

    /// Returns the unacknowledged messages of a subscription, in the order of publishing. Without a push endpoint these are
    /// all that it received. An unknown subscription has none.
    #[must_use]
    pub fn unacked_messages(&self, subscription: &str) -> Vec<ReceivedMessage> {
        let name = ResourceName::subscription(subscription);
        let delivery = name.and_then(|name| self.broker.subscription(&name));
        let unacked = delivery
            .map(|delivery| delivery.unacked_messages())
            .unwrap_or_default();
        unacked.iter().map(|message| (**message).clone()).collect()
    }

    /// Deletes all resources of a project: its subscriptions, snapshots, topics and schemas, with all messages. Use it
    /// between tests. Message ids continue.
    ///
    /// # Errors
    /// If the id of the project is invalid.
    pub fn clear_project(&self, project: &str) -> Result<(), ApiError> {
        self.broker.clear_project(project)
    }

    /// Returns the events of all later pushes: their starts and ends. An aborted push has no end: its subscription was
    /// deleted, or the emulator stops. A receiver that is 4,096 events behind loses the oldest.
    #[must_use]
    pub fn delivery_events(&self) -> broadcast::Receiver<DeliveryEvent> {
        self.pusher.events()
    }

    /// Waits until a client requests shutdown by `POST /shutdown`, as with Google's emulator. After that the emulator
    /// neither accepts requests nor pushes, and [`stop`](Self::stop) waits for the rest. For programs that run an emulator.
    pub async fn shutdown_requested(&self) {
        self.stopping.0.cancelled().await;
    }

    /// Stops listening and pushing, aborts current pushes, and returns when all tasks have ended: immediately, or after two
    /// seconds if a client keeps its connection open. With a data folder, all earlier changes are then on the disk.
    pub async fn stop(self) {
        drop(self.stopping);
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(folder) = &self.data_folder.0 {
            folder.close().await;
        }
    }
}
