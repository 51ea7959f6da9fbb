//! One delivery asks to handle its message; if another is at it, it waits for that one's answer instead of burning an attempt.

use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;
use crate::dedup::{Claim, DedupStore, Record, StoreError, Ticket};
use crate::drain::Drain;
use crate::settlement::Settlement;

/// A claim whose answer was lost is asked again with the same ticket, which is never granted twice.
const REPEAT_AFTER: Duration = Duration::from_millis(25);

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// This delivery alone handles the message; the attempt is above 1 if a claim lapsed before.
    Granted { attempt: u32 },
    /// Another delivery has settled the message, or is still at it.
    Elsewhere(Settlement),
    /// The service is leaving.
    Leaving,
}

/// How long a delivery waits for another's claim.
struct Patience {
    arrival: Instant,
    /// The handler's hard limit: nothing is begun or waited for after it.
    hard_limit: Duration,
    closing: CancellationToken,
}

/// Claims the attempt's message, waiting for another's claim as long as its handler may run, unless the service closes.
pub(crate) async fn ask(attempt: &Attempt, drain: &Drain) -> Result<Asked, StoreError> {
    let hard_limit = attempt.subscriber.limits.hard;
    let patience = Patience {
        arrival: attempt.arrival,
        hard_limit,
        closing: drain.closing.clone(),
    };
    ask_store(attempt.store(), &attempt.ticket, &patience).await
}

async fn ask_store(
    store: &Arc<dyn DedupStore>,
    ticket: &Ticket,
    patience: &Patience,
) -> Result<Asked, StoreError> {
    let claim = || async { store.claim(ticket).await };
    let repeat = ConstantBuilder::default()
        .with_delay(REPEAT_AFTER)
        .with_max_times(1);
    loop {
        if patience.closing.is_cancelled() {
            return Ok(Asked::Leaving);
        }
        match claim.retry(repeat).when(StoreError::is_transient).await? {
            Claim::Granted { attempt } => return Ok(Asked::Granted { attempt }),
            Claim::Done(_) => return Ok(Asked::Elsewhere(Settlement::DoneBefore)),
            Claim::InProgress => {}
        }
        match wait(store.as_ref(), ticket, patience).await? {
            Waited::Lapsed if patience.is_enough_to_begin() => {}
            Waited::Lapsed => return Ok(Asked::Elsewhere(Settlement::Busy)),
            Waited::For(asked) => return Ok(asked),
        }
    }
}

enum Waited {
    For(Asked),
    /// The other has vanished; its message is to be claimed again.
    Lapsed,
}

async fn wait(
    store: &dyn DedupStore,
    ticket: &Ticket,
    patience: &Patience,
) -> Result<Waited, StoreError> {
    loop {
        let look_again = Instant::now() + patience.pause();
        tokio::select! {
            () = sleep_until(look_again.min(patience.end())) => {}
            () = patience.closing.cancelled() => return Ok(Waited::For(Asked::Leaving)),
        }
        let is_over = Instant::now() >= patience.end();
        let elsewhere = |settlement| Ok(Waited::For(Asked::Elsewhere(settlement)));
        match store.look(&ticket.key).await {
            Ok(Record::Done(_)) => return elsewhere(Settlement::DoneBefore),
            Ok(Record::Absent) => return elsewhere(Settlement::FailedElsewhere),
            Ok(Record::Lapsed) => return Ok(Waited::Lapsed),
            Ok(Record::InProgress) if is_over => return elsewhere(Settlement::Busy),
            // One lost answer among many is no reason to burn an attempt.
            Err(error) if is_over || !error.is_transient() => return Err(error),
            Ok(Record::InProgress) | Err(_) => {}
        }
    }
}

impl Patience {
    fn end(&self) -> Instant {
        self.arrival + self.hard_limit
    }

    /// Looks again soon at first, then seldom: most handlers end quickly, and the others can be waited for cheaply.
    fn pause(&self) -> Duration {
        (self.arrival.elapsed() / 4).clamp(Duration::from_millis(20), Duration::from_secs(1))
    }

    /// A handler that gets less than half its time would mostly be stopped; the next delivery gives it all.
    fn is_enough_to_begin(&self) -> bool {
        self.arrival.elapsed() < self.hard_limit / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::{MemoryStore, MessageKey};

    const LIMIT: Duration = Duration::from_secs(50);

    fn ticket(lease_seconds: u64) -> Ticket {
        let key = MessageKey {
            subscription: "projects/p/subscriptions/s".into(),
            epoch: 0,
            id: "1".into(),
        };
        Ticket::new(
            key,
            Duration::from_secs(lease_seconds),
            Duration::from_secs(600),
        )
    }

    fn patience() -> Patience {
        Patience {
            arrival: Instant::now(),
            hard_limit: LIMIT,
            closing: CancellationToken::new(),
        }
    }

    /// Asks for a message that another ticket holds, and lets `then` happen after ten seconds.
    async fn asked_while<T: Future<Output = ()> + Send + 'static>(
        lease_seconds: u64,
        then: impl FnOnce(Arc<dyn DedupStore>, Ticket) -> T,
    ) -> (Asked, Duration) {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        let holder = ticket(lease_seconds);
        assert_eq!(
            store.claim(&holder).await.expect("claimed"),
            Claim::Granted { attempt: 1 }
        );
        let then = then(Arc::clone(&store), holder);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            then.await;
        });
        let patience = patience();
        let asked = ask_store(&store, &ticket(60), &patience)
            .await
            .expect("answered");
        (asked, patience.arrival.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_delivery_gives_the_answer_of_the_one_at_work() {
        let (asked, waited) = asked_while(60, |store, holder| async move {
            drop(store.finish(&holder).await)
        })
        .await;
        assert_eq!(asked, Asked::Elsewhere(Settlement::DoneBefore));
        assert!(
            waited >= Duration::from_secs(10) && waited < Duration::from_secs(12),
            "{waited:?}"
        );
        let (asked, _) = asked_while(60, |store, holder| async move {
            drop(store.release(&holder).await)
        })
        .await;
        assert_eq!(asked, Asked::Elsewhere(Settlement::FailedElsewhere));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vanished_holders_message_is_taken_over_while_there_is_time() {
        let (asked, waited) = asked_while(15, |_, _| async {}).await;
        assert_eq!(asked, Asked::Granted { attempt: 2 });
        assert!(waited < Duration::from_secs(18), "{waited:?}");
        let (asked, _) = asked_while(30, |_, _| async {}).await;
        assert_eq!(
            asked,
            Asked::Elsewhere(Settlement::Busy),
            "with less than half the time left the next delivery takes over"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_time_limit_and_with_the_service() {
        let (asked, waited) = asked_while(600, |_, _| async {}).await;
        assert_eq!((asked, waited), (Asked::Elsewhere(Settlement::Busy), LIMIT));
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        assert!(store.claim(&ticket(60)).await.is_ok());
        let patience = patience();
        patience.closing.cancel();
        assert_eq!(
            ask_store(&store, &ticket(60), &patience)
                .await
                .expect("answered"),
            Asked::Leaving
        );
    }
}
