//! A thread that reports handlers which block the executor, and decides if the process is live.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

use tokio::runtime::Handle;

use crate::delivery::pools::runs::{LATE, Runs, TICK};

/// The ticks after which an executor that has not run an empty task counts as blocked: 10 s.
const BLOCKED: u32 = 40;

/// The target of its log lines.
#[cfg(feature = "dev")]
pub(crate) const TARGET: &str = module_path!();

/// Watches the runs and the executor until dropped.
pub(crate) struct Watchdog {
    runs: Arc<Runs>,
    /// The number of ticks for which the executor has not run an empty task.
    silence: Arc<AtomicU32>,
}

impl Watchdog {
    pub(crate) fn start(runs: Arc<Runs>, executor: Handle) -> io::Result<Arc<Self>> {
        let watchdog = Arc::new(Self {
            runs,
            silence: Arc::default(),
        });
        let watched = Arc::downgrade(&watchdog);
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || watch(&watched, &executor))?;
        Ok(watchdog)
    }

    /// Returns an error if the process must be restarted.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.silence.load(Ordering::Relaxed) >= BLOCKED {
            return Err(format!(
                "all threads for async handlers are blocked: {}; see Subscriber::blocking and Subscriber::cpu",
                self.runs.in_polls()
            ));
        }
        self.runs.check()
    }

    /// Spawns an empty task on the executor while handlers run. This also wakes a worker, which then drives network and time: the
    /// worker that did so before may now poll a handler that blocks.
    fn probe(&self, executor: &Handle) {
        if self.silence.load(Ordering::Relaxed) > 0 {
            self.silence.fetch_add(1, Ordering::Relaxed);
        } else if !self.runs.is_empty() {
            self.silence.store(1, Ordering::Relaxed);
            let silence = Arc::clone(&self.silence);
            executor.spawn(async move { silence.store(0, Ordering::Relaxed) });
        }
    }
}

fn watch(watchdog: &Weak<Watchdog>, executor: &Handle) {
    let mut was_live = true;
    loop {
        thread::sleep(TICK);
        let Some(watchdog) = watchdog.upgrade() else {
            return;
        };
        watchdog.probe(executor);
        for run in watchdog.runs.late(LATE) {
            tracing::warn!(
                subscription = %run.subscription,
                message_id = %run.message_id,
                "a handler blocks its thread for more than 1 s without an .await: see Subscriber::blocking and Subscriber::cpu"
            );
        }
        let live = watchdog.check();
        match &live {
            Err(reason) if was_live => {
                tracing::error!(reason, "not live: this instance must be restarted");
            }
            Ok(()) if !was_live => tracing::info!("live again"),
            _ => {}
        }
        was_live = live.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::handler::context::Context;
    use crate::telemetry::metrics::{Metrics, SubscriptionMetrics};

    /// Uses a runtime that is not driven in place of one whose workers are all blocked.
    #[test]
    fn an_executor_blocked_for_ten_seconds_is_not_live() {
        let executor = Builder::new_current_thread().build().expect("a runtime");
        let watchdog = Watchdog {
            runs: Arc::new(Runs::new(0)),
            silence: Arc::default(),
        };
        let metrics = SubscriptionMetrics::new(Metrics::default(), "orders", "orders", 5);
        let run = watchdog
            .runs
            .list(None, &Context::for_test("1"), None, &metrics);
        for _ in 1..BLOCKED {
            watchdog.probe(executor.handle());
            assert_eq!(watchdog.check(), Ok(()));
        }
        watchdog.probe(executor.handle());
        let reason = watchdog.check().expect_err("blocked for 10 s");
        assert!(
            reason.starts_with("all threads for async handlers are blocked"),
            "{reason}"
        );

        executor.block_on(tokio::task::yield_now());
        assert_eq!(watchdog.check(), Ok(()), "after a worker became free");
        drop(run);
    }
}
