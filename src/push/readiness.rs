//! Readiness, checked at most once a second: requests need no authentication, and each check calls the store.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;

const PERIOD: Duration = Duration::from_secs(1);

/// The latest check, which may still be running.
#[derive(Default)]
pub(crate) struct Readiness {
    latest: Mutex<Option<(Instant, Shared<BoxFuture<'static, bool>>)>>,
}

impl Readiness {
    /// Returns the result of the latest check, or begins a new check if that one began a second ago. A client that disconnects
    /// does not cancel the check.
    pub(crate) async fn or_check(
        &self,
        check: impl Future<Output = bool> + Send + 'static,
    ) -> bool {
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_check_a_second() {
        let (readiness, checks) = (Readiness::default(), Arc::new(AtomicUsize::new(0)));
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
