//! The threads for handlers, shared so that no subscription can occupy all of them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The right to use a thread, released when dropped.
pub(crate) type Thread = [OwnedSemaphorePermit; 2];

/// The threads for one kind of handler.
pub(crate) struct Pool {
    /// The name in log lines.
    name: &'static str,
    /// The threads that all subscriptions share.
    shared: Arc<Semaphore>,
    /// The most threads of one subscription.
    share: usize,
    /// The most threads of all subscriptions.
    size: usize,
}

/// The threads that one subscription may use: one of its own, and at most half of the shared ones. So it always has a thread, even
/// if all other subscriptions hang.
pub(crate) struct Share {
    /// The name of its pool.
    pub(crate) pool: &'static str,
    /// The most threads that it may use at once.
    pub(crate) size: usize,
    /// The threads that it may still take.
    free: Arc<Semaphore>,
    /// Its own thread.
    own: Arc<Semaphore>,
    /// The threads that it shares.
    shared: Arc<Semaphore>,
}

impl Pool {
    /// Creates a pool with this number of threads, and one more for each subscription if there are several.
    pub(crate) fn new(name: &'static str, threads: usize, subscriptions: usize) -> Self {
        let is_shared = subscriptions > 1;
        Self {
            name,
            shared: Arc::new(Semaphore::new(threads - usize::from(!is_shared))),
            share: if is_shared { 1 + threads / 2 } else { threads },
            size: threads + if is_shared { subscriptions } else { 0 },
        }
    }

    /// Returns the most threads that all subscriptions may use at once.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn share(&self) -> Share {
        Share {
            pool: self.name,
            size: self.share,
            free: Arc::new(Semaphore::new(self.share)),
            own: Arc::new(Semaphore::new(1)),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// The access of one `async` handler to a worker for each poll. Polls that block occupy the workers of their own subscription only.
pub(crate) struct Turn {
    /// The workers of the subscription.
    workers: Arc<Share>,
    /// The wait for a worker, if none was free.
    waiting: Option<Pin<Box<dyn Future<Output = Option<Thread>> + Send>>>,
}

impl Turn {
    pub(crate) fn of(workers: &Arc<Share>) -> Self {
        Self {
            workers: Arc::clone(workers),
            waiting: None,
        }
    }

    /// Returns a worker for one poll, or registers the handler to be woken when one is free.
    pub(crate) fn poll(&mut self, waking: &mut Context<'_>) -> Poll<Option<Thread>> {
        if self.waiting.is_none()
            && let Some(worker) = self.workers.try_thread()
        {
            return Poll::Ready(Some(worker));
        }
        let waiting = self.waiting.get_or_insert_with(|| {
            let workers = Arc::clone(&self.workers);
            Box::pin(async move { workers.thread().await })
        });
        let worker = ready!(waiting.as_mut().poll(waking));
        self.waiting = None;
        Poll::Ready(worker)
    }
}

impl Share {
    fn try_thread(&self) -> Option<Thread> {
        let free = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let own = Arc::clone(&self.own).try_acquire_owned();
        let thread = own.or_else(|_| Arc::clone(&self.shared).try_acquire_owned());
        Some([free, thread.ok()?])
    }

    /// Waits for a thread. The semaphores are never closed, so this returns one.
    pub(crate) async fn thread(&self) -> Option<Thread> {
        let free = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let thread = tokio::select! {
            biased;
            own = Arc::clone(&self.own).acquire_owned() => own,
            shared = Arc::clone(&self.shared).acquire_owned() => shared,
        };
        Some([free, thread.ok()?])
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(share: &Share) -> Option<Thread> {
        share.thread().now_or_never().flatten()
    }

    fn take_all(share: &Share) -> Vec<Thread> {
        std::iter::from_fn(|| take(share)).collect()
    }

    #[test]
    fn a_subscription_has_a_thread_although_all_others_hang() {
        for threads in 1..10 {
            let pool = Pool::new("cpu", threads, 20);
            let shares: Vec<Share> = (0..20).map(|_| pool.share()).collect();
            let hung: Vec<Vec<Thread>> = shares.iter().map(take_all).collect();
            assert!(
                hung.iter().all(|taken| !taken.is_empty()),
                "{threads} threads"
            );
            assert!(hung.iter().map(Vec::len).sum::<usize>() <= threads + 20);
            assert_eq!(hung.first().map(Vec::len), Some(1 + threads / 2));
        }
    }

    #[test]
    fn a_subscription_alone_has_all_threads() {
        for threads in 1..10 {
            let taken = take_all(&Pool::new("cpu", threads, 1).share());
            assert_eq!(taken.len(), threads);
        }
    }

    #[test]
    fn a_released_thread_can_be_used_again() {
        let share = Pool::new("cpu", 2, 2).share();
        let mut taken = take_all(&share);
        assert!(take(&share).is_none());
        taken.pop();
        assert!(take(&share).is_some());
    }
}
