//! The failures of a message, as the store keeps them for operators.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

use crate::dedup::{DedupStore, MessageKey, StoreError, StoreTime, Text};
use crate::delivery::delivery::Delivery;
use crate::delivery::settle::settlement::{End, Settlement};
use crate::loggable::{chain, excerpt};

/// The time for which a failure is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The failures, for operators.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailureReport {
    count: u32,
    first_seconds_ago: u64,
    last_seconds_ago: u64,
    #[serde(flatten)]
    last: Failure,
}

/// The failures of a message, as the store keeps them.
#[derive(Serialize, Deserialize)]
struct Note {
    count: u32,
    /// The time of the first failure by the store's clock; `None` in the first note.
    first: Option<u64>,
    last: Failure,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    outcome: String,
    reason: Option<String>,
    delivery_attempt: Option<u32>,
}

/// Notes in the background that a delivery failed. A flood of failures goes unnoted in part, so that it does not flood the store.
pub(crate) fn note(delivery: &Delivery, settled: &Settlement, tasks: &TaskTracker) {
    let subscriber = &delivery.subscriber;
    let end = settled.end;
    if end.is_success() || end == End::Unguarded || subscriber.store.for_operators().is_none() {
        return;
    }
    let Ok(place) = Arc::clone(&subscriber.notes).try_acquire_owned() else {
        return;
    };
    let failure = Failure {
        outcome: end.name().to_owned(),
        reason: settled.reason.as_deref().map(excerpt),
        delivery_attempt: delivery.input.context.delivery_attempt,
    };
    let (store, name) = (subscriber.store.clone(), name_of_note(&delivery.ticket.key));
    tasks.spawn(async move {
        if let Some(store) = store.for_operators()
            && let Err(error) = failure.add(store, &name).await
        {
            let error = chain(&error);
            tracing::debug!(error, "a failure is not noted for pushgate message");
        }
        drop(place);
    });
}

/// Returns the name of the text in the store.
fn name_of_note(key: &MessageKey) -> String {
    format!("note:{key}")
}

impl FailureReport {
    /// Reads the failures of a message from its store.
    pub(crate) async fn read(
        store: &dyn DedupStore,
        key: &MessageKey,
    ) -> Result<Option<Self>, StoreError> {
        let text = store.read_text(&name_of_note(key)).await?;
        Ok(text.as_ref().and_then(Self::new))
    }

    fn new(text: &Text) -> Option<Self> {
        let note = Note::parse(text)?;
        let ago = |time| text.now.since(time).as_secs();
        Some(Self {
            count: note.count,
            first_seconds_ago: ago(note.first(text)),
            last_seconds_ago: ago(text.written),
            last: note.last,
        })
    }
}

impl Note {
    fn parse(text: &Text) -> Option<Self> {
        serde_json::from_str(&text.text).ok()
    }

    fn first(&self, text: &Text) -> StoreTime {
        self.first.map_or(text.written, StoreTime)
    }
}

impl Failure {
    /// Adds this failure to the note of its message. A concurrent failure may be counted instead.
    async fn add(self, store: &dyn DedupStore, name: &str) -> Result<(), StoreError> {
        let seen = store.read_text(name).await?;
        let before = seen
            .as_ref()
            .and_then(|text| Some((Note::parse(text)?, text)));
        let note = Note {
            count: before
                .as_ref()
                .map_or(1, |(note, _)| note.count.saturating_add(1)),
            first: before.map(|(note, text)| note.first(text).0),
            last: self,
        };
        let text = serde_json::to_string(&note).map_err(|_| StoreError::Corrupt)?;
        store
            .write_text(name, seen.as_ref(), &text, KEPT)
            .await
            .map(drop)
    }
}
