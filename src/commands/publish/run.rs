//! Publishes lines in groups: each group is sent, confirmed and recorded before the next one.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, timeout_at};

use super::checkpoint::{Checkpoint, CheckpointError, fingerprint};
use super::fit::Fit;
use super::form::Form;
use super::progress::Progress;
use super::source::Line;
use super::{Arguments, Output};
use crate::commands::process::{Signals, print};
use crate::loggable::whole_chain;
use crate::publisher::{Channel, Confirmation};

/// The longest time in which lines are added to a group.
const GROUP_TIME: Duration = Duration::from_millis(250);
/// The most lines that may fail. They are in the checkpoint, and with more of them it is probably the wrong file.
const MAX_FAILED: u64 = 1_000;
/// The longest delay that `--rate` makes up for, so that no flood follows a longer one.
const MAX_CATCH_UP: Duration = Duration::from_millis(100);

/// One run of the command.
pub(super) struct Run<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) fit: Fit<'a>,
    pub(super) form: Form<'a>,
    /// `None` if nothing is sent.
    pub(super) channel: Option<Channel>,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) progress: Progress,
    /// Ticks when a message may be sent. `None` if the rate is not limited.
    pub(super) pace: Option<Interval>,
}

/// The error that the command ends with. The faults of lines are printed before.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("the message was not published")]
    One,
    #[error("{0} of the lines were not published")]
    Many(u64),
    #[error(
        "stopped at the first line that was not published, before later ones: correct it, or continue after failures with --keep-going"
    )]
    First,
    #[error("stopped before the end of the file")]
    Interrupted,
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("cannot print message ids")]
    Print(#[from] io::Error),
}

/// A message that was sent.
struct Sent {
    line: Option<u64>,
    event_id: String,
    fingerprint: u64,
    confirmation: Confirmation,
}

impl Run<'_> {
    /// Publishes all lines. After a signal or a failure it confirms and records the present group, and stops.
    pub(super) async fn publish(
        mut self,
        mut lines: mpsc::Receiver<Line>,
        signals: &mut Signals,
    ) -> Result<(), Box<dyn Error>> {
        let mut flow = ControlFlow::Continue(());
        let mut is_interrupted = false;
        while flow.is_continue() {
            let mut group = Vec::new();
            flow = tokio::select! {
                biased;
                () = signals.received() => {
                    is_interrupted = true;
                    ControlFlow::Break(())
                }
                flow = self.send_group(&mut lines, &mut group) => flow,
            };
            let confirmed = self.confirm(group).await;
            if confirmed.inspect_err(|_| self.progress.end())?.is_break() {
                flow = ControlFlow::Break(());
            }
            self.progress.update();
        }
        self.progress.end();
        match self.progress.failed {
            0 if is_interrupted => Err(RunError::Interrupted.into()),
            0 => Ok(()),
            _ if self.arguments.json.is_some() => Err(RunError::One.into()),
            _ if !self.arguments.keep_going => Err(RunError::First.into()),
            failed => Err(RunError::Many(failed).into()),
        }
    }

    /// Sends lines until the group is full or its time is over. It may be dropped at any await: lines are in the group as soon
    /// as they are sent.
    async fn send_group(
        &mut self,
        lines: &mut mpsc::Receiver<Line>,
        group: &mut Vec<Sent>,
    ) -> ControlFlow<()> {
        let end = Instant::now() + GROUP_TIME;
        while group.len() < self.arguments.in_flight as usize && Instant::now() < end {
            let Ok(line) = timeout_at(end, lines.recv()).await else {
                break;
            };
            let Some(line) = line else {
                return ControlFlow::Break(());
            };
            let number = line.number;
            if self.is_skipped(&line) {
                continue;
            }
            if let Some(pace) = &mut self.pace {
                wait_for(pace).await;
            }
            match self.send(line).await {
                Ok(Some(sent)) => group.push(sent),
                Ok(None) => self.progress.fitting += 1,
                Err(faults) => self.fail(number, &faults)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Returns true if the line is blank, or confirmed already.
    fn is_skipped(&mut self, line: &Line) -> bool {
        if line.is_blank() {
            return true;
        }
        let (Some(checkpoint), Some(number)) = (&mut self.checkpoint, line.number) else {
            return false;
        };
        let is_confirmed = !checkpoint.begin(number);
        self.progress.before += u64::from(is_confirmed);
        is_confirmed
    }

    /// Sends the line's message if it fits. Returns `None` in a dry run.
    async fn send(&self, line: Line) -> Result<Option<Sent>, Vec<String>> {
        let number = line.number;
        let text = line.text.map_err(|error| vec![whole_chain(&error)])?;
        let fingerprint = number.map_or(0, |number| fingerprint(number, &text));
        let written = self.form.write(number, text);
        let (draft, event_id) = written.map_err(|fault| vec![fault])?;
        self.fit
            .check(&draft.data, &Arc::new(draft.attributes.clone()))?;
        let Some(channel) = &self.channel else {
            return Ok(None);
        };
        let enqueued = channel.enqueue(draft).await;
        Ok(Some(Sent {
            line: number,
            event_id,
            fingerprint,
            confirmation: enqueued.map_err(|error| vec![whole_chain(&error)])?,
        }))
    }

    /// Waits for the confirmations of a group, and records them: first in the checkpoint, then on the standard output.
    async fn confirm(&mut self, group: Vec<Sent>) -> Result<ControlFlow<()>, RunError> {
        let mut flow = ControlFlow::Continue(());
        let mut output = String::new();
        for sent in group {
            let message_id = match sent.confirmation.await {
                Ok(message_id) => message_id,
                Err(error) => {
                    let failed = self.fail(sent.line, &[whole_chain(&error)]);
                    flow = if failed.is_break() { failed } else { flow };
                    continue;
                }
            };
            if let (Some(checkpoint), Some(line)) = (&mut self.checkpoint, sent.line) {
                checkpoint.confirm(line, sent.fingerprint);
            }
            match self.arguments.output {
                Output::Json => {
                    let line = sent.line.map(|line| ("line", json!(line)));
                    let ids = [
                        ("messageId", json!(message_id)),
                        ("eventId", json!(sent.event_id)),
                    ];
                    let printed: BTreeMap<_, _> = ids.into_iter().chain(line).collect();
                    output += &format!("{}\n", json!(printed));
                }
                Output::Text if sent.line.is_none() => output = message_id + "\n",
                Output::Text => {}
            }
            self.progress.published += 1;
        }
        if let Some(checkpoint) = &self.checkpoint {
            checkpoint.save()?;
        }
        print(&output)?;
        Ok(flow)
    }

    fn fail(&mut self, line: Option<u64>, faults: &[String]) -> ControlFlow<()> {
        self.progress.failed += 1;
        // Without --keep-going, later failures are messages of the same group, mostly with the same reason.
        if self.arguments.keep_going || self.progress.failed == 1 {
            for fault in faults {
                self.progress.print(&located(line, fault));
            }
        }
        if !self.arguments.keep_going {
            return ControlFlow::Break(());
        }
        if self.progress.failed < MAX_FAILED {
            return ControlFlow::Continue(());
        }
        if self.progress.failed == MAX_FAILED {
            self.progress
                .print("too many lines failed: stopped before the end of the file");
        }
        ControlFlow::Break(())
    }
}

/// Waits until the next message may be sent.
async fn wait_for(pace: &mut Interval) {
    if pace.tick().await.elapsed() > MAX_CATCH_UP {
        pace.reset();
    }
}

/// Names the line of a fault. Within a line, the decoder finds everything in line 1.
fn located(line: Option<u64>, fault: &str) -> String {
    match line {
        None => fault.to_owned(),
        Some(line) => {
            let fault = fault.replace("(line 1, column ", "(column ");
            format!("line {line}: {fault}")
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, interval};

    use super::*;

    async fn duration(mut pace: Interval, messages: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..messages {
            wait_for(&mut pace).await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn messages_keep_the_rate() {
        let pace = interval(Duration::from_millis(10));
        let found = duration(pace, 1_000).await;
        assert!((9_890..=10_010).contains(&found.as_millis()), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_followed_by_no_flood() {
        let pace = interval(Duration::from_millis(10));
        advance(Duration::from_secs(60)).await;
        let found = duration(pace, 100).await;
        assert!(found.as_millis() >= 850, "{found:?}");
    }
}
