//! Counts lines, and prints the counts to the standard error.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use tokio::time::Instant;

/// A log gets a new line with the counts; a terminal shows one line, and overwrites it each time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    pub(super) published: u64,
    pub(super) fitting: u64,
    pub(super) before: u64,
    pub(super) failed: u64,
    start: Instant,
    printed: Instant,
    is_shown: bool,
    /// The control sequence that clears a terminal's line.
    clear: &'static str,
}

impl Progress {
    pub(super) fn new(is_shown: bool) -> Self {
        let is_overwritten = is_shown && stderr().is_terminal();
        Self {
            published: 0,
            fitting: 0,
            before: 0,
            failed: 0,
            start: Instant::now(),
            printed: Instant::now(),
            is_shown,
            clear: if is_overwritten { "\r\x1b[K" } else { "" },
        }
    }

    /// Prints the counts, to a log now and then only.
    pub(super) fn update(&mut self) {
        if !self.clear.is_empty() {
            let _ = write!(stderr(), "{}{}", self.clear, self.summary());
        } else if self.printed.elapsed() >= LOG_PERIOD {
            self.printed = Instant::now();
            self.end();
        }
    }

    /// Prints a line that is not overwritten.
    pub(super) fn print(&self, text: &str) {
        let _ = writeln!(stderr(), "{}{text}", self.clear);
    }

    /// Prints the counts in a line that is not overwritten.
    pub(super) fn end(&self) {
        if self.is_shown {
            self.print(&self.summary());
        }
    }

    fn summary(&self) -> String {
        let seconds = self.start.elapsed().as_secs_f64();
        let mut summary = match self.fitting {
            0 => format!("{} published", self.published),
            fitting => format!("{fitting} fit"),
        };
        if self.before > 0 {
            summary += &format!(", {} published before", self.before);
        }
        if self.failed > 0 {
            summary += &format!(", {} failed", self.failed);
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (self.published + self.fitting) as f64 / seconds.max(0.001);
        format!("{summary} in {seconds:.1} s, {rate:.0}/s")
    }
}
