//! How far it is, on the standard error.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, Interval, interval_at};

/// On a terminal the line is overwritten; a log gets a new one now and then.
const ON_TERMINAL: Duration = Duration::from_millis(250);
const IN_LOG: Duration = Duration::from_secs(10);

/// Counts, and shows the counts of many lines.
pub(super) struct Progress {
    start: Instant,
    published: Arc<AtomicU64>,
    pub(super) fitting: u64,
    pub(super) before: u64,
    pub(super) failed: u64,
    is_shown: bool,
    is_terminal: bool,
    interval: Interval,
}

impl Progress {
    pub(super) fn new(is_many: bool) -> Self {
        let is_terminal = stderr().is_terminal();
        let period = if is_terminal { ON_TERMINAL } else { IN_LOG };
        Self {
            start: Instant::now(),
            published: Arc::default(),
            fitting: 0,
            before: 0,
            failed: 0,
            is_shown: is_many,
            is_terminal,
            interval: interval_at(Instant::now() + period, period),
        }
    }

    /// Counts what is confirmed and recorded.
    pub(super) fn published(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.published)
    }

    /// Waits until it is time to show how far it is.
    pub(super) async fn tick(&mut self) {
        self.interval.tick().await;
    }

    pub(super) fn show(&self) {
        if !self.is_shown {
            return;
        }
        let (begin, end) = if self.is_terminal {
            ("\r\x1b[K", "")
        } else {
            ("", "\n")
        };
        let _ = write!(stderr(), "{begin}{}{end}", self.summary());
    }

    /// A line that stays.
    pub(super) fn say(&self, text: &str) {
        let begin = if self.is_shown && self.is_terminal {
            "\r\x1b[K"
        } else {
            ""
        };
        let _ = writeln!(stderr(), "{begin}{text}");
    }

    /// The last word about many lines.
    pub(super) fn end(&self) {
        if self.is_shown {
            self.say(&self.summary());
        }
    }

    fn summary(&self) -> String {
        let published = self.published.load(Ordering::Relaxed);
        let seconds = self.start.elapsed().as_secs_f64();
        let mut parts = vec![format!("{published} published")];
        if self.fitting > 0 {
            parts = vec![format!("{} fit", self.fitting)];
        }
        if self.before > 0 {
            parts.push(format!("{} published before", self.before));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (published + self.fitting) as f64 / seconds.max(0.001);
        format!("{} in {seconds:.1} s, {rate:.0}/s", parts.join(", "))
    }
}
