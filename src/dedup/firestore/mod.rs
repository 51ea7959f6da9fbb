//! The store in Firestore (native mode): one document for each message, one conditional write for each step. There is no
//! transaction, which would hold a lock between two calls. A message without concurrent deliveries costs two round trips: a create
//! and an update.
//!
//! A condition names the version of the document that this process saw last. If it fails, or an answer was lost, the step reads
//! the document and compares its owner.

mod calls;
mod channel;
mod database;
mod document;
mod failure;
mod operator;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::precondition::ConditionType;
use moka::sync::Cache;
use prost_types::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use self::calls::{Calls, Committed};
use self::document::{Record as Document, Snapshot, State};
use super::{
    Claim, ClaimStore, DedupStore, Earlier, MessageKey, Record, StepResult, StoreError, Ticket,
    TicketStore,
};

pub use self::database::{FirestoreDatabase, NotADatabase};

/// The most writes of a step. A write fails only if a concurrent one succeeds, so one delivery always proceeds.
const ROUNDS: usize = 8;

/// The capacity for the versions of own claims. A claim that was evicted costs a read.
const KNOWN_VERSIONS: u64 = 50_000;

/// A store in a Firestore database that all instances share.
pub struct FirestoreStore {
    calls: Calls,
    timeout: Duration,
    /// The versions that this process wrote, by the owners of the claims.
    versions: Cache<Uuid, Version>,
}

/// A version of a document.
#[derive(Clone)]
struct Version {
    update_time: Timestamp,
    number: u32,
    state: State,
}

/// A step of the holder of a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Renew,
    Finish,
    Release,
}

impl FirestoreStore {
    /// Creates a store in `database`, or in the emulator at `emulator` (`HOST:PORT`). It connects on first use. A step without an
    /// answer within `timeout` is an error.
    ///
    /// # Errors
    /// There are no credentials, or no root certificates.
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
            self.calls.discard(&client);
        }
        answer
    }

    /// Creates the document, or takes over an expired claim in it.
    async fn try_claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let (mut number, mut state) = (1, State::Claimed);
        let mut condition = ConditionType::Exists(false);
        for _ in 0..ROUNDS {
            if self.write(ticket, state, number, condition).await? {
                return Ok(Claim::Granted {
                    number,
                    earlier: match state {
                        State::RunLost => Earlier::RunLost,
                        State::Parked => Earlier::Parked,
                        State::Claimed | State::Begun | State::Done => Earlier::Nothing,
                    },
                });
            }
            let snapshot = self.calls.read(&ticket.key).await?;
            condition = snapshot.unchanged();
            (number, state) = match snapshot.record {
                None => (1, State::Claimed),
                Some(ref record) => match record.state {
                    _ if snapshot.is_expired(record) => (1, State::Claimed),
                    State::Done => return Ok(Claim::Done(record.fingerprint)),
                    held if record.owner == ticket.owner => (record.number, held),
                    held if snapshot.has_expired_lease(record) => {
                        (record.number.saturating_add(1), held.taken_over())
                    }
                    _ => return Ok(Claim::InProgress),
                },
            };
        }
        Err(failure::contention())
    }

    /// Writes the document. Returns false if the condition does not hold.
    async fn write(
        &self,
        ticket: &Ticket,
        state: State,
        number: u32,
        condition: ConditionType,
    ) -> Result<bool, StoreError> {
        let document = Document::of(ticket, state, number);
        let fields = document.fields(&ticket.key, self.calls.server_now());
        match self.calls.put(&ticket.key, fields, condition).await? {
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
            Committed::ConditionFailed => Ok(false),
        }
    }

    /// Runs a step of the holder on the version that this process knows, or on the one that it reads.
    async fn try_step(&self, ticket: &Ticket, step: Step) -> Result<StepResult, StoreError> {
        let mut known = self.versions.remove(&ticket.owner);
        for _ in 0..ROUNDS {
            let version = match known.take() {
                Some(version) => version,
                None => match self.calls.read(&ticket.key).await?.owned_by(ticket.owner) {
                    Some(Snapshot {
                        record: Some(record),
                        update_time: Some(update_time),
                        ..
                    }) if record.state != State::Done => Version {
                        update_time,
                        number: record.number,
                        state: record.state,
                    },
                    Some(_) if step == Step::Finish => return Ok(StepResult::Done), // an earlier answer was lost
                    _ => return Ok(StepResult::ClaimLost),
                },
            };
            if self.apply(ticket, step, version).await? {
                return Ok(StepResult::Done);
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
            Step::Release if matches!(state, State::RunLost | State::Parked) => {
                let expired = Ticket {
                    lease: Duration::ZERO,
                    ..ticket.clone()
                };
                self.write(&expired, state, number, condition).await
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
        let snapshot = self.bounded(self.calls.read(key)).await?;
        Ok(match snapshot.record {
            None => Record::Absent,
            Some(ref record) if snapshot.is_expired(record) => Record::Absent,
            Some(ref record) => match record.state {
                State::Done => Record::Done(record.fingerprint),
                _ if snapshot.has_expired_lease(record) => Record::Expired,
                _ => Record::InProgress,
            },
        })
    }
}

#[async_trait]
impl TicketStore for FirestoreStore {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.bounded(self.try_step(ticket, Step::Begin)).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.bounded(self.try_step(ticket, Step::Renew)).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.bounded(self.try_step(ticket, Step::Finish)).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.bounded(self.try_step(ticket, Step::Release)).await
    }
}

#[async_trait]
impl DedupStore for FirestoreStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let probe = MessageKey {
            subscription: "ping".into(),
            epoch: 0,
            id: String::new(),
        };
        self.bounded(self.calls.read(&probe)).await.map(drop)
    }

    fn system(&self) -> &'static str {
        "firestore"
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no answer from {0} within PUSHGATE_STORE_TIMEOUT_MILLISECONDS")]
struct TimedOut(String);

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Arc::new(error))
}

fn rejected(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Rejected(Arc::new(error))
}
