//! Writes the log from a separate thread, so that a blocked stderr stops nothing but the log.
//!
//! `tracing-appender` is not used: dropping its guard writes to the blocked output, and it bounds only the number of lines.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The limit of all lines that are not written yet. A line beyond it is dropped and counted.
const LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The longest wait for the last lines at exit. With the default grace period the exit stays within the 10 s of Cloud Run.
const FLUSH: Duration = Duration::from_millis(250);

/// The pause after each write. A line after a quiet time is written at once; under load many lines share a write, and a wake of the
/// thread, which cost four tenths of a duplicate otherwise.
const PAUSE: Duration = Duration::from_millis(5);

/// The lines that this process has dropped, for the metrics.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the number of lines that this process has dropped.
pub(super) fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The lines that are not written yet.
#[derive(Default)]
pub(super) struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    is_writing: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

impl Lines {
    /// Starts the thread that writes to `output`. `report` logs how many lines were dropped.
    pub(super) fn to(
        output: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let written = Arc::clone(&lines);
        thread::spawn(move || written.write_all_to(output, report));
        lines
    }

    fn write_all_to(&self, mut output: impl Write, report: impl Fn(u64)) {
        loop {
            let (lines, dropped) = self.next();
            if dropped > 0 {
                report(dropped);
            }
            // A failure to write the log cannot be logged.
            let _ = output.write_all(&lines).and_then(|()| output.flush());
            self.waiting().is_writing = false;
            self.changed.notify_all();
            thread::sleep(PAUSE);
        }
    }

    fn next(&self) -> (Vec<u8>, u64) {
        let mut waiting = self
            .changed
            .wait_while(self.waiting(), |waiting| waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        let dropped = std::mem::take(&mut waiting.dropped);
        (std::mem::take(&mut waiting.lines), dropped)
    }

    /// Waits until everything is written, for at most [`FLUSH`].
    pub(super) fn flush(&self) {
        let is_unwritten = |waiting: &mut Waiting| waiting.is_writing || !waiting.is_empty();
        drop(
            self.changed
                .wait_timeout_while(self.waiting(), FLUSH, is_unwritten),
        );
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a whole line at once, without waiting for the output.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.waiting();
        let is_first = waiting.is_empty();
        if waiting.lines.len() + line.len() > LIMIT_BYTES {
            waiting.dropped += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.lines.extend_from_slice(line);
        }
        drop(waiting);
        if is_first {
            self.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// An output that is blocked until the test frees it.
    struct Stuck {
        freed: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.freed.recv();
            self.written.lock().expect("bytes").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Counts its writes.
    #[derive(Clone, Default)]
    struct Counted(Arc<AtomicU64>);

    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn many_lines_share_a_write() {
        let output = Counted::default();
        let lines = Lines::to(output.clone(), |_| {});
        let begin = tokio::time::Instant::now();
        for _ in 0..10_000 {
            (&*lines).write_all(b"line\n").expect("taken");
        }
        lines.flush();
        let pauses = begin.elapsed().as_millis() / PAUSE.as_millis();
        let writes = output.0.load(Ordering::Relaxed);
        assert!(
            u128::from(writes) <= pauses + 2,
            "{writes} in {pauses} pauses"
        );
    }

    #[test]
    fn lines_that_a_stuck_output_drops_are_counted() {
        const LINE: [u8; 1024] = [b'x'; 1024];
        const LINES: usize = 3 * LIMIT_BYTES / LINE.len();
        let (free, freed) = channel();
        let (report, reports) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let output = Stuck {
            freed,
            written: Arc::clone(&written),
        };
        let lines = Lines::to(output, move |dropped| {
            let _ = report.send(dropped);
        });
        for _ in 0..LINES {
            assert_eq!((&*lines).write(&LINE).expect("taken"), LINE.len());
        }
        lines.flush(); // gives up
        assert!(written.lock().expect("bytes").is_empty());
        drop(free);
        let first = reports.recv().expect("a report");
        let is_busy = |waiting: &Waiting| waiting.is_writing || !waiting.is_empty();
        while is_busy(&lines.waiting()) {
            lines.flush();
        }
        // The thread may have begun to write only when some lines were dropped already.
        let dropped = first + reports.try_iter().sum::<u64>();
        let written = written.lock().expect("bytes").len() / LINE.len();
        assert_eq!(written as u64 + dropped, LINES as u64);
        assert!(written <= 2 * LIMIT_BYTES / LINE.len(), "{written} kept");
    }
}
