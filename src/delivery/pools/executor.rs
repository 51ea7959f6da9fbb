//! The runtime of users' code, separate from the one that renews leases, settles, and answers health checks.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::block_in_place;

/// Additional workers for tasks that handlers spawn, and for the drivers of network and time.
const SPARE_WORKERS: usize = 2;
/// Additional threads for `spawn_blocking` in handlers and their libraries; tokio's default.
const SPARE_THREADS: usize = 512;

/// A smaller message is decoded within about a millisecond.
const LARGE_BYTES: usize = 256 << 10;

/// A runtime with more workers than handlers that may be polled at once: a poll that blocks occupies one worker only.
///
/// Within a current-thread runtime, as in tests, handlers share the caller's runtime: its clock may be paused, and the clock of a
/// second runtime would not be.
pub(crate) struct Executor {
    pub(crate) handle: Handle,
    /// Present until dropped, unless handlers share the caller's runtime.
    own: Option<Runtime>,
}

impl Executor {
    /// Creates `workers` for polls, and threads for `handlers` that occupy one. Must be called within a runtime.
    pub(crate) fn new(workers: usize, handlers: usize) -> io::Result<Self> {
        let current = Handle::current();
        if current.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Ok(Self {
                handle: current,
                own: None,
            });
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers + SPARE_WORKERS)
            .max_blocking_threads(handlers + SPARE_THREADS)
            .thread_name("handlers")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            own: Some(runtime),
        })
    }
}

impl Drop for Executor {
    /// Does not wait for handlers on threads, which cannot be stopped.
    fn drop(&mut self) {
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs the work in place. If the message is large, the executor first moves its other tasks to another thread.
pub(crate) fn block_in_place_if_large<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let has_other_threads = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes >= LARGE_BYTES && has_other_threads {
        block_in_place(work)
    } else {
        work()
    }
}
