//! What a data folder is told of the emulator's memory.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Change, Held, Journal, JournalError, Kind, Saved};
use crate::resources::name::ResourceName;

/// The journal of an emulator with a data folder. What is dropped while the emulator stops is kept all the same.
pub(crate) struct DataFolder {
    journal: Journal,
    stopping: CancellationToken,
}

/// Nothing, for an emulator that forgets everything when it stops.
pub(crate) type OptionalDataFolder = Option<Arc<DataFolder>>;

/// How a message is to be held from now on, for whoever keeps it over a restart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Hold {
    Pending { sequence: u64, failures: u32 },
    Retained { sequence: u64 },
    Gone { sequence: u64 },
}

impl DataFolder {
    /// Opens the data folder, if there is one, and gives what it holds.
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

    /// Waits until nothing is kept any more, and tells why.
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

    /// A deleted subscription holds nothing any more.
    pub(crate) fn release_all(&self, name: &ResourceName) {
        let subscription = name.to_string();
        self.journal
            .write(vec![Change::ReleaseAll { subscription }]);
    }

    /// The messages with their times as the clock had them.
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

    pub(crate) fn holds(&self, subscription: &ResourceName, holds: Vec<Hold>) {
        let hold = |sequence, state| Change::Hold {
            subscription: subscription.to_string(),
            sequence,
            state,
        };
        let changes = holds.into_iter().map(|each| match each {
            Hold::Pending { sequence, failures } => hold(sequence, Held::Pending { failures }),
            Hold::Retained { sequence } => hold(sequence, Held::Acked),
            Hold::Gone { sequence } => Change::Release {
                subscription: subscription.to_string(),
                sequence,
            },
        });
        self.journal.write(changes.collect());
    }

    /// Nobody has this message any more.
    pub(crate) fn forget(&self, sequence: u64) {
        if !self.stopping.is_cancelled() {
            self.journal.write(vec![Change::ForgetMessage { sequence }]);
        }
    }

    /// Begins changes that are kept together or not at all. The caller sees to it that nobody else does so at the time.
    pub(crate) fn begin(&self) {
        self.journal.begin();
    }

    /// Ends the changes that are kept together.
    pub(crate) fn complete(&self) {
        self.journal.complete();
    }

    /// Waits for room before something large is written.
    ///
    /// # Errors
    /// If nothing is kept any more.
    pub(crate) async fn room(&self) -> Result<(), JournalError> {
        self.journal.room().await;
        self.journal.failure().map_or(Ok(()), Err)
    }

    /// Waits until all that was told is on the disk.
    ///
    /// # Errors
    /// If it could not be written.
    pub(crate) async fn saved(&self) -> Result<(), JournalError> {
        self.journal.write(Vec::new()).durable().await
    }

    /// Keeps nothing from now on; what was told is still written.
    pub(crate) fn finish(&self) {
        self.journal.finish();
    }

    /// Writes what waits, and closes the file.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.journal.close().await {
            tracing::error!(%error, "not everything could be kept in the data folder");
        }
    }
}
