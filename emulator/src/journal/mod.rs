//! The data folder, which survives restarts.
//!
//! The emulator's memory is the truth: the journal gets each [`Change`] in its order, and writes it on a
//! thread of its own. `queue` holds what waits, `writer` takes all of it at once, `batch` adds it up, and `tables` writes
//! the sum in one transaction, however many wait for it. Nothing outside `file` and `tables` knows the database.
//!
//! A write is atomic: after a crash all of its changes are there or none, and none without all writes before it.

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

pub(crate) use self::change::{Change, Held, Kind, Saved, SavedMessage, SavedResource};
pub use self::error::JournalError;
use self::file::JournalFile;
use self::queue::Queue;

/// The journal of one folder. Dropping it writes what still waits, but does not wait for that as [`Journal::close`] does.
pub(crate) struct Journal {
    queue: Arc<Queue>,
}

/// A handle that waits until a write is on the disk. It may be dropped: the write goes on.
pub(crate) struct Receipt {
    queue: Arc<Queue>,
    number: u64,
}

impl Journal {
    /// Opens the journal of a folder, and gives all that it holds. Blocks while the file is read and checked.
    ///
    /// # Errors
    /// If the folder cannot be used, belongs to another emulator, or holds something else or another version.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Saved), JournalError> {
        let (file, saved) = JournalFile::open(folder)?;
        Ok((Self::start(file)?, saved))
    }

    fn start(file: JournalFile) -> Result<Self, JournalError> {
        let queue = Arc::new(Queue::new());
        writer::start(&queue, file)?;
        Ok(Self { queue })
    }

    /// Waits until the journal has room. A writer calls this before it takes a lock.
    ///
    /// This is the only back pressure, since [`Journal::write`] is called under locks and so always takes what it gets: the
    /// queue exceeds its bound by one write for each caller that was let through, and no more.
    pub(crate) async fn room(&self) {
        self.queue.room().await;
    }

    /// Takes changes to be written together, after all before them. Never waits. No changes at all make a receipt for what
    /// came before.
    pub(crate) fn write(&self, changes: Vec<Change>) -> Receipt {
        Receipt {
            number: self.queue.add(changes),
            queue: Arc::clone(&self.queue),
        }
    }

    /// Begins a group of writes that come to the disk together or not at all, those of other threads in the meantime
    /// included. The caller sees to it that there is one group at a time.
    pub(crate) fn begin(&self) {
        self.queue.begin();
    }

    /// Ends the group; nothing of it is written before.
    pub(crate) fn complete(&self) {
        self.queue.complete();
    }

    /// Takes no more writes, and writes what waits.
    pub(crate) fn finish(&self) {
        self.queue.close();
    }

    /// Returns the error that stopped the journal, if one did.
    pub(crate) fn failure(&self) -> Option<JournalError> {
        self.queue.progress().borrow().failure.clone()
    }

    /// Waits until the journal fails, and returns the error; without a failure it waits for ever.
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

    /// Writes what waits, and closes the file; later writes fail.
    ///
    /// # Errors
    /// If not all could be written.
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
    /// If it could not be written, or came after the journal was closed.
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
