//! Readiness, checked at most once a second: requests need no authentication, and each check calls the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout};

use crate::dedup::DedupStore;
use crate::loggable::chain;
use crate::push::PushReceiver;

const PERIOD: Duration = Duration::from_secs(1);

/// The latest check, which may still be running.
pub(crate) struct Readiness {
    /// The store, without its circuit breaker.
    pub(crate) store: Arc<dyn DedupStore>,
    /// The result of the latest check; initially true, so that the first failure is logged.
    was_ready: AtomicBool,
    /// The time at which the latest check began, and its result.
    latest: Mutex<Option<(Instant, Shared<BoxFuture<'static, bool>>)>>,
}

impl PushReceiver {
    /// Returns true if pushes can be received: the result of the latest check, unless the service shuts down.
    pub(crate) async fn is_ready(self: &Arc<Self>) -> bool {
        let receiver = Arc::clone(self);
        let check = async move { receiver.check_and_log().await };
        self.readiness.or_check(check).await && self.deliveries.shutdown.check().is_ok()
    }

    /// Checks the readiness, and logs a change.
    async fn check_and_log(&self) -> bool {
        let ready = self.check().await;
        let was_ready = self
            .readiness
            .was_ready
            .swap(ready.is_ok(), Ordering::Relaxed);
        match &ready {
            Ok(()) if !was_ready => tracing::info!("ready"),
            Err(reason) if was_ready => tracing::warn!(reason, "not ready"),
            _ => {}
        }
        ready.is_ok()
    }

    /// Returns an error if the service shuts down, the keys are unknown, or the store does not answer.
    async fn check(&self) -> Result<(), String> {
        /// Cloud Run's probes wait 1 s by default (Google, *Probe*, `timeoutSeconds`); a later answer would be ignored.
        const PROBE: Duration = Duration::from_millis(900);
        self.deliveries
            .shutdown
            .check()
            .map_err(|error| error.to_string())?;
        let checks = async {
            self.authentication
                .is_ready()
                .await
                .map_err(|error| chain(&error))?;
            self.readiness
                .store
                .ping()
                .await
                .map_err(|error| chain(&error))
        };
        timeout(PROBE, checks)
            .await
            .unwrap_or_else(|_| Err("the key server or the store does not answer in time".into()))
    }
}

impl Readiness {
    pub(crate) fn new(store: Arc<dyn DedupStore>) -> Self {
        Self {
            store,
            was_ready: AtomicBool::new(true),
            latest: Mutex::default(),
        }
    }

    /// Returns the result of the latest check, or begins a new check if that one began a second ago. A client that disconnects
    /// does not cancel the check.
    async fn or_check(&self, check: impl Future<Output = bool> + Send + 'static) -> bool {
        let answer = {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            match &*latest {
                Some((begun, answer)) if begun.elapsed() < PERIOD => answer.clone(),
                _ => {
                    let check = tokio::spawn(check);
                    let answer = async move { check.await.unwrap_or_default() };
                    let answer = answer.boxed().shared();
                    *latest = Some((Instant::now(), answer.clone()));
                    answer
                }
            }
        };
        answer.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::time::{advance, sleep};

    use super::*;
    use crate::dedup::MemoryStore;

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_check_a_second() {
        let (readiness, checks) = (
            Readiness::new(Arc::new(MemoryStore::new(1))),
            Arc::new(AtomicUsize::new(0)),
        );
        let ask = || {
            let checks = Arc::clone(&checks);
            readiness.or_check(async move {
                sleep(PERIOD / 2).await;
                checks.fetch_add(1, Ordering::Relaxed) == 0
            })
        };
        let answers = futures_util::future::join_all((0..1000).map(|_| ask())).await;
        assert!(answers.into_iter().all(|is_ready| is_ready));
        advance(PERIOD / 2 - Duration::from_millis(1)).await;
        assert!(ask().await, "the answer is kept");
        assert_eq!(checks.load(Ordering::Relaxed), 1);
        advance(Duration::from_millis(1)).await;
        assert!(!ask().await, "a new one");
        assert_eq!(checks.load(Ordering::Relaxed), 2);
    }
}
