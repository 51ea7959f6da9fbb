//! Runs handlers: on the executor, or on a bounded number of threads.

pub(crate) mod executor;
pub(crate) mod runs;
pub(crate) mod threads;
pub(crate) mod watchdog;

use std::future::poll_fn;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::task::ready;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tokio::task::JoinHandle;

use crate::delivery::pools::executor::Executor;
use crate::delivery::pools::runs::{Entry, Runs};
use crate::delivery::pools::threads::{Pool, Share, Thread, Turn};
use crate::delivery::pools::watchdog::Watchdog;
use crate::handler::{HandlerResult, Input, Work};
use crate::subscriber::Subscriber;
use crate::telemetry::metrics::SubscriptionMetrics;

/// The most runs that outlast their hard limit and are replaced; half of the places of the process if that is less.
const MOST_OUTLASTING: usize = 64;

/// The executor for `async` handlers with its workers, and threads for the others, bounded by the container's CPUs.
pub(crate) struct Pools {
    /// The runtime of the handlers.
    pub(crate) executor: Executor,
    /// The workers that poll `async` handlers.
    workers: Pool,
    /// Finds handlers that block, and decides if the process is live.
    pub(crate) watchdog: Arc<Watchdog>,
    /// All current runs.
    runs: Arc<Runs>,
    /// The threads for `blocking` handlers.
    blocking: Pool,
    /// The threads for `cpu` handlers.
    cpu: Pool,
}

/// The threads that one subscription may use.
pub(crate) struct Quota {
    /// The share of its pool; `None` for an `async` handler.
    pub(crate) threads: Option<Share>,
    /// The workers on which its `async` handler may be polled at once.
    workers: Arc<Share>,
}

/// A running handler.
pub(crate) struct Job {
    /// The task of the handler.
    pub(crate) task: JoinHandle<HandlerResult>,
    /// Its entry in the list of runs.
    entry: Arc<Entry>,
}

impl Pools {
    /// Creates a thread a core for handlers that compute; for those that wait, two threads a core, or four more than cores if that
    /// is more. `places` is the number of deliveries that the process takes at once. Must be called within a runtime.
    pub(crate) fn new(places: usize, subscribers: &[Subscriber]) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let works = || subscribers.iter().map(|subscriber| &subscriber.work);
        let blocking = works().filter(|work| matches!(work, Work::Blocking(_)));
        let cpu = works().filter(|work| matches!(work, Work::Cpu(_)));
        let polling = works()
            .filter(|work| matches!(work, Work::Async(_)))
            .count();
        let workers = Pool::new("async", (4 * cores).max(8), polling);
        let executor = Executor::new(workers.size(), places)?;
        let runs = Arc::new(Runs::new(MOST_OUTLASTING.min(places / 2)));
        Ok(Self {
            blocking: Pool::new("blocking", (2 * cores).max(cores + 4), blocking.count()),
            cpu: Pool::new("cpu", cores, cpu.count()),
            watchdog: Watchdog::start(Arc::clone(&runs), executor.handle.clone())?,
            executor,
            workers,
            runs,
        })
    }

    /// Returns the threads for a subscription with this work.
    pub(crate) fn quota(&self, work: &Work) -> Quota {
        Quota {
            threads: match work {
                Work::Async(_) => None,
                Work::Blocking(_) => Some(self.blocking.share()),
                Work::Cpu(_) => Some(self.cpu.share()),
            },
            workers: Arc::new(self.workers.share()),
        }
    }

    /// Waits for a thread, unless the handler is `async`.
    pub(crate) async fn thread(&self, quota: &Quota) -> Option<Thread> {
        match &quota.threads {
            Some(share) => share.thread().await,
            None => None,
        }
    }

    /// Starts the handler of a subscriber in a new task, with its thread.
    pub(crate) fn start(
        &self,
        work: &Work,
        quota: &Quota,
        thread: Option<Thread>,
        input: Input,
        metrics: &SubscriptionMetrics,
    ) -> Job {
        let pool = quota.threads.as_ref().map(|share| share.pool);
        let guard = self.runs.list(pool, &input.context, thread, metrics);
        let entry = Arc::clone(&guard.entry);
        let executor = &self.executor.handle;
        let span = Context::current();
        let span = span.has_active_span().then_some(span);
        let task = match work {
            Work::Async(handler) => {
                let (mut handling, mut turn) = (handler(input), Turn::of(&quota.workers));
                executor.spawn(poll_fn(move |waking| {
                    let _worker = ready!(turn.poll(waking));
                    let _span = span.clone().map(Context::attach);
                    guard.poll(handling.as_mut(), waking)
                }))
            }
            Work::Blocking(handler) | Work::Cpu(handler) => {
                let handler = Arc::clone(handler);
                executor.spawn_blocking(move || {
                    let _guard = guard;
                    let _span = span.map(Context::attach);
                    handler(&input)
                })
            }
        };
        Job { task, entry }
    }

    /// Replaces the thread of a job that has passed its hard limit and cannot be stopped.
    pub(crate) fn replace_thread(&self, job: &Job) {
        self.runs.mark_outlasting(&job.entry);
    }

    /// Returns all current runs, the oldest first.
    pub(crate) fn current_runs(&self) -> Vec<Arc<Entry>> {
        self.runs.all()
    }

    /// Returns the name of each pool, its busy threads, and the number of its threads.
    pub(crate) fn occupancy(&self) -> [(&'static str, usize, usize); 3] {
        let threads = |name, pool: &Pool| (name, self.runs.count(Some(name)), pool.size());
        [
            ("async", self.runs.count(None), self.workers.size()),
            threads("blocking", &self.blocking),
            threads("cpu", &self.cpu),
        ]
    }

    /// Returns the reason why a handler could not begin in time.
    pub(crate) fn too_late(&self, quota: &Quota, hard_limit: Duration) -> String {
        let Some(share) = &quota.threads else {
            return format!(
                "its hard limit of {hard_limit:?} passed before the handler could begin: see .ack_deadline(…)"
            );
        };
        let (pool, size) = (share.pool, share.size);
        format!(
            "no thread of the {pool} pool was free in half of the hard limit of {hard_limit:?}: this subscription may use {size} at once, and the pool runs {}; see .concurrency(…), .ack_deadline(…), or give the container more CPUs",
            self.runs.at_work(pool)
        )
    }
}
