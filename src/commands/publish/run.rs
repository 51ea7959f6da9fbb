//! Sends lines in groups: each group is confirmed and recorded before the next.

use std::error::Error;
use std::mem::take;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, timeout_at};

use super::checkpoint::Checkpoint;
use super::message::{draft, faults};
use super::{Arguments, Output};
use crate::commands::lines::Line;
use crate::commands::process::{Signals, print};
use crate::commands::progress::{Progress, print_note};
use crate::dedup::Fingerprint;
use crate::loggable::whole_chain;
use crate::publisher::{Channel, Confirmation};
use crate::subscriber::Subscriber;

/// The longest time in which lines are added to a group.
const GROUP_TIME: Duration = Duration::from_millis(250);
/// The most lines that may fail. With more of them it is probably the wrong file.
const MAX_FAILED: u64 = 1_000;
/// The longest delay that `--rate` makes up for, so that no flood follows a longer one.
const MAX_CATCH_UP: Duration = Duration::from_millis(100);

/// One run of the command.
pub(super) struct Run<'a> {
    pub(super) arguments: &'a Arguments,
    /// The subscribers that must be able to read the messages, or none if nothing is checked.
    pub(super) subscribers: Vec<&'a Subscriber>,
    /// The prefix of event ids, the same in every run with one checkpoint.
    pub(super) prefix: String,
    /// `None` if nothing is sent.
    pub(super) channel: Option<Channel>,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) progress: Progress,
    /// Ticks when a message may be sent. `None` if the rate is not limited.
    pub(super) pace: Option<Interval>,
    /// The messages that are not yet confirmed.
    pub(super) group: Vec<Sent>,
    /// True after the last line, a failure or a signal.
    pub(super) is_over: bool,
}

/// A message that was sent.
pub(super) struct Sent {
    line: Option<u64>,
    event_id: String,
    fingerprint: Fingerprint,
    confirmation: Confirmation,
}

impl Run<'_> {
    /// Publishes all lines. After a signal or a failure it confirms and records the present group, and stops.
    pub(super) async fn publish(
        mut self,
        mut lines: mpsc::Receiver<Line>,
        mut signals: Signals,
    ) -> Result<(), Box<dyn Error>> {
        let mut is_interrupted = false;
        while !self.is_over {
            tokio::select! {
                biased;
                () = signals.received() => {
                    is_interrupted = true;
                    self.is_over = true;
                }
                () = self.send_group(&mut lines) => {}
            }
            let confirmed = self.confirm_group().await;
            confirmed.inspect_err(|_| self.progress.print())?;
            self.progress.update();
        }
        self.progress.print();
        let failed = self.progress.failed;
        Err(if failed == 0 && !is_interrupted {
            return Ok(());
        } else if failed == 0 {
            "stopped before the end of the file".into()
        } else if self.arguments.json.is_some() {
            "the message was not published".into()
        } else if self.arguments.keep_going {
            format!("{failed} of the lines were not published").into()
        } else {
            "stopped at the first line that was not published: correct it, or add --keep-going to continue after failures".into()
        })
    }

    /// Sends lines until the group is full or its time is over. It may be dropped at any await: messages are in the group as
    /// soon as they are sent.
    async fn send_group(&mut self, lines: &mut mpsc::Receiver<Line>) {
        let end = Instant::now() + GROUP_TIME;
        let most = self.arguments.in_flight as usize;
        while !self.is_over && self.group.len() < most && Instant::now() < end {
            match timeout_at(end, lines.recv()).await {
                Ok(Some(line)) => {
                    let number = line.number;
                    if let Err(faults) = self.send(line).await {
                        self.fail(number, &faults);
                    }
                }
                Ok(None) => self.is_over = true,
                Err(_) => return,
            }
        }
    }

    /// Sends the line's message if it fits, and is not confirmed already.
    async fn send(&mut self, line: Line) -> Result<(), Vec<String>> {
        if let (Some(checkpoint), Some(number)) = (&self.checkpoint, line.number)
            && checkpoint.recorded(number).map_err(fault)?.is_some()
        {
            self.progress.also += 1;
            return Ok(());
        }
        if let Some(pace) = &mut self.pace {
            wait_for(pace).await;
        }
        let text = line.text.map_err(fault)?;
        let fingerprint = Fingerprint::of(&text);
        let message = draft(self.arguments, &self.prefix, line.number, text);
        let (draft, event_id) = message.map_err(|fault| vec![fault])?;
        let faults = faults(&self.subscribers, &draft);
        if !faults.is_empty() {
            return Err(faults);
        }
        let Some(channel) = &self.channel else {
            self.progress.done += 1;
            return Ok(());
        };
        self.group.push(Sent {
            line: line.number,
            event_id,
            fingerprint,
            confirmation: channel.enqueue(draft).await.map_err(fault)?,
        });
        Ok(())
    }

    /// Waits for the confirmations of the group, and records them: first in the checkpoint, then on the standard output.
    async fn confirm_group(&mut self) -> Result<(), Box<dyn Error>> {
        let mut confirmed = Vec::new();
        let mut output = String::new();
        for sent in take(&mut self.group) {
            match sent.confirmation.await {
                Ok(message_id) => {
                    self.progress.done += 1;
                    output += &self.printed(sent.line, sent.event_id, message_id);
                    confirmed.extend(sent.line.map(|line| (line, sent.fingerprint)));
                }
                Err(error) => self.fail(sent.line, &fault(error)),
            }
        }
        if let Some(checkpoint) = &self.checkpoint {
            checkpoint.confirm(&confirmed).map_err(|error| format!("cannot write the checkpoint: messages confirmed from now on would be published again: {error}"))?;
        }
        print(&output).map_err(|error| format!("cannot print message ids: {error}").into())
    }

    /// Returns the output for a published message.
    fn printed(&self, line: Option<u64>, event_id: String, message_id: String) -> String {
        let printed = match (self.arguments.output, line) {
            (Output::Text, None) => return message_id + "\n",
            (Output::Text, Some(_)) => return String::new(),
            (Output::Json, None) => json!({"eventId": event_id, "messageId": message_id}),
            (Output::Json, Some(line)) => {
                json!({"eventId": event_id, "line": line, "messageId": message_id})
            }
        };
        format!("{printed}\n")
    }

    /// Prints the faults of a line. Within a line, the decoder finds everything in line 1.
    fn fail(&mut self, line: Option<u64>, faults: &[String]) {
        self.progress.failed += 1;
        let (failed, keeps_going) = (self.progress.failed, self.arguments.keep_going);
        // Without --keep-going, later failures are messages of the same group, mostly with the same reason.
        if keeps_going || failed == 1 {
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            for fault in faults {
                let fault = fault.replace("(line 1, column ", "(column ");
                print_note(&format!("{place}{fault}"));
            }
        }
        if keeps_going && failed == MAX_FAILED {
            print_note("too many lines failed: stopped before the end of the file");
        }
        self.is_over |= !keeps_going || failed >= MAX_FAILED;
    }
}

/// Waits until the next message may be sent.
async fn wait_for(pace: &mut Interval) {
    if pace.tick().await.elapsed() > MAX_CATCH_UP {
        pace.reset();
    }
}

fn fault(error: impl Error) -> Vec<String> {
    vec![whole_chain(&error)]
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
