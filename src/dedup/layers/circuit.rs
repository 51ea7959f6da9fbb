//! The store's circuit breaker: after several time-outs in a row, claims fail at once, except for single probes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ConstantBuilder, Retryable};
use tokio::time::Instant;

use crate::breaker::{Breaker, Rules};
use crate::dedup::{Claim, ClaimStore, MessageKey, Record, StoreError, Ticket};
use crate::loggable::chain;

/// The pause before a claim whose answer was lost is repeated. The same ticket is never granted twice.
const REPEAT_AFTER: Duration = Duration::from_millis(25);

/// The shortest failure that counts: a faster one costs a delivery no time.
const SLOW: Duration = Duration::from_millis(100);

/// In a cluster with one failed node, successes of the other nodes come between the failures, so the circuit seldom opens.
const RULES: Rules = Rules {
    failures: 6,
    shortest_pause: Duration::from_millis(200),
    longest_pause: Duration::from_secs(2),
    probes: 1,
};

/// A store behind a circuit breaker.
#[derive(Clone)]
pub(super) struct Circuit {
    store: Arc<dyn ClaimStore>,
    pub(super) breaker: Arc<Breaker>,
}

impl Circuit {
    pub(super) fn new(store: Arc<dyn ClaimStore>) -> Self {
        Self {
            store,
            breaker: Breaker::new("deduplication store", RULES),
        }
    }

    pub(super) async fn run<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let permit = self
            .breaker
            .acquire()
            .map_err(|open| StoreError::Unavailable(Arc::new(open)))?;
        let start = Instant::now();
        let answer = step.await;
        match &answer {
            Err(error @ StoreError::Unavailable(_)) if start.elapsed() >= SLOW => {
                permit.fail(&chain(error))
            }
            _ => permit.succeed(),
        }
        answer
    }
}

#[async_trait]
impl ClaimStore for Circuit {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let repeat = ConstantBuilder::default()
            .with_delay(REPEAT_AFTER)
            .with_max_times(1);
        let claim = || async { self.store.claim(ticket).await };
        self.run(async { claim.retry(repeat).when(StoreError::is_transient).await })
            .await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.run(self.store.look(key)).await
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::time::sleep;

    use super::*;
    use crate::dedup::layers::ProtectedStore;

    /// Fails every claim after this time.
    struct Unreachable(Duration);

    #[async_trait]
    impl ClaimStore for Unreachable {
        async fn claim(&self, _ticket: &Ticket) -> Result<Claim, StoreError> {
            sleep(self.0).await;
            let error = io::Error::from(io::ErrorKind::TimedOut);
            Err(StoreError::Unavailable(Arc::new(error)))
        }

        async fn look(&self, _key: &MessageKey) -> Result<Record, StoreError> {
            Ok(Record::Absent)
        }
    }

    fn ticket() -> Ticket {
        let key = MessageKey {
            subscription: "projects/p/subscriptions/s".into(),
            epoch: 0,
            id: "1".into(),
        };
        Ticket::new(key, Duration::from_secs(10), Duration::from_secs(10))
    }

    /// Returns the duration of a claim after this number of failed ones.
    async fn claim_after(failures: u32, store: &Circuit) -> Duration {
        for _ in 0..failures {
            assert!(store.claim(&ticket()).await.is_err());
        }
        let start = Instant::now();
        assert!(store.claim(&ticket()).await.is_err());
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn claims_fail_at_once_after_six_time_outs() {
        let second = Duration::from_secs(1);
        let circuit = Circuit::new(Arc::new(Unreachable(second)));
        assert!(claim_after(5, &circuit).await >= 2 * second, "tried twice");
        assert_eq!(claim_after(0, &circuit).await, Duration::ZERO);
        let error = circuit.claim(&ticket()).await.expect_err("an open circuit");
        assert!(error.is_transient() && !error.is_ambiguous());
    }

    #[tokio::test(start_paused = true)]
    async fn the_holder_of_a_claim_bypasses_the_circuit() {
        let circuit = Circuit::new(Arc::new(Unreachable(Duration::from_secs(1))));
        claim_after(5, &circuit).await;
        let store = ProtectedStore {
            circuit,
            ..ProtectedStore::none()
        };
        assert!(store.claim(&ticket()).await.is_err());
        assert!(store.claim_again(&ticket()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn fast_failures_do_not_open_the_circuit() {
        let circuit = Circuit::new(Arc::new(Unreachable(Duration::ZERO)));
        let took = claim_after(100, &circuit).await;
        assert_eq!(took.as_millis(), REPEAT_AFTER.as_millis());
    }
}
