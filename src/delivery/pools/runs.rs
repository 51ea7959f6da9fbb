//! The current runs of handlers: finds those that block the executor, and counts those that outlast their hard limit.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Waking, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::pools::threads::Thread;
use crate::handler::context::Context;
use crate::telemetry::metrics::SubscriptionMetrics;

/// The unit of time in which polls are measured.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// The ticks after which a poll is reported: 1 to 1.25 s.
pub(crate) const LATE: u32 = 5;

/// The runs of a service.
pub(crate) struct Runs {
    /// The most runs that may outlast their hard limit before the process counts as dead.
    most_outlasting: usize,
    /// The id of the next run.
    next: AtomicU64,
    /// The watchdog's clock. It stops while the process is frozen, so that no handler is reported for that time.
    tick: AtomicU32,
    /// The runs by their ids.
    current: Mutex<HashMap<u64, Arc<Entry>>>,
}

/// One run.
pub(crate) struct Entry {
    id: u64,
    /// The pool of its thread; `None` for an `async` handler.
    pub(crate) pool: Option<&'static str>,
    pub(crate) subscription: Arc<str>,
    pub(crate) message_id: Arc<str>,
    /// The tick at which the current poll began; 0 between polls.
    polled: AtomicU32,
    /// True once it was reported for blocking its thread.
    is_named: AtomicBool,
    /// True once it has passed its hard limit and cannot be stopped.
    outlasts: AtomicBool,
    /// The thread that it occupies, until a replacement is allowed.
    thread: Mutex<Option<Thread>>,
    metrics: SubscriptionMetrics,
    pub(crate) start: Instant,
}

/// Removes a run from the list when dropped.
pub(crate) struct RunGuard {
    runs: Arc<Runs>,
    pub(crate) entry: Arc<Entry>,
}

impl Runs {
    pub(crate) fn new(most_outlasting: usize) -> Self {
        Self {
            most_outlasting,
            next: AtomicU64::new(0),
            tick: AtomicU32::new(1),
            current: Mutex::default(),
        }
    }

    /// Adds a run with its thread to the list.
    pub(crate) fn list(
        self: &Arc<Self>,
        pool: Option<&'static str>,
        context: &Context,
        thread: Option<Thread>,
        metrics: &SubscriptionMetrics,
    ) -> RunGuard {
        let entry = Arc::new(Entry {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            pool,
            subscription: Arc::clone(&context.subscription),
            message_id: Arc::clone(&context.message_id),
            polled: AtomicU32::new(0),
            is_named: AtomicBool::new(false),
            outlasts: AtomicBool::new(false),
            thread: Mutex::new(thread),
            metrics: metrics.clone(),
            start: Instant::now(),
        });
        self.lock().insert(entry.id, Arc::clone(&entry));
        RunGuard {
            runs: Arc::clone(self),
            entry,
        }
    }

    /// Marks a run that has passed its hard limit and cannot be stopped. Other runs may use a thread in its place, unless too many
    /// threads were replaced already.
    pub(crate) fn mark_outlasting(&self, entry: &Entry) {
        entry.outlasts.store(true, Ordering::Relaxed);
        if self.outlasting() <= self.most_outlasting {
            entry.give_thread_back();
        }
    }

    /// Advances the watchdog's clock, and returns the runs whose poll began at least this number of ticks ago, each once.
    pub(crate) fn late(&self, ticks: u32) -> Vec<Arc<Entry>> {
        let now = self.tick.fetch_add(1, Ordering::Relaxed) + 1;
        let current = self.lock();
        let late = current.values().filter(|entry| {
            let began = entry.polled.load(Ordering::Relaxed);
            began != 0 && now - began >= ticks && !entry.is_named.swap(true, Ordering::Relaxed)
        });
        late.cloned().collect()
    }

    /// Returns an error if so many runs outlast their hard limit that the process must be restarted.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (count, most) = (self.outlasting(), self.most_outlasting);
        if count <= most {
            return Ok(());
        }
        Err(format!(
            "{count} handlers passed their hard limit and cannot be stopped, and at most {most} are replaced: {}; a handler must check Context::is_stopping, and its clients need time-outs",
            self.counted(|entry| entry.outlasts.load(Ordering::Relaxed))
        ))
    }

    /// Returns the subscriptions that use this pool, with the number of their runs.
    pub(crate) fn at_work(&self, pool: &'static str) -> String {
        self.counted(|entry| entry.pool == Some(pool))
    }

    /// Returns the subscriptions whose handlers are in a poll, with the number of their runs.
    pub(crate) fn in_polls(&self) -> String {
        self.counted(|entry| entry.polled.load(Ordering::Relaxed) != 0)
    }

    /// Returns all runs, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by_key(|entry| entry.start);
        all
    }

    /// Returns the number of runs on a thread of the pool, or of `async` handlers that are being polled.
    pub(crate) fn count(&self, pool: Option<&'static str>) -> usize {
        let current = self.lock();
        let of_pool = current.values().filter(|entry| entry.pool == pool);
        let is_polled = |entry: &&Arc<Entry>| entry.polled.load(Ordering::Relaxed) != 0;
        match pool {
            Some(_) => of_pool.count(),
            None => of_pool.filter(is_polled).count(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn outlasting(&self) -> usize {
        let current = self.lock();
        let outlasting = |entry: &&Arc<Entry>| entry.outlasts.load(Ordering::Relaxed);
        current.values().filter(outlasting).count()
    }

    fn counted(&self, is_wanted: impl Fn(&Entry) -> bool) -> String {
        let mut counts = BTreeMap::new();
        for entry in self.lock().values().filter(|entry| is_wanted(entry)) {
            *counts
                .entry(Arc::clone(&entry.subscription))
                .or_insert(0_usize) += 1;
        }
        let text = |(name, count): (&Arc<str>, &usize)| {
            format!("{} ({count})", name.rsplit('/').next().unwrap_or(name))
        };
        match counts.is_empty() {
            true => "none".into(),
            false => counts.iter().map(text).collect::<Vec<_>>().join(", "),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Entry>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn give_thread_back(&self) {
        drop(
            self.thread
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

impl RunGuard {
    /// Polls the handler, and records the time for the watchdog.
    pub(crate) fn poll<F: Future + ?Sized>(
        &self,
        handler: Pin<&mut F>,
        waking: &mut Waking<'_>,
    ) -> Poll<F::Output> {
        let now = self.runs.tick.load(Ordering::Relaxed);
        self.entry.polled.store(now, Ordering::Relaxed);
        let polled = handler.poll(waking);
        self.entry.polled.store(0, Ordering::Relaxed);
        let ticks = self.runs.tick.load(Ordering::Relaxed).wrapping_sub(now);
        if ticks >= LATE {
            self.entry.metrics.stalled(TICK * ticks);
        }
        polled
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.entry.give_thread_back();
        self.runs.lock().remove(&self.entry.id);
    }
}
