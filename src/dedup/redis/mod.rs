//! The store in Redis or Valkey: a single server, a cluster, or with Sentinels. Each message is one string.

mod address;
mod advice;
mod client;
mod clock;
mod operator;
mod scripts;
mod sentinel;
mod url;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use tokio::time::Instant;

pub use self::address::{RedisAddress, RedisAddressError};
use self::client::RedisClient;
use self::clock::ServerClock;
use self::scripts::{Scripts, Step};
use super::{
    Claim, ClaimStore, DedupStore, Earlier, MessageKey, Record, StepResult, StoreError, Ticket,
    TicketStore,
};

/// A store in a Redis or Valkey that all instances share.
pub struct RedisStore {
    client: RedisClient,
    scripts: Scripts,
    clock: ServerClock,
    timeout: Duration,
    address: ServerAddress,
}

/// The address for errors, with masked passwords.
struct ServerAddress {
    text: String,
    is_tls: bool,
}

/// The error of a server that does not answer, or rejects a step.
#[derive(Debug, thiserror::Error)]
#[error("{address}")]
struct ServerError {
    /// The address, and the settings to check.
    address: String,
    source: RedisError,
}

impl RedisStore {
    /// Creates a store at `address`. It connects on first use, and reconnects after an outage. A step without an answer within
    /// `timeout` is an error.
    ///
    /// # Errors
    /// The certificates that the address trusts cannot be used.
    pub fn new(address: &RedisAddress, timeout: Duration) -> Result<Self, StoreError> {
        let server = ServerAddress {
            text: address.to_string(),
            is_tls: address.is_tls,
        };
        Ok(Self {
            client: RedisClient::new(address, timeout).map_err(|error| server.error(error))?,
            scripts: Scripts::new(),
            clock: ServerClock::new(),
            timeout,
            address: server,
        })
    }

    async fn run<T: FromRedisValue>(
        &self,
        step: &Step,
        key: &impl Display,
        arguments: &[String],
    ) -> Result<T, StoreError> {
        let key = format!("pushgate:{key}");
        match self.client.query(&step.by_hash(&key, arguments)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.client.query(&step.in_full(&key, arguments)).await
            }
            answer => answer,
        }
        .map_err(|error| self.address.error(error))
    }

    async fn with<T: FromRedisValue>(&self, step: &Step, ticket: &Ticket) -> Result<T, StoreError> {
        let fingerprint = ticket
            .fingerprint
            .map(|fingerprint| fingerprint.to_string());
        let arguments = [
            ticket.owner.simple().to_string(),
            ticket.lease.as_millis().to_string(),
            ticket.window.max(ticket.lease).as_millis().to_string(),
            fingerprint.unwrap_or_default(),
            self.clock.deadline_ms(self.timeout).to_string(),
        ];
        self.run(step, &ticket.key, &arguments).await
    }

    /// Sends a claim. Returns `None` if it reached the server after its deadline, which relies on an estimate of the server's clock.
    async fn try_claim(&self, ticket: &Ticket) -> Result<Option<Claim>, StoreError> {
        let sent = Instant::now();
        let (answer, number, fingerprint, earlier, now): (String, u32, String, u8, i64) =
            self.with(&self.scripts.claim, ticket).await?;
        self.clock.update(now, sent);
        match answer.as_str() {
            "granted" => Ok(Some(Claim::Granted {
                number,
                earlier: match earlier {
                    0 => Earlier::Nothing,
                    1 => Earlier::RunLost,
                    _ => Earlier::Parked,
                },
            })),
            "in progress" => Ok(Some(Claim::InProgress)),
            "done" => Ok(Some(Claim::Done(fingerprint.parse().ok()))),
            "late" => Ok(None),
            _ => Err(StoreError::Corrupt),
        }
    }

    /// Sends the beginning of a run. Returns `None` if it reached the server after its deadline.
    async fn try_begin(&self, ticket: &Ticket) -> Result<Option<StepResult>, StoreError> {
        let sent = Instant::now();
        let (answer, now): (String, i64) = self.with(&self.scripts.begin, ticket).await?;
        self.clock.update(now, sent);
        match answer.as_str() {
            "held" => Ok(Some(StepResult::Done)),
            "lost" => Ok(Some(StepResult::ClaimLost)),
            "late" => Ok(None),
            _ => Err(StoreError::Corrupt),
        }
    }

    async fn hold(&self, step: &Step, ticket: &Ticket) -> Result<StepResult, StoreError> {
        let is_held: bool = self.with(step, ticket).await?;
        Ok(if is_held {
            StepResult::Done
        } else {
            StepResult::ClaimLost
        })
    }
}

#[async_trait]
impl ClaimStore for RedisStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        match self.try_claim(ticket).await? {
            Some(claim) => Ok(claim),
            // The answer had the server's time, so the second claim has the right deadline.
            None => self.try_claim(ticket).await?.ok_or_else(too_late),
        }
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        let no_owner = ["none".to_owned()];
        let (state, fingerprint): (String, String) =
            self.run(&self.scripts.look, key, &no_owner).await?;
        match state.as_str() {
            "absent" => Ok(Record::Absent),
            "held" => Ok(Record::InProgress),
            "expired" => Ok(Record::Expired),
            "d" => Ok(Record::Done(fingerprint.parse().ok())),
            _ => Err(StoreError::Corrupt),
        }
    }
}

#[async_trait]
impl TicketStore for RedisStore {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        match self.try_begin(ticket).await? {
            Some(hold) => Ok(hold),
            None => self.try_begin(ticket).await?.ok_or_else(too_late),
        }
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.hold(&self.scripts.renew, ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.hold(&self.scripts.finish, ticket).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.hold(&self.scripts.release, ticket).await
    }
}

#[async_trait]
impl DedupStore for RedisStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let answer = self.client.ping().await;
        answer.map_err(|error| self.address.error(error))
    }

    fn system(&self) -> &'static str {
        "redis"
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        let answer = advice::advice(&self.client).await;
        answer.map_err(|error| self.address.error(error))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the step reached the server after its deadline")]
struct TooLate;

fn too_late() -> StoreError {
    StoreError::Unavailable(Arc::new(TooLate))
}

#[derive(Debug, thiserror::Error)]
#[error("the server is a node of a cluster: use redis-cluster:// in PUSHGATE_STORE")]
struct IsACluster(#[source] RedisError);

/// Returns true for errors of the network, and for those of a server that loads its data or fails over. Other answers of a server,
/// such as `NOAUTH` or `OOM`, need an operator.
fn is_transient(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_cluster_error()
        || matches!(
            error.code(),
            Some("LOADING" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "READONLY" | "NOREPLICAS")
        )
        || matches!(
            error.kind(),
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound
        )
}

impl ServerAddress {
    fn error(&self, source: RedisError) -> StoreError {
        if source.code() == Some("CORRUPT") {
            return StoreError::Corrupt;
        }
        if source.kind() == ErrorKind::Server(ServerErrorKind::Moved) {
            return StoreError::Rejected(Arc::new(IsACluster(source)));
        }
        let text = &self.text;
        let is_transient = is_transient(&source);
        let address = match (is_transient, self.is_tls) {
            (true, false) => format!("{text}, check PUSHGATE_STORE"),
            (true, true) => format!("{text}, check PUSHGATE_STORE and PUSHGATE_STORE_CA_FILE"),
            (false, _) => format!("{text}, check PUSHGATE_STORE and PUSHGATE_STORE_PASSWORD"),
        };
        let error = Arc::new(ServerError { address, source });
        if is_transient {
            StoreError::Unavailable(error)
        } else {
            StoreError::Rejected(error)
        }
    }
}
