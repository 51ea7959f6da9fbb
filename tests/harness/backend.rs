//! The store of one test: its servers, and the network before them.

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pushgate::dedup::DedupStore;

use super::firestore_emulator::{FirestoreEmulator, store_within};
use super::network::{Network, Weather};
use super::redis_cluster::RedisCluster;
use super::redis_server::{RedisServer, redis_store_within};

/// The process or processes of a store.
#[async_trait]
pub(crate) trait Server: Send + Sync {
    /// Sends SIGKILL to each.
    fn kill(&mut self);
    /// Starts each again with its data, and waits until it answers.
    async fn restart(&mut self);
    /// Sends SIGSTOP: connections stay open without answers.
    fn freeze(&self);
    /// Sends SIGCONT.
    fn thaw(&self);
}

/// Sends a signal such as `-STOP`.
pub(crate) fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(sent.success());
}

pub(crate) struct Backend {
    pub(crate) server: Box<dyn Server>,
    networks: Vec<Network>,
    /// Returns a store that never fails.
    _others: Vec<RedisServer>,
    open: Box<dyn Fn(Duration) -> Arc<dyn DedupStore> + Send + Sync>,
}

impl Backend {
    pub(crate) async fn redis_single() -> Self {
        let server = RedisServer::start().await;
        let network = Network::before(server.port);
        let url = format!("redis://127.0.0.1:{}", network.port());
        Self::redis_at(url, server, vec![network], Vec::new())
    }

    /// One master that Sentinel never replaces, since fail-overs have tests of their own.
    pub(crate) async fn redis_sentinel() -> Self {
        let server = RedisServer::start().await;
        let network = Network::before(server.port);
        let sentinel = RedisServer::sentinel(network.port(), Duration::from_secs(600), "").await;
        let url = format!("redis-sentinel://127.0.0.1:{}/main", sentinel.port);
        Self::redis_at(url, server, vec![network], vec![sentinel])
    }

    pub(crate) async fn redis_cluster() -> Self {
        let mut cluster = RedisCluster::start(false, Duration::from_secs(600)).await;
        let (url, networks) = (cluster.url(), std::mem::take(&mut cluster.networks));
        Self::redis_at(url, cluster, networks, Vec::new())
    }

    pub(crate) async fn firestore() -> Self {
        let server = FirestoreEmulator::start().await;
        let network = Network::before(server.port);
        let host = format!("127.0.0.1:{}", network.port());
        Self {
            server: Box::new(server),
            networks: vec![network],
            _others: Vec::new(),
            open: Box::new(move |timeout| store_within(&host, "test-project", timeout)),
        }
    }

    fn redis_at(
        url: String,
        server: impl Server + 'static,
        networks: Vec<Network>,
        others: Vec<RedisServer>,
    ) -> Self {
        Self {
            server: Box::new(server),
            networks,
            _others: others,
            open: Box::new(move |timeout| redis_store_within(&url, timeout)),
        }
    }

    /// Returns a store with separate connections.
    pub(crate) fn store(&self, timeout: Duration) -> Arc<dyn DedupStore> {
        (self.open)(timeout)
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.networks
            .iter()
            .for_each(|network| network.set(weather));
    }

    pub(crate) fn cut(&self) {
        self.networks.iter().for_each(Network::cut);
    }
}
