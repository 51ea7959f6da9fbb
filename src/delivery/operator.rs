//! The record of a message, as operators see and change it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dedup::{
    DedupStore, Details, MessageKey, MessageState, Notice, Replacement, Replay, StoreError,
};
use crate::delivery::failures::FailureReport;
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::subscriber::{Idempotency, Identity};

/// The name of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Name {
    /// The id that Pub/Sub gave it.
    Id(String),
    /// The idempotency key that its publisher gave it.
    Key(String),
}

/// The step of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Change {
    Forget,
    Park,
    Release,
}

/// The reason why an operator's step is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperatorError {
    #[error("{0} declares Idempotency::none, so no message of it has a record")]
    NoRecords(String),
    #[error("the messages of {subscription} are identified by {by}: name its value with --key")]
    ByKey { subscription: String, by: String },
    #[error("the messages of {0} are identified by their ids: name the id instead of --key")]
    ById(String),
    #[error("there is no record of this message: its next delivery runs")]
    NoRecord,
    #[error("the message was handled: forget it to let its next delivery run")]
    Handled,
    #[error(
        "a delivery holds the message, and its lease ends in {0} s: a change would allow a second run beside it; wait, or use release --force if its instance is gone"
    )]
    Held(u64),
    #[error("the record changed meanwhile: look at it again")]
    Changed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The record of a message, for operators. It has no payload, and no value of an attribute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageReport {
    subscription: String,
    epoch: u32,
    /// `none`, `claimed`, `running`, `interrupted`, `parked` or `handled`.
    state: &'static str,
    /// True if the record is that of a replay, begun by `pushgate replay`.
    is_replay: bool,
    #[serde(flatten)]
    record: Option<RecordReport>,
    failures: Option<FailureReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordReport {
    claims: u32,
    owner: Uuid,
    lease_ends_in_seconds: Option<u64>,
    handled_seconds_ago: Option<u64>,
    forgotten_in_seconds: u64,
}

/// A record, and the key under which it is kept.
struct Found {
    key: MessageKey,
    is_replay: bool,
    details: Option<Details>,
}

impl RunningSubscriber {
    /// Returns the record of a message.
    pub(crate) async fn report(&self, name: &Name) -> Result<MessageReport, OperatorError> {
        let store = self.store_for_operators()?;
        let found = self.find(store, self.key(name)?).await?;
        Ok(MessageReport {
            subscription: self.declared.id.clone(),
            epoch: found.key.epoch,
            state: found.details.as_ref().map_or("none", state),
            is_replay: found.is_replay,
            record: found.details.as_ref().map(RecordReport::new),
            failures: FailureReport::read(store, &found.key).await?,
        })
    }

    /// Changes the record of a message. With `force`, the lease of a delivery that holds it does not matter to a release.
    pub(crate) async fn change(
        &self,
        name: &Name,
        change: Change,
        force: bool,
    ) -> Result<(), OperatorError> {
        let store = self.store_for_operators()?;
        let Found { key, details, .. } = self.find(store, self.key(name)?).await?;
        let held = details.as_ref().filter(|details| details.is_held());
        if let Some(details) = held
            && !(force && change == Change::Release)
        {
            return Err(OperatorError::Held(
                details.time.since(details.now).as_secs(),
            ));
        }
        let is_handled = details
            .as_ref()
            .is_some_and(|details| details.state == MessageState::Done);
        let replacement = match change {
            Change::Forget | Change::Release if details.is_none() => {
                return Err(OperatorError::NoRecord);
            }
            Change::Park | Change::Release if is_handled => return Err(OperatorError::Handled),
            Change::Forget => {
                // Before the removal: until an instance learns of the change, it may remember the message by itself.
                Notice::change(store, &self.name, None).await?;
                Replacement::Nothing
            }
            Change::Release => Replacement::Nothing,
            Change::Park => Replacement::Parked(self.declared.dedup_window()),
        };
        match store.replace(&key, details.as_ref(), replacement).await? {
            true => Ok(()),
            false => Err(OperatorError::Changed),
        }
    }

    /// Begins a replay: messages that were published in its window, and handled before now, run once more when they are delivered
    /// again.
    pub(crate) async fn replay(&self, replay: &Replay) -> Result<(), OperatorError> {
        let store = self.store_for_operators()?;
        Ok(Notice::change(store, &self.name, Some(replay)).await?)
    }

    fn store_for_operators(&self) -> Result<&dyn DedupStore, OperatorError> {
        let store = self.store.for_operators();
        store.ok_or_else(|| OperatorError::NoRecords(self.declared.id.clone()))
    }

    /// Returns the key under which the first run of a message is recorded.
    fn key(&self, name: &Name) -> Result<MessageKey, OperatorError> {
        let subscription = self.declared.id.clone();
        let idempotency = self.declared.idempotency.as_ref();
        let by = idempotency.and_then(Idempotency::by);
        let identity = match (name, by) {
            (Name::Id(id), None) => id.clone(),
            (Name::Key(key), Some(_)) => Identity::of_key(key),
            (Name::Id(_), Some(by)) => return Err(OperatorError::ByKey { subscription, by }),
            (Name::Key(_), None) => return Err(OperatorError::ById(subscription)),
        };
        Ok(MessageKey {
            subscription: self.name.to_string(),
            epoch: self.declared.dedup.epoch,
            id: identity,
        })
    }

    /// Finds the latest record of a message: that of its latest replay, or of its first run.
    async fn find(&self, store: &dyn DedupStore, key: MessageKey) -> Result<Found, StoreError> {
        let notice = Notice::read(store, &self.name).await?;
        for id in notice.identities(&key.id) {
            let is_replay = id != key.id;
            let key = MessageKey { id, ..key.clone() };
            let details = store.inspect(&key).await?;
            if details.is_some() || !is_replay {
                return Ok(Found {
                    key,
                    is_replay,
                    details,
                });
            }
        }
        Err(StoreError::Corrupt) // the last identity is the message's own
    }
}

fn state(details: &Details) -> &'static str {
    match details.state {
        MessageState::Done => "handled",
        MessageState::Parked => "parked",
        MessageState::Begun if details.is_held() => "running",
        MessageState::Claimed | MessageState::RunLost if details.is_held() => "claimed",
        MessageState::Claimed | MessageState::Begun | MessageState::RunLost => "interrupted",
    }
}

impl RecordReport {
    fn new(details: &Details) -> Self {
        let is_done = details.state == MessageState::Done;
        Self {
            claims: details.number,
            owner: details.owner,
            lease_ends_in_seconds: details
                .is_held()
                .then(|| details.time.since(details.now).as_secs()),
            handled_seconds_ago: is_done.then(|| details.now.since(details.time).as_secs()),
            forgotten_in_seconds: details.removal.since(details.now).as_secs(),
        }
    }
}
