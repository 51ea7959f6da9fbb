//! From lines to confirmed messages: many at once, in order within an ordering key.

use std::error::Error;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::Leave;
use super::checkpoint::{Fingerprint, Ranges};
use super::fit::Fit;
use super::form::Form;
use super::pace::Pace;
use super::progress::Progress;
use super::recorder::{Confirmed, Recorder};
use super::source::{Line, SourceError};
use crate::loggable::whole_chain;
use crate::publisher::{Channel, PublishError};

/// With more failed lines than this, the file is another one than it was taken for; and each is a gap in the checkpoint.
const MOST_FAILED: u64 = 1_000;

/// One run of the command.
pub(super) struct Run<'a> {
    pub(super) fit: Fit<'a>,
    pub(super) form: Form,
    /// None: nothing is sent.
    pub(super) channel: Option<Channel>,
    pub(super) done_before: Ranges,
    pub(super) recorder: Recorder,
    pub(super) progress: Progress,
    pub(super) pace: Pace,
    pub(super) in_flight: usize,
    pub(super) keep_going: bool,
    pub(super) is_many: bool,
}

/// Why the command fails. What is wrong with lines has been said.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("the message was not published")]
    One,
    #[error("{0} of the lines were not published")]
    Many(u64),
    #[error(
        "stopped at the first line that was not published; later ones were not tried: mend it, or go on by --keep-going"
    )]
    First,
    #[error("stopped before the end of the file")]
    Stopped,
}

/// What became of a message that was sent.
type Settled = Result<Confirmed, (u64, PublishError)>;

type Lines = mpsc::Receiver<Result<Line, SourceError>>;
type InFlight = FuturesUnordered<BoxFuture<'static, Settled>>;

/// Whether the next line is read.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

impl Run<'_> {
    pub(super) async fn publish(
        mut self,
        mut lines: Lines,
        leave: &mut Leave,
    ) -> Result<(), Box<dyn Error>> {
        let mut in_flight = InFlight::new();
        let mut is_stopped = false;
        loop {
            let next = tokio::select! {
                biased;
                () = leave.told() => {
                    is_stopped = true;
                    Next::Stop
                }
                () = self.progress.tick() => {
                    self.progress.show();
                    Next::GoOn
                }
                Some(settled) = in_flight.next() => self.settle(settled).await,
                line = line(&self.pace, &mut lines), if in_flight.len() < self.in_flight => match line {
                    Some(line) => self.take(line, &in_flight).await,
                    None => Next::Stop,
                },
            };
            if next == Next::Stop {
                break;
            }
        }
        drop(lines);
        while let Some(settled) = in_flight.next().await {
            self.settle(settled).await;
        }
        self.end(is_stopped).await
    }

    async fn take(&mut self, line: Result<Line, SourceError>, in_flight: &InFlight) -> Next {
        let line = match line {
            Ok(line) => line,
            Err(error) => return self.unreadable(&error),
        };
        if line.is_blank() && self.is_many {
            return Next::GoOn;
        }
        if self.done_before.contains(line.number) {
            self.progress.before += 1;
            return Next::GoOn;
        }
        self.pace.took();
        let number = line.number;
        match self.send(line).await {
            Ok(Some(settled)) => in_flight.push(settled),
            Ok(None) => self.progress.fitting += 1,
            Err(faults) => return self.failed(number, &faults),
        }
        Next::GoOn
    }

    /// Hands the line's message over, if it fits; None if nothing is sent.
    async fn send(&self, line: Line) -> Result<Option<BoxFuture<'static, Settled>>, Vec<String>> {
        let (number, fingerprint) = (line.number, Fingerprint::of(&line));
        let written = self.form.write(line).map_err(|fault| vec![fault])?;
        let attributes = Arc::new(written.draft.attributes.clone());
        self.fit.check(&written.draft.data, &attributes)?;
        let Some(channel) = &self.channel else {
            return Ok(None);
        };
        let event_id = written.event_id;
        let enqueued = channel.enqueue(written.draft).await;
        let confirmation = enqueued.map_err(|error| vec![whole_chain(&error)])?;
        Ok(Some(Box::pin(async move {
            match confirmation.await {
                Ok(message_id) => Ok(Confirmed {
                    number,
                    fingerprint,
                    message_id,
                    event_id,
                }),
                Err(error) => Err((number, error)),
            }
        })))
    }

    async fn settle(&mut self, settled: Settled) -> Next {
        let confirmed = match settled {
            Ok(confirmed) => confirmed,
            Err((number, error)) => return self.failed(number, &[whole_chain(&error)]),
        };
        match self.recorder.confirm(confirmed).await {
            true => Next::GoOn,
            // The recorder says why at the end.
            false => Next::Stop,
        }
    }

    /// After a line that cannot be read the next one can be, unless it is the file itself.
    fn unreadable(&mut self, error: &SourceError) -> Next {
        match error {
            SourceError::TooLong { number } => self.failed(*number, &[error.to_string()]),
            SourceError::Read { number, .. } => {
                self.failed(*number, &[whole_chain(error)]);
                Next::Stop
            }
            SourceError::Encoding(_) => {
                self.failed(1, &[whole_chain(error)]);
                Next::Stop
            }
            SourceError::Open(..) => Next::Stop,
        }
    }

    fn failed(&mut self, number: u64, faults: &[String]) -> Next {
        self.progress.failed += 1;
        // Without --keep-going only what was on its way with it can fail after the first, for the same reason mostly.
        if self.keep_going || self.progress.failed == 1 {
            for fault in faults {
                self.progress.say(&self.place(number, fault));
            }
        }
        if !self.keep_going {
            return Next::Stop;
        }
        if self.progress.failed < MOST_FAILED {
            return Next::GoOn;
        }
        self.progress
            .say("too many lines failed: stopped before the end of the file");
        Next::Stop
    }

    /// A line has no lines within.
    fn place(&self, number: u64, fault: &str) -> String {
        if !self.is_many {
            return fault.to_owned();
        }
        format!(
            "line {number}: {}",
            fault.replace("(line 1, column ", "(column ")
        )
    }

    async fn end(self, is_stopped: bool) -> Result<(), Box<dyn Error>> {
        let recorded = self.recorder.end().await;
        self.progress.end();
        recorded?;
        match self.progress.failed {
            0 if is_stopped => Err(RunError::Stopped.into()),
            0 => Ok(()),
            _ if !self.is_many => Err(RunError::One.into()),
            _ if !self.keep_going => Err(RunError::First.into()),
            failed => Err(RunError::Many(failed).into()),
        }
    }
}

/// The next line, when it may be sent.
async fn line(pace: &Pace, lines: &mut Lines) -> Option<Result<Line, SourceError>> {
    pace.ready().await;
    lines.recv().await
}
