//! Limits the log lines of refused unknown callers: of each kind the first few in a second are logged, and the others are counted. So
//! an attacker cannot flood the log, and a mistake in a push subscription still appears with its reason.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::push::log_line::{Level, LogLine};

const PERIOD: Duration = Duration::from_secs(1);
/// The lines of one kind in a period, besides the one that counts the rest.
const LINES: u64 = 3;

/// The refusals of the current period.
#[derive(Clone, Default)]
pub(crate) struct LogLimit(Arc<Mutex<HashMap<&'static str, Seen>>>);

#[derive(Default)]
struct Seen {
    /// The number of lines so far.
    lines: u64,
    /// The number of refusals that were counted only.
    rest: u64,
    /// The latest of them.
    last: Option<(LogLine, Level)>,
}

impl LogLimit {
    /// Logs the refusal now, or with the others of its kind when the period ends.
    pub(crate) fn log(&self, kind: &'static str, line: LogLine, level: Level) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = kinds.is_empty();
        let seen = kinds.entry(kind).or_default();
        if seen.lines < LINES {
            seen.lines += 1;
            drop(kinds);
            line.log(level);
        } else {
            seen.rest += 1;
            seen.last = Some((line, level));
        }
        if is_first {
            let log_limit = self.clone();
            tokio::spawn(async move {
                sleep(PERIOD).await;
                log_limit.flush();
            });
        }
    }

    /// Ends the period: logs one line a kind for the refusals that were counted only.
    pub(crate) fn flush(&self) {
        let kinds = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for seen in kinds.into_values() {
            if let Some((mut line, level)) = seen.last {
                line.times = Some(seen.rest);
                line.log(level);
            }
        }
    }
}
