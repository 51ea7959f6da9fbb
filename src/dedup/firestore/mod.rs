//! Firestore in native mode: one document a message, one conditional write a step, so that no transaction holds a lock
//! between two calls. A message without rivals costs two round trips: create if absent, then update what was created.
//!
//! A condition names the version of the document that this process saw last. When it fails, or an answer was lost, the
//! document is read, and its owner decides.

mod calls;
mod channel;
mod database;
mod document;
mod failure;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::precondition::ConditionType;
use moka::sync::Cache;
use prost_types::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use self::calls::{Calls, Committed};
use self::document::{Record as Document, Seen, State};
use super::{
    Claim, ClaimStore, DedupStore, Hold, MessageKey, Record, StoreError, Ticket, TicketStore,
};

pub use self::database::{FirestoreDatabase, NotADatabase};

/// Each round is lost to a rival that has won it, so somebody always gets on.
const ROUNDS: usize = 8;

/// Claims of this process whose versions are known; of more than these, some cost a read.
const KNOWN_VERSIONS: u64 = 50_000;

/// Keeps the records in a Firestore database that all instances share.
pub struct FirestoreStore {
    calls: Calls,
    timeout: Duration,
    /// By owner, what its claim looked like when this process wrote it.
    versions: Cache<Uuid, Version>,
}

/// A document as it was written.
#[derive(Clone)]
struct Version {
    update_time: Timestamp,
    number: u32,
    state: State,
}

/// What is done to a claim by its owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Renew,
    Finish,
    Release,
}

impl FirestoreStore {
    /// A store in `database`, or in the emulator at `emulator` (`HOST:PORT`). It connects when first needed; a step without an
    /// answer within `timeout` is an error.
    ///
    /// # Errors
    /// When there are no credentials, or no root certificates.
    pub fn new(
        database: &FirestoreDatabase,
        emulator: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            calls: Calls::new(database, emulator, timeout)?,
            timeout,
            versions: Cache::new(KNOWN_VERSIONS),
        })
    }

    async fn bounded<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let client = self.calls.client().await;
        let timed_out = || unavailable(TimedOut(self.calls.server()));
        let answer = timeout(self.timeout, step).await;
        let answer = answer.unwrap_or_else(|_| Err(timed_out()));
        if matches!(answer, Err(StoreError::Unavailable(_))) {
            self.calls.distrust(&client);
        }
        answer
    }

    /// Creates the document; if there is one already, does what it allows.
    async fn try_claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let (mut number, mut state) = (1, State::Held);
        let mut condition = ConditionType::Exists(false);
        for _ in 0..ROUNDS {
            if self.write(ticket, state, number, condition).await? {
                return Ok(Claim::Granted {
                    number,
                    is_run_lost: state == State::Lost,
                });
            }
            let seen = self.calls.read(&ticket.key).await?;
            condition = seen.unchanged();
            (number, state) = match seen.record {
                None => (1, State::Held),
                Some(ref record) => match record.state {
                    _ if seen.is_expired(record) => (1, State::Held),
                    State::Done => return Ok(Claim::Done(record.fingerprint)),
                    held if record.owner == ticket.owner => (record.number, held),
                    held if seen.has_expired_lease(record) => {
                        (record.number.saturating_add(1), held.taken_over())
                    }
                    State::Held | State::Begun | State::Lost => return Ok(Claim::InProgress),
                },
            };
        }
        Err(failure::contention())
    }

    /// Whether the document was written as it should be; if not, it is not what the condition says.
    async fn write(
        &self,
        ticket: &Ticket,
        state: State,
        number: u32,
        condition: ConditionType,
    ) -> Result<bool, StoreError> {
        let document = Document::of(ticket, state, number);
        match self.calls.put(&ticket.key, &document, condition).await? {
            Committed::Yes(update_time) if state != State::Done => {
                let version = Version {
                    update_time,
                    number,
                    state,
                };
                self.versions.insert(ticket.owner, version);
                Ok(true)
            }
            Committed::Yes(_) => Ok(true),
            Committed::Otherwise => Ok(false),
        }
    }

    /// A step of the claim's owner, on the version that this process knows, or else on the one that is read.
    async fn try_step(&self, ticket: &Ticket, step: Step) -> Result<Hold, StoreError> {
        let mut known = self.versions.remove(&ticket.owner);
        for _ in 0..ROUNDS {
            let version = match known.take() {
                Some(version) => version,
                None => match self.calls.read(&ticket.key).await?.claim_of(ticket.owner) {
                    Some(Seen {
                        record: Some(record),
                        update_time: Some(update_time),
                        ..
                    }) if record.state != State::Done => Version {
                        update_time,
                        number: record.number,
                        state: record.state,
                    },
                    Some(_) if step == Step::Finish => return Ok(Hold::Held), // its answer was lost
                    _ => return Ok(Hold::Lost),
                },
            };
            if self.apply(ticket, step, version).await? {
                return Ok(Hold::Held);
            }
        }
        Err(failure::contention())
    }

    async fn apply(
        &self,
        ticket: &Ticket,
        step: Step,
        version: Version,
    ) -> Result<bool, StoreError> {
        let condition = ConditionType::UpdateTime(version.update_time);
        let Version { number, state, .. } = version;
        match step {
            Step::Begin => self.write(ticket, State::Begun, number, condition).await,
            Step::Renew => self.write(ticket, state, number, condition).await,
            Step::Finish => self.write(ticket, State::Done, number, condition).await,
            Step::Release if state == State::Lost => {
                let lapsed = Ticket {
                    lease: Duration::ZERO,
                    ..ticket.clone()
                };
                self.write(&lapsed, state, number, condition).await
            }
            Step::Release => {
                let committed = self.calls.delete(&ticket.key, condition).await?;
                Ok(matches!(committed, Committed::Yes(_)))
            }
        }
    }
}

#[async_trait]
impl ClaimStore for FirestoreStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        self.bounded(self.try_claim(ticket)).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        let seen = self.bounded(self.calls.read(key)).await?;
        Ok(match seen.record {
            None => Record::Absent,
            Some(ref record) if seen.is_expired(record) => Record::Absent,
            Some(ref record) => match record.state {
                State::Done => Record::Done(record.fingerprint),
                _ if seen.has_expired_lease(record) => Record::Expired,
                State::Held | State::Begun | State::Lost => Record::InProgress,
            },
        })
    }
}

#[async_trait]
impl TicketStore for FirestoreStore {
    async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.bounded(self.try_step(ticket, Step::Begin)).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.bounded(self.try_step(ticket, Step::Renew)).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.bounded(self.try_step(ticket, Step::Finish)).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.bounded(self.try_step(ticket, Step::Release)).await
    }
}

#[async_trait]
impl DedupStore for FirestoreStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let nobody = MessageKey {
            subscription: "ping".into(),
            epoch: 0,
            id: String::new(),
        };
        self.bounded(self.calls.read(&nobody)).await.map(drop)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no answer from {0} within PUSHGATE_STORE_TIMEOUT_MILLISECONDS")]
struct TimedOut(String);

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Arc::new(error))
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Refused(Arc::new(error))
}
