//! Asks Sentinels where the master is.

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

    /// Connects to the master that the first Sentinel names rightly. All are asked at once: one that is frozen, or names a
    /// server that is gone, must not delay the others.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let asked = self.sentinels.iter().map(|one| self.by(one, config));
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut telling = None;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(master) => return Ok(master),
                // What a Sentinel says tells more than that another does not answer.
                Err(error) if telling.is_none() || !error.is_io_error() => telling = Some(error),
                Err(_) => {}
            }
        }
        Err(telling.unwrap_or_else(|| (ErrorKind::EmptySentinelList, "no Sentinel").into()))
    }

    /// A server that was the master before may still call itself one for a moment after its restart, but it may also have
    /// become a replica, which would refuse every write.
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
            "the server that Sentinel names is not a master yet",
            format!("{host}:{port} is a {role}"),
        )
            .into())
    }

    fn unknown(&self) -> RedisError {
        (
            ErrorKind::MasterNameNotFoundBySentinel,
            "the Sentinels know no master of this name",
            self.master.clone(),
        )
            .into()
    }
}
