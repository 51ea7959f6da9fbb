//! Remembers what is confirmed, and says it: first on disk, then on the standard output.

use std::error::Error;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::output::unless_gone;
use super::Output;
use super::checkpoint::{Checkpoint, CheckpointError, Fingerprint};

/// Confirmations that are recorded together at most.
const GROUP: usize = 1_024;

/// One message that Pub/Sub has.
pub(super) struct Confirmed {
    pub(super) number: u64,
    pub(super) fingerprint: Fingerprint,
    pub(super) message_id: String,
    pub(super) event_id: String,
}

/// What `--output json` prints; a single message has no line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    message_id: &'a str,
    event_id: &'a str,
}

/// Why confirmations are recorded no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("cannot print message ids")]
    Print(#[source] std::io::Error),
}

/// Records on a thread of its own: as many as have come meanwhile at once, so that the disk is no brake.
pub(super) struct Recorder {
    sender: mpsc::Sender<Confirmed>,
    thread: JoinHandle<Result<(), RecordError>>,
}

struct Record {
    checkpoint: Option<Checkpoint>,
    output: Output,
    is_many: bool,
    published: Arc<AtomicU64>,
}

impl Recorder {
    pub(super) fn start(
        checkpoint: Option<Checkpoint>,
        output: Output,
        is_many: bool,
        published: Arc<AtomicU64>,
    ) -> Self {
        let (sender, mut confirmed) = mpsc::channel(GROUP);
        let mut record = Record {
            checkpoint,
            output,
            is_many,
            published,
        };
        let thread = tokio::task::spawn_blocking(move || {
            let mut group = Vec::new();
            while confirmed.blocking_recv_many(&mut group, GROUP) > 0 {
                record.keep(&group)?;
                group.clear();
            }
            Ok(())
        });
        Self { sender, thread }
    }

    /// False if nothing is recorded any more: [`end`](Self::end) says why.
    pub(super) async fn confirm(&self, confirmed: Confirmed) -> bool {
        self.sender.send(confirmed).await.is_ok()
    }

    pub(super) async fn end(self) -> Result<(), Box<dyn Error>> {
        drop(self.sender);
        Ok(self.thread.await??)
    }
}

impl Record {
    fn keep(&mut self, group: &[Confirmed]) -> Result<(), RecordError> {
        if let Some(checkpoint) = &mut self.checkpoint {
            for confirmed in group {
                checkpoint.add(confirmed.number, confirmed.fingerprint);
            }
            checkpoint.save()?;
        }
        unless_gone(self.print(group)).map_err(RecordError::Print)?;
        self.published
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn print(&self, group: &[Confirmed]) -> std::io::Result<()> {
        let mut stdout = stdout().lock();
        for confirmed in group {
            match self.output {
                Output::Json => {
                    let printed = Printed {
                        line: self.is_many.then_some(confirmed.number),
                        message_id: &confirmed.message_id,
                        event_id: &confirmed.event_id,
                    };
                    serde_json::to_writer(&mut stdout, &printed)?;
                    writeln!(stdout)?;
                }
                Output::Text if !self.is_many => writeln!(stdout, "{}", confirmed.message_id)?,
                Output::Text => {}
            }
        }
        stdout.flush()
    }
}
