//! Starts and stops an emulator, and is its library interface.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::api;
use crate::broker::Broker;
use crate::connections::Connections;
use crate::delivery::{Courier, DeliveryEvent, Pace};
use crate::error::ApiError;
use crate::issuer::Issuer;
use crate::message::{Message, ReceivedMessage};
use crate::name::ResourceName;
use crate::subscription::{PushConfig, SubscriptionConfig};

/// How long clients have to take the end of their answers when the emulator stops, before their connections are cut.
const STOP_TIME: Duration = Duration::from_secs(2);

/// How an emulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Default: 127.0.0.1, port 0.
    pub address: SocketAddr,
    /// Whether `address` may be reachable from other machines, to all of whom the emulator would sign tokens. Default: no.
    pub allow_remote: bool,
    /// Whether subscriptions hold themselves back as Google's do. Default: they do.
    pub pace: Pace,
    /// What decides about faults that have no seed of their own ([`Faults`](crate::Faults)). Default: random.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            pace: Pace::default(),
            // Short enough to be typed again.
            seed: rand::random::<u32>().into(),
        }
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It would be reachable from other machines, and was not told that it may.
    #[error(
        "{0} is not a loopback address: listen on 127.0.0.1, or allow remote clients (--allow-remote)"
    )]
    NotLoopback(SocketAddr),
    /// It was not started on a Tokio runtime.
    #[error("the emulator must be started on a Tokio runtime")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The HTTP client that pushes cannot be set up.
    #[error("cannot set up the HTTP client that pushes")]
    Client(#[source] reqwest::Error),
}

impl StartError {
    /// Whether the same start can succeed later: a taken port may become free.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Listen { .. })
    }
}

/// A running emulator; dropping it stops everything that it started.
pub struct Emulator {
    address: SocketAddr,
    broker: Arc<Broker>,
    courier: Courier,
    issuer: Arc<Issuer>,
    tasks: TaskTracker,
    stopping: DropGuard,
    seed: u64,
}

impl Emulator {
    /// Starts an emulator on the current Tokio runtime. It accepts connections when this returns.
    ///
    /// # Errors
    /// If the address is taken or not allowed, or if there is no runtime.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            address,
            allow_remote,
            pace,
            seed,
        } = options;
        if !allow_remote && !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let runtime = Handle::try_current().map_err(StartError::NoRuntime)?;
        let listener = listen(address).map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        // The process may have a provider of its own, which is as good.
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.install_default().ok();

        let issuer = Arc::new(Issuer::new(url(address)));
        let courier = Courier::new(Arc::clone(&issuer)).map_err(StartError::Client)?;
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let broker = Arc::new(Broker::new(
            courier.clone(),
            pace,
            runtime.clone(),
            tasks.clone(),
            stopping.clone(),
        ));
        let router = api::router(Arc::clone(&broker), Arc::clone(&issuer));
        tasks.spawn_on(serve(listener, router, stopping.clone()), &runtime);
        let early = Arc::clone(&issuer);
        tasks.spawn_on(async move { early.ready().await }, &runtime);
        Ok(Self {
            address,
            broker,
            courier,
            issuer,
            tasks,
            stopping: stopping.drop_guard(),
            seed,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT`. Without the scheme it is what `PUBSUB_EMULATOR_HOST` should hold.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// The issuer of the tokens that pushes carry.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What decides about faults that have no seed of their own.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Creates a topic; `name` is `projects/PROJECT/topics/ID`.
    ///
    /// # Errors
    /// If the name is bad or taken.
    pub fn create_topic(&self, name: &str) -> Result<(), ApiError> {
        self.broker
            .create_topic(ResourceName::topic(name)?, BTreeMap::new())
    }

    pub(crate) fn create_labelled_topic(
        &self,
        name: &str,
        labels: BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        self.broker.create_topic(ResourceName::topic(name)?, labels)
    }

    /// Creates a subscription, which receives what is published from now on.
    ///
    /// # Errors
    /// If its name is taken, a field is out of range, or a topic that it names does not exist.
    pub fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), ApiError> {
        self.broker.create_subscription(config)?;
        Ok(())
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
    /// later messages of its key follow it again (Google, *Order messages*). The last 10,000 settled messages of a
    /// subscription are remembered, up to 64 MiB, until the emulator runs short of room for new ones.
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

    /// Every push from now on: its start, and its end. A push that is aborted, because its subscription was deleted or the
    /// emulator stops, has no end. A listener that falls 4,096 events behind loses the oldest.
    #[must_use]
    pub fn delivery_events(&self) -> broadcast::Receiver<DeliveryEvent> {
        self.courier.events()
    }

    /// Stops listening and pushing, aborts what is under way, and returns when all of it has ended: at once, or two seconds
    /// later if a client keeps its connection open, which is cut then.
    pub async fn stop(self) {
        drop(self.stopping);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Binds without waiting, so that an emulator can be started from plain functions too.
fn listen(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Serves until `stopping` is cancelled and all connections have ended.
async fn serve(listener: tokio::net::TcpListener, router: Router, stopping: CancellationToken) {
    let closing = CancellationToken::new();
    let connections = Connections::new(listener, closing.clone());
    let served = axum::serve(connections, router)
        .with_graceful_shutdown(stopping.clone().cancelled_owned())
        .into_future();
    // This never ends: once their connections are cut, serving does.
    let patience = async {
        stopping.cancelled().await;
        sleep(STOP_TIME).await;
        closing.cancel();
        std::future::pending::<()>().await;
    };
    let served = tokio::select! {
        served = served => served,
        () = patience => return,
    };
    if let Err(error) = served {
        tracing::error!(%error, "the emulator stopped listening");
    }
}

/// How a client on this machine reaches the address.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
