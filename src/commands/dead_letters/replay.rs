//! Sends dead letters again, and acknowledges each after its confirmation.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use tokio::time::{MissedTickBehavior, interval};

use super::audit::{Audit, Entry};
use super::held::Held;
use super::letter::Letter;
use super::route::{NotReplayed, Route, Target};
use crate::commands::process::Signals;
use crate::commands::progress::{Progress, print_note};
use crate::loggable::whole_chain;

/// The most replays at the same time, if no message has an ordering key.
const AT_ONCE: usize = 8;
/// The failures in a row after which the replay stops: then it is the service that fails, and not a message.
const FAILURES: u32 = 10;
/// The outcome of a message that was dead-lettered again.
const DEAD_LETTERED: &str = "dead-lettered";

/// The result of one replay.
enum Sent {
    /// The dead letter is acknowledged. The message may have become a new one again.
    Acknowledged { is_again: bool },
    /// The dead letter is kept, since the replay is not confirmed.
    Kept,
}

/// Returns a stream that yields at this rate a second. No flood follows a stall.
fn ticks(rate: u32) -> impl Stream<Item = ()> {
    let mut pace = interval(Duration::from_secs(1) / rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(pace, |mut pace| async move {
        pace.tick().await;
        Some(((), pace))
    })
}

/// A replay of held dead letters.
pub(super) struct Replaying<'a> {
    pub(super) held: &'a Held,
    pub(super) route: &'a Route,
    pub(super) target: &'a Target<'a>,
    /// True if the data come from a file.
    pub(super) is_edited: bool,
    pub(super) audit: Audit,
}

impl Replaying<'_> {
    /// Replays these dead letters, the oldest first. It stops at a signal and if the service seems to be down.
    pub(super) async fn all(
        &self,
        letters: &[&Letter],
        rate: u32,
        mut signals: Signals,
    ) -> Result<(), Box<dyn Error>> {
        let is_ordered = letters.iter().any(|letter| !letter.ordering_key.is_empty());
        let at_once = if is_ordered { 1 } else { AT_ONCE };
        let paced = stream::iter(letters).zip(ticks(rate));
        let results = paced.map(|(letter, ())| self.one(letter)).buffered(at_once);
        let mut results = pin!(results);
        let mut progress = Progress::new(["replayed", "of them dead-lettered again"], true);
        let mut in_a_row = 0;
        let is_over = loop {
            let result = tokio::select! {
                biased;
                () = signals.received() => break false,
                result = results.next() => result,
            };
            match result.transpose()? {
                Some(Sent::Acknowledged { is_again }) => {
                    in_a_row = 0;
                    progress.done += 1;
                    progress.also += u64::from(is_again);
                }
                Some(Sent::Kept) => {
                    in_a_row += 1;
                    progress.failed += 1;
                }
                None => break true,
            }
            if in_a_row >= FAILURES {
                break false;
            }
            progress.update();
        };
        progress.print();
        match (is_over, progress.failed) {
            (true, 0) => Ok(()),
            (true, failed) => Err(format!("{failed} of the dead letters were not replayed: they are kept").into()),
            (false, _) => Err("stopped before the end: the others are still dead letters, and the same command continues".into()),
        }
    }

    /// Returns the outcome if it means that this dead letter ran: a duplicate of an earlier try does, but data that were corrected
    /// since, or imported to run again, did not.
    fn check(&self, letter: &Letter, outcome: String) -> Result<String, NotReplayed> {
        let is_other = self.is_edited || letter.is_imported();
        match outcome.as_str() {
            "duplicate" if is_other => Err(NotReplayed::RanBefore),
            "ignored" => Err(NotReplayed::RanBefore),
            _ => Ok(outcome),
        }
    }

    /// Replays one dead letter and acknowledges it.
    async fn one(&self, letter: &Letter) -> io::Result<Sent> {
        let result = self.route.send(letter, self.target).await;
        let result = result.and_then(|outcome| self.check(letter, outcome));
        let result = match &result {
            Ok(outcome) => match self.held.ack(&letter.id).await {
                Ok(()) => Ok(outcome.clone()),
                Err(error) => Err(format!(
                    "replayed ({outcome}), but the dead letter is kept: {}; another replay of it will not run the message again",
                    whole_chain(&error)
                )),
            },
            Err(error) => Err(whole_chain(error)),
        };
        if let Err(error) = &result {
            print_note(&format!("dead letter {}: {error}", letter.id));
        }
        let entry = Entry::new("replay", self.target.id, letter, &result);
        self.audit.print(&entry)?;
        Ok(match result {
            Ok(outcome) => Sent::Acknowledged {
                is_again: outcome == DEAD_LETTERED,
            },
            Err(_) => Sent::Kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_followed_by_no_flood() {
        let mut ticks = pin!(ticks(5));
        ticks.next().await;
        advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..11 {
            ticks.next().await;
        }
        assert!(start.elapsed() >= Duration::from_secs(2));
    }
}
