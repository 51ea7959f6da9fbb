//! Redis and Valkey, as one server, as a cluster, or with Sentinels: one string a message.

mod address;
mod advice;
mod clock;
mod link;
mod scripts;
mod sentinel;
mod url;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use tokio::time::Instant;

pub use self::address::{RedisAddress, RedisAddressError};
use self::clock::ServerClock;
use self::link::Link;
use self::scripts::{Scripts, Step};
use super::{
    Claim, ClaimStore, DedupStore, Hold, MessageKey, Record, StoreError, Ticket, TicketStore,
};

/// Keeps the records in a Redis or Valkey that all instances share.
pub struct RedisStore {
    link: Link,
    scripts: Scripts,
    clock: ServerClock,
    timeout: Duration,
    place: Place,
}

/// The address of the store, for errors; passwords are masked.
struct Place {
    address: String,
    is_tls: bool,
}

/// The error of a server that does not answer, or refuses.
#[derive(Debug, thiserror::Error)]
#[error("{place}")]
struct At {
    place: String,
    source: RedisError,
}

impl RedisStore {
    /// A store at `address`. It connects when first needed, and again by itself after a server was away; a step without an
    /// answer within `timeout` is an error.
    ///
    /// # Errors
    /// When the certificates that the address trusts cannot be used.
    pub fn new(address: &RedisAddress, timeout: Duration) -> Result<Self, StoreError> {
        let place = Place {
            address: address.to_string(),
            is_tls: address.is_tls,
        };
        Ok(Self {
            link: Link::new(address, timeout).map_err(|error| place.fails(error))?,
            scripts: Scripts::new(),
            clock: ServerClock::new(),
            timeout,
            place,
        })
    }

    async fn run<T: FromRedisValue>(
        &self,
        step: &Step,
        key: &MessageKey,
        arguments: &[String],
    ) -> Result<T, StoreError> {
        let key = format!("pushgate:{key}");
        match self.link.ask(&step.by_hash(&key, arguments)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.link.ask(&step.in_full(&key, arguments)).await
            }
            answer => answer,
        }
        .map_err(|error| self.place.fails(error))
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

    /// `None` if the server received it too late, by what was known of its clock.
    async fn try_claim(&self, ticket: &Ticket) -> Result<Option<Claim>, StoreError> {
        let asked = Instant::now();
        let (answer, number, fingerprint, is_run_lost, now): (String, u32, String, bool, i64) =
            self.with(&self.scripts.claim, ticket).await?;
        self.clock.learn(now, asked);
        match answer.as_str() {
            "granted" => Ok(Some(Claim::Granted {
                number,
                is_run_lost,
            })),
            "in progress" => Ok(Some(Claim::InProgress)),
            "done" => Ok(Some(Claim::Done(fingerprint.parse().ok()))),
            "late" => Ok(None),
            _ => Err(StoreError::Corrupt),
        }
    }

    /// `None` if the server received it too late, by what was known of its clock.
    async fn try_begin(&self, ticket: &Ticket) -> Result<Option<Hold>, StoreError> {
        let asked = Instant::now();
        let (answer, now): (String, i64) = self.with(&self.scripts.begin, ticket).await?;
        self.clock.learn(now, asked);
        match answer.as_str() {
            "held" => Ok(Some(Hold::Held)),
            "lost" => Ok(Some(Hold::Lost)),
            "late" => Ok(None),
            _ => Err(StoreError::Corrupt),
        }
    }

    async fn hold(&self, step: &Step, ticket: &Ticket) -> Result<Hold, StoreError> {
        let is_held: bool = self.with(step, ticket).await?;
        Ok(if is_held { Hold::Held } else { Hold::Lost })
    }
}

#[async_trait]
impl ClaimStore for RedisStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        match self.try_claim(ticket).await? {
            Some(claim) => Ok(claim),
            // The answer told the server's time, so the second one has the right deadline.
            None => self.try_claim(ticket).await?.ok_or_else(too_late),
        }
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        let nobody = ["nobody".to_owned()];
        let (state, fingerprint): (String, String) =
            self.run(&self.scripts.look, key, &nobody).await?;
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
    async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        match self.try_begin(ticket).await? {
            Some(hold) => Ok(hold),
            None => self.try_begin(ticket).await?.ok_or_else(too_late),
        }
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.hold(&self.scripts.renew, ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.hold(&self.scripts.finish, ticket).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.hold(&self.scripts.release, ticket).await
    }
}

#[async_trait]
impl DedupStore for RedisStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let answer = self.link.ping().await;
        answer.map_err(|error| self.place.fails(error))
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        let answer = advice::advice(&self.link).await;
        answer.map_err(|error| self.place.fails(error))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the server executed the step too late")]
struct TooLate;

fn too_late() -> StoreError {
    StoreError::Unavailable(Arc::new(TooLate))
}

#[derive(Debug, thiserror::Error)]
#[error("the server is a node of a cluster: use redis-cluster:// in PUSHGATE_STORE")]
struct IsACluster(#[source] RedisError);

/// Whatever may have happened in the network passes; what the server itself says (`NOAUTH`, `OOM`) wants a person, but for a
/// server that is still loading its data or failing over.
fn passes(error: &RedisError) -> bool {
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

impl Place {
    fn fails(&self, source: RedisError) -> StoreError {
        if source.code() == Some("CORRUPT") {
            return StoreError::Corrupt;
        }
        if source.kind() == ErrorKind::Server(ServerErrorKind::Moved) {
            return StoreError::Refused(Arc::new(IsACluster(source)));
        }
        let address = &self.address;
        let is_passing = passes(&source);
        let place = match (is_passing, self.is_tls) {
            (true, false) => format!("{address}, check PUSHGATE_STORE"),
            (true, true) => format!("{address}, check PUSHGATE_STORE and PUSHGATE_STORE_CA_FILE"),
            (false, _) => format!("{address}, check PUSHGATE_STORE and PUSHGATE_STORE_PASSWORD"),
        };
        let at = Arc::new(At { place, source });
        if is_passing {
            StoreError::Unavailable(at)
        } else {
            StoreError::Refused(at)
        }
    }
}
