//! A store that does not answer costs each push milliseconds: after some time-outs in a row nobody waits for it but one
//! probe.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ConstantBuilder, Retryable};
use tokio::time::Instant;

use crate::breaker::{Breaker, Rules};
use crate::dedup::{Claim, DedupStore, Hold, MessageKey, Record, StoreError, Ticket};
use crate::loggable::chain;

/// A claim whose answer was lost is asked again with the same ticket, which is never granted twice.
const REPEAT_AFTER: Duration = Duration::from_millis(25);

/// What fails sooner costs nobody time.
const SLOW: Duration = Duration::from_millis(100);

/// In a cluster of which a part is away, the others' answers come in between, so that it seldom opens.
const RULES: Rules = Rules {
    failures: 6,
    shortest_pause: Duration::from_millis(200),
    longest_pause: Duration::from_secs(2),
    probes: 1,
};

/// A store behind a circuit breaker, for those who ask.
pub(crate) struct Guarded {
    store: Arc<dyn DedupStore>,
    breaker: Arc<Breaker>,
}

impl Guarded {
    pub(crate) fn new(store: Arc<dyn DedupStore>) -> Self {
        Self {
            store,
            breaker: Breaker::new("deduplication store", RULES),
        }
    }

    async fn guard<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let pass = self
            .breaker
            .enter()
            .map_err(|open| StoreError::Unavailable(Arc::new(open)))?;
        let start = Instant::now();
        let answer = step.await;
        match &answer {
            Err(error @ StoreError::Unavailable(_)) if start.elapsed() >= SLOW => {
                pass.fail(&chain(error))
            }
            _ => pass.succeed(),
        }
        answer
    }
}

#[async_trait]
impl DedupStore for Guarded {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let repeat = ConstantBuilder::default()
            .with_delay(REPEAT_AFTER)
            .with_max_times(1);
        let claim = || async { self.store.claim(ticket).await };
        self.guard(async { claim.retry(repeat).when(StoreError::is_transient).await })
            .await
    }

    async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.begin(ticket).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.renew(ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.finish(ticket).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.release(ticket).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.guard(self.store.look(key)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        self.store.advice().await
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::time::sleep;

    use super::*;
    use crate::dedup::{Shielded, Unguarded};

    /// Fails every claim after this time.
    struct Away(Duration);

    #[async_trait]
    impl DedupStore for Away {
        async fn claim(&self, _ticket: &Ticket) -> Result<Claim, StoreError> {
            sleep(self.0).await;
            let error = io::Error::from(io::ErrorKind::TimedOut);
            Err(StoreError::Unavailable(Arc::new(error)))
        }

        async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
            Unguarded.begin(ticket).await
        }

        async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
            Unguarded.renew(ticket).await
        }

        async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
            Unguarded.finish(ticket).await
        }

        async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
            Unguarded.release(ticket).await
        }

        async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
            Unguarded.look(key).await
        }

        async fn ping(&self) -> Result<(), StoreError> {
            Ok(())
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

    /// How long a claim takes after so many have failed.
    async fn claim_after(failures: u32, store: &dyn DedupStore) -> Duration {
        for _ in 0..failures {
            assert!(store.claim(&ticket()).await.is_err());
        }
        let start = Instant::now();
        assert!(store.claim(&ticket()).await.is_err());
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn after_six_deliveries_that_waited_in_vain_nobody_waits_but_the_holder_of_a_claim() {
        let second = Duration::from_secs(1);
        let shielded = Shielded::new(Arc::new(Away(second)));
        let asking = shielded.asking.as_ref();
        assert!(claim_after(5, asking).await >= 2 * second, "asked twice");
        assert_eq!(claim_after(0, asking).await, Duration::ZERO);
        let refused = asking.claim(&ticket()).await.expect_err("nobody was asked");
        assert!(refused.is_transient() && !refused.is_ambiguous());
        assert_eq!(claim_after(0, shielded.holding.as_ref()).await, second);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_cost_no_time_close_nothing() {
        let shielded = Shielded::new(Arc::new(Away(Duration::ZERO)));
        let took = claim_after(100, shielded.asking.as_ref()).await;
        assert_eq!(took.as_millis(), REPEAT_AFTER.as_millis());
    }
}
