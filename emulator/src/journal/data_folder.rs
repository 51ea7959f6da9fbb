//! The data folder of an emulator, as the rest of the emulator uses it.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{AckState, Change, Journal, JournalError, Kind, Saved};
use crate::resources::name::ResourceName;

/// The journal of an emulator with a data folder. Messages that are dropped while the emulator stops remain in it.
pub(crate) struct DataFolder {
    journal: Journal,
    stopping: CancellationToken,
}

/// The data folder, or `None` for an emulator that loses everything when it stops.
pub(crate) type OptionalDataFolder = Option<Arc<DataFolder>>;

/// A change of the acknowledgement state of a message in a subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckChange {
    /// It is unacknowledged, after this number of failed deliveries.
    Unacked { sequence: u64, failures: u32 },
    /// It is acknowledged, and retained for a later seek.
    Retained { sequence: u64 },
    /// It is no longer in the subscription.
    Removed { sequence: u64 },
}

impl DataFolder {
    /// Opens the data folder, if there is one, and returns its content.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub(crate) fn open(
        folder: Option<&Path>,
        stopping: &CancellationToken,
    ) -> Result<(OptionalDataFolder, Option<Saved>), JournalError> {
        let opened = folder.map(Journal::open).transpose()?;
        let (journal, saved) = opened.unzip();
        let data_folder = journal.map(|journal| {
            let stopping = stopping.clone();
            Arc::new(Self { journal, stopping })
        });
        Ok((data_folder, saved))
    }

    /// Waits until the journal fails, and returns the error.
    pub(crate) async fn failed(&self) -> JournalError {
        self.journal.failed().await
    }

    pub(crate) fn put(&self, kind: Kind, name: &str, value: Vec<u8>) {
        let name = name.to_owned();
        self.journal.write(vec![Change::Put { kind, name, value }]);
    }

    pub(crate) fn delete(&self, kind: Kind, name: &str) {
        let name = name.to_owned();
        self.journal.write(vec![Change::Delete { kind, name }]);
    }

    /// Deletes all states of a deleted subscription.
    pub(crate) fn forget_ack_states(&self, name: &ResourceName) {
        let subscription = name.to_string();
        self.journal
            .write(vec![Change::ForgetAckStates { subscription }]);
    }

    /// Records published messages, by sequence, in Google's binary form.
    pub(crate) fn messages(&self, topic: &ResourceName, messages: Vec<(u64, Vec<u8>)>) {
        let changes = messages
            .into_iter()
            .map(|(sequence, value)| Change::Message {
                sequence,
                topic: topic.to_string(),
                value,
            });
        self.journal.write(changes.collect());
    }

    /// Records changes in one subscription.
    pub(crate) fn change_ack_states(&self, subscription: &ResourceName, changes: Vec<AckChange>) {
        let set = |sequence, state| Change::AckState {
            subscription: subscription.to_string(),
            sequence,
            state,
        };
        let changes = changes.into_iter().map(|each| match each {
            AckChange::Unacked { sequence, failures } => {
                set(sequence, AckState::Unacked { failures })
            }
            AckChange::Retained { sequence } => set(sequence, AckState::Acked),
            AckChange::Removed { sequence } => Change::ForgetAckState {
                subscription: subscription.to_string(),
                sequence,
            },
        });
        self.journal.write(changes.collect());
    }

    /// Deletes a message that is no longer in memory.
    pub(crate) fn forget(&self, sequence: u64) {
        if !self.stopping.is_cancelled() {
            self.journal.write(vec![Change::ForgetMessage { sequence }]);
        }
    }

    /// Starts a group of changes, of which all or none are kept. The caller ensures that only one group is open at a time.
    pub(crate) fn begin(&self) {
        self.journal.begin();
    }

    /// Ends the group of changes.
    pub(crate) fn complete(&self) {
        self.journal.complete();
    }

    /// Waits for room. Call this before a large write.
    ///
    /// # Errors
    /// If the journal has failed.
    pub(crate) async fn room(&self) -> Result<(), JournalError> {
        self.journal.room().await;
        self.journal.failure().map_or(Ok(()), Err)
    }

    /// Waits until all earlier changes are on the disk.
    ///
    /// # Errors
    /// If they could not be written.
    pub(crate) async fn saved(&self) -> Result<(), JournalError> {
        self.journal.write(Vec::new()).durable().await
    }

    /// Ignores later changes. Earlier ones are still written.
    pub(crate) fn finish(&self) {
        self.journal.finish();
    }

    /// Writes the pending changes, and closes the file.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.journal.close().await {
            tracing::error!(%error, "some changes could not be written to the data folder");
        }
    }
}
