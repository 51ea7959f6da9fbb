//! Where handlers run: on the executor, or on a bounded number of threads.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::handler::{Delivery, Said, Work};

/// How many messages of one subscription an `async` handler works on at once, unless declared.
const ASYNC_ROOM: usize = 100;

/// The threads for handlers that do not give theirs back, bounded by the container's CPUs.
pub(crate) struct Pools {
    blocking: (usize, Arc<Semaphore>),
    cpu: (usize, Arc<Semaphore>),
}

impl Pools {
    /// Twice the cores or four more, whichever is more, for handlers that wait; as many as cores for those that compute.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let pool = |threads| (threads, Arc::new(Semaphore::new(threads)));
        Self {
            blocking: pool((2 * cores).max(cores + 4)),
            cpu: pool(cores),
        }
    }

    /// How many messages of one subscription may be inside at once, unless declared: for a pool, one runs and one waits.
    pub(crate) fn room_for(&self, work: &Work) -> usize {
        match work {
            Work::Async(_) => ASYNC_ROOM,
            Work::Blocking(_) => 2 * self.blocking.0,
            Work::Cpu(_) => 2 * self.cpu.0,
        }
    }

    /// Starts the handler in a task of its own, once a thread is free. Dropping the returned future before that starts nothing.
    pub(crate) async fn start(&self, work: &Work, delivery: Delivery) -> JoinHandle<Said> {
        let (pool, handler) = match work {
            Work::Async(handler) => return tokio::spawn(handler(delivery)),
            Work::Blocking(handler) => (&self.blocking.1, Arc::clone(handler)),
            Work::Cpu(handler) => (&self.cpu.1, Arc::clone(handler)),
        };
        // The semaphores are never closed, so there always is a permit in the end.
        let permit = Arc::clone(pool).acquire_owned().await.ok();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            handler(&delivery)
        })
    }
}
