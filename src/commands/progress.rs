//! Counts messages, and prints the counts to the standard error.

use std::io::{Write, stderr};
use std::time::Duration;

use tokio::time::Instant;

/// The time between two prints.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    pub(super) done: u64,
    /// The messages that have the second verb.
    pub(super) also: u64,
    pub(super) failed: u64,
    verbs: [&'static str; 2],
    is_shown: bool,
    start: Instant,
    printed: Instant,
}

impl Progress {
    /// Counts messages by two verbs, such as `published` and `published before`.
    pub(super) fn new(verbs: [&'static str; 2], is_shown: bool) -> Self {
        Self {
            done: 0,
            also: 0,
            failed: 0,
            verbs,
            is_shown,
            start: Instant::now(),
            printed: Instant::now(),
        }
    }

    /// Prints the counts if the last ones are old enough.
    pub(super) fn update(&mut self) {
        if self.printed.elapsed() >= PERIOD {
            self.printed = Instant::now();
            self.print();
        }
    }

    pub(super) fn print(&self) {
        if !self.is_shown {
            return;
        }
        let [done, also] = self.verbs;
        let mut counts = format!("{} {done}", self.done);
        for (count, verb) in [(self.also, also), (self.failed, "failed")] {
            if count > 0 {
                counts += &format!(", {count} {verb}");
            }
        }
        let seconds = self.start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.done as f64 / seconds.max(0.001);
        print_note(&format!("{counts} in {seconds:.1} s, {rate:.0}/s"));
    }
}

/// Prints a line, even if its reader is gone.
pub(super) fn print_note(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
