//! Finds the master with the help of Sentinels.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, Value};

use super::address::RedisAddress;

pub(super) struct Sentinels {
    sentinels: Vec<Client>,
    master: String,
    address: RedisAddress,
}

impl Sentinels {
    pub(super) fn new(address: RedisAddress, master: String) -> RedisResult<Self> {
        let sentinels = address.named()?.into_iter().map(Client::open);
        Ok(Self {
            sentinels: sentinels.collect::<Result<_, _>>()?,
            master,
            address,
        })
    }

    /// Connects to the first master that a Sentinel names and that confirms its role. All Sentinels are queried concurrently, so
    /// that a frozen one does not delay the others.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let queries = self.sentinels.iter().map(|one| self.by(one, config));
        let mut queries: FuturesUnordered<_> = queries.collect();
        let mut last_error = None;
        while let Some(answer) = queries.next().await {
            match answer {
                Ok(master) => return Ok(master),
                // An error of a Sentinel that answered is more exact than a time-out.
                Err(error) if last_error.is_none() || !error.is_io_error() => {
                    last_error = Some(error)
                }
                Err(_) => {}
            }
        }
        Err(last_error.unwrap_or_else(|| (ErrorKind::EmptySentinelList, "no Sentinel").into()))
    }

    /// Connects to the master that this Sentinel names, and checks its role: after a fail-over the server may be a replica, which
    /// rejects every write.
    async fn by(
        &self,
        sentinel: &Client,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let mut sentinel = sentinel
            .get_multiplexed_async_connection_with_config(config)
            .await?;
        let named: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&self.master)
            .query_async(&mut sentinel)
            .await?;
        let (host, port) = named.ok_or_else(|| self.unknown())?;
        let client = Client::open(self.address.master(&host, port)?)?;
        let mut master = client
            .get_multiplexed_async_connection_with_config(config)
            .await?;
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut master).await?;
        let role = role.into_iter().next().unwrap_or(Value::Nil);
        let role: String = redis::from_redis_value(role)?;
        if role == "master" {
            return Ok(master);
        }
        Err((
            ErrorKind::Io,
            "the server that the Sentinel names is not a master",
            format!("{host}:{port} is a {role}"),
        )
            .into())
    }

    fn unknown(&self) -> RedisError {
        (
            ErrorKind::MasterNameNotFoundBySentinel,
            "the Sentinels have no master of this name",
            self.master.clone(),
        )
            .into()
    }
}
