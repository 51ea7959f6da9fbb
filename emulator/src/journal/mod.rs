//! The data folder, which keeps the state over a restart.
//!
//! The state in memory is authoritative. The journal gets each [`Change`] in order and writes it on a separate thread.
//! `queue` has the pending changes, `writer` takes all of them at once, `batch` merges them, and `tables` writes the
//! result in one transaction. Only `file` and `tables` use the database.
//!
//! A write is atomic. After a crash the file has all changes of a write or none, and all writes before it.

mod batch;
mod change;
pub(crate) mod data_folder;
mod error;
mod file;
mod queue;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

pub(crate) use self::change::{AckState, Change, Kind, Saved, SavedMessage, SavedResource};
pub use self::error::JournalError;
use self::file::JournalFile;
use self::queue::Queue;

/// The journal of one folder. Dropping it writes the pending changes without waiting for them; [`Journal::close`] waits.
pub(crate) struct Journal {
    queue: Arc<Queue>,
}

/// A handle that waits until a write is on the disk. Dropping it does not cancel the write.
pub(crate) struct Receipt {
    queue: Arc<Queue>,
    number: u64,
}

impl Journal {
    /// Opens the journal of a folder, and returns its content. Blocks while the file is read and checked.
    ///
    /// # Errors
    /// If the folder cannot be used, if another emulator uses it, or if its content or version is unknown.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Saved), JournalError> {
        let (file, saved) = JournalFile::open(folder)?;
        Ok((Self::start(file)?, saved))
    }

    fn start(file: JournalFile) -> Result<Self, JournalError> {
        let queue = Arc::new(Queue::new());
        writer::start(&queue, file)?;
        Ok(Self { queue })
    }

    /// Waits until the journal has room. Call this before taking a lock and writing.
    ///
    /// This is the only back pressure: [`Journal::write`] is called under locks, and so never waits. The queue exceeds its
    /// bound by at most one write for each caller that passed.
    pub(crate) async fn room(&self) {
        self.queue.room().await;
    }

    /// Queues changes as one write, after all earlier ones. Never waits. An empty write returns a receipt for the earlier
    /// ones.
    pub(crate) fn write(&self, changes: Vec<Change>) -> Receipt {
        Receipt {
            number: self.queue.add(changes),
            queue: Arc::clone(&self.queue),
        }
    }

    /// Starts a group of writes, of which all or none are kept, including concurrent writes of other threads. The caller
    /// ensures that only one group is open at a time.
    pub(crate) fn begin(&self) {
        self.queue.begin();
    }

    /// Ends the group. None of its writes is on the disk before.
    pub(crate) fn complete(&self) {
        self.queue.complete();
    }

    /// Rejects further writes, and writes the pending ones.
    pub(crate) fn finish(&self) {
        self.queue.close();
    }

    /// Returns the error that stopped the journal, if one did.
    pub(crate) fn failure(&self) -> Option<JournalError> {
        self.queue.progress().borrow().failure.clone()
    }

    /// Waits until the journal fails, and returns the error. Without a failure it never completes.
    pub(crate) async fn failed(&self) -> JournalError {
        let mut progress = self.queue.progress();
        let failed = progress
            .wait_for(|progress| progress.failure.is_some())
            .await;
        match failed.ok().and_then(|progress| progress.failure.clone()) {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Writes the pending changes, and closes the file. Later writes fail.
    ///
    /// # Errors
    /// If a write failed.
    pub(crate) async fn close(&self) -> Result<(), JournalError> {
        self.queue.close();
        let mut progress = self.queue.progress();
        let ended = progress.wait_for(|progress| progress.ended).await;
        let failure = ended.map_err(|_| JournalError::NoWriter)?.failure.clone();
        failure.map_or(Ok(()), Err)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Receipt {
    /// Waits until the write is on the disk.
    ///
    /// # Errors
    /// If it could not be written, or if the journal was closed before.
    pub(crate) async fn durable(self) -> Result<(), JournalError> {
        let mut progress = self.queue.progress();
        let number = self.number;
        let settled = progress
            .wait_for(|progress| progress.durable >= number || progress.ended)
            .await;
        let settled = settled.map_err(|_| JournalError::NoWriter)?;
        if settled.durable >= number {
            return Ok(());
        }
        Err(settled.failure.clone().unwrap_or(JournalError::Closed))
    }
}
