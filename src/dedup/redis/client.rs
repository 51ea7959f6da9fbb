//! The client of Redis: it connects on first use, bounds each command in time, and reconnects after a failure.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError,
    RedisFuture, RedisResult, ServerErrorKind, Value,
};
use tokio::time::timeout;

use super::address::{Kind, RedisAddress};
use super::sentinel::Sentinels;
use crate::dedup::connection::SharedConnection;

pub(super) struct RedisClient {
    route: Route,
    timeout: Duration,
    connection: SharedConnection<Connection>,
}

enum Route {
    Single(Client),
    Cluster(Box<ClusterClient>),
    Sentinel(Sentinels),
}

/// A connection to one server or to a whole cluster, shared by concurrent steps.
#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl RedisClient {
    pub(super) fn new(address: &RedisAddress, timeout: Duration) -> RedisResult<Self> {
        let nodes = address.named()?;
        let route = match (&address.kind, nodes.first()) {
            (Kind::Single, Some(node)) => Route::Single(Client::open(node.clone())?),
            (Kind::Sentinel { master, .. }, _) => {
                Route::Sentinel(Sentinels::new(address.clone(), master.clone())?)
            }
            (Kind::Single | Kind::Cluster, _) => {
                let mut cluster = ClusterClientBuilder::new(nodes)
                    // A frozen node must leave time for the others when the topology is refreshed.
                    .connection_timeout(timeout / 3)
                    .response_timeout(timeout)
                    // With the library's defaults a step for a failed node would use up its whole time.
                    .retries(3)
                    .min_retry_wait(20)
                    .max_retry_wait(100);
                if let Some(certificates) = address.certificates() {
                    cluster = cluster.certs(certificates);
                }
                Route::Cluster(Box::new(cluster.build()?))
            }
        };
        Ok(Self {
            route,
            timeout,
            connection: SharedConnection::default(),
        })
    }

    /// Sends a command. The time limit includes the connecting.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        self.within(async |connection| command.query_async(connection).await)
            .await
    }

    /// Checks that the server answers. In a cluster one master is enough, since the messages of that master can be handled.
    pub(super) async fn ping(&self) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        self.within(async |connection| match connection {
            Connection::Server(server) => ping.query_async(server).await,
            Connection::Cluster(cluster) => {
                let masters = MultipleNodeRoutingInfo::AllMasters;
                let routing = RoutingInfo::MultiNode((masters, Some(ResponsePolicy::OneSucceeded)));
                let _answer = cluster.route_command(ping, routing).await?;
                Ok(())
            }
        })
        .await
    }

    /// Sends a command to each master. The answers of a cluster have the addresses of the masters.
    pub(super) async fn query_each<T: FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> RedisResult<BTreeMap<String, T>> {
        self.within(async |connection| match connection {
            Connection::Server(server) => {
                let answer = command.query_async(server).await?;
                Ok(BTreeMap::from([(String::new(), answer)]))
            }
            Connection::Cluster(cluster) => {
                let masters = MultipleNodeRoutingInfo::AllMasters;
                let routing = RoutingInfo::MultiNode((masters, None));
                let answers = cluster.route_command(command.clone(), routing).await?;
                Ok(redis::from_redis_value(answers)?)
            }
        })
        .await
    }

    async fn within<T>(
        &self,
        step: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut used = None;
        let answer = timeout(self.timeout, async {
            let used = used.insert(self.connection.get(self.connect()).await?);
            step(&mut used.connection.clone()).await
        });
        let answer = answer.await.unwrap_or_else(|_| Err(timed_out()));
        if let (Err(error), Some(used)) = (&answer, &used)
            && is_connection_fault(error)
        {
            self.connection.discard(used, is_dead(error));
        }
        answer
    }

    async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        match &self.route {
            Route::Single(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(Connection::Server),
            Route::Sentinel(sentinels) => sentinels.connect(&config).await.map(Connection::Server),
            Route::Cluster(cluster) => cluster
                .get_async_connection()
                .await
                .map(Connection::Cluster),
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(commands, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// Returns true if the error concerns the connection, and not the command or the record.
fn is_connection_fault(error: &RedisError) -> bool {
    let is_rejected = matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::NoScript | ServerErrorKind::NoPerm)
    );
    !is_rejected && !matches!(error.code(), Some("CORRUPT" | "OOM"))
}

/// Returns true for a broken connection, and for one to a server that is no longer a master.
fn is_dead(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn timed_out() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}
