//! The thread that writes the journal.

use std::sync::Arc;
use std::thread;

use super::error::JournalError;
use super::file::JournalFile;
use super::queue::Queue;

/// Wakes all waiting callers when the writer ends, even if it panicked.
struct Ending {
    queue: Arc<Queue>,
    failure: Option<JournalError>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.queue.end(self.failure.take());
    }
}

/// Starts the thread. It ends when the queue is closed and written, or when a write fails.
pub(super) fn start(queue: &Arc<Queue>, file: JournalFile) -> Result<(), JournalError> {
    let queue = Arc::clone(queue);
    let named = thread::Builder::new().name("journal".to_owned());
    let started = named.spawn(move || {
        // Dropped after the file, so that the folder is unlocked when callers wake.
        let mut ending = Ending {
            queue: Arc::clone(&queue),
            failure: Some(JournalError::NoWriter),
        };
        ending.failure = write_all(&queue, file).err();
        if let Some(error) = &ending.failure {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the data folder is lost"
            );
        }
    });
    started.map(drop).map_err(|_| JournalError::NoWriter)
}

/// Each turn writes everything that arrived during the previous one, so that many writes share one wait for the disk.
fn write_all(queue: &Queue, mut file: JournalFile) -> Result<(), JournalError> {
    while let Some(taken) = queue.take() {
        file.write(taken.changes.into_iter().flatten())?;
        queue.written(taken.last);
    }
    file.close()
}
