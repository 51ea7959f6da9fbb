//! The runtime on which users' code runs, apart from the one that renews leases, settles, and answers health checks.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

/// Workers beside those for handlers: for tasks that handlers spawn, and for the drivers of network and time.
const SPARE_WORKERS: usize = 2;
/// Threads for what handlers and their libraries give to `spawn_blocking`; tokio's own default.
const SPARE_THREADS: usize = 512;

/// A runtime with more workers than handlers may be polled on at once: a poll that blocks takes one worker, and the others go on.
///
/// Within a current-thread runtime, as tests have it, there is no runtime of its own: only such a runtime can pause its
/// clock, and the clock of another would not stand still with it.
pub(crate) struct Executor {
    pub(crate) handle: Handle,
    /// Present until dropped, unless handlers share the caller's runtime.
    own: Option<Runtime>,
}

impl Executor {
    /// Makes `workers` for polls, and threads for `handlers` that keep theirs. Called within a runtime.
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
    /// A handler on a thread cannot be stopped, and is not waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_background();
        }
    }
}
