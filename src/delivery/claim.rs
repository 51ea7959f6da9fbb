//! One delivery asks to handle its message; if another is at it, it waits for that one's answer instead of burning an attempt.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::breaker::Permit;
use crate::dedup::{Claim, ClaimStore, Fingerprint, Record, StoreError, Ticket};
use crate::delivery::admission::Waiting;
use crate::delivery::attempt::Attempt;
use crate::delivery::drain::Drain;
use crate::delivery::settlement::Settlement;
use crate::subscriber::Conflict;

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
struct Patience<'a> {
    arrival: Instant,
    /// The handler's hard limit: nothing is begun or waited for after it.
    hard_limit: Duration,
    closing: CancellationToken,
    room: &'a Waiting,
}

/// What the store says, before it is known what the subscriber makes of it.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Granted { number: u32, is_run_lost: bool },
    Done(Option<Fingerprint>),
    Elsewhere(Settlement),
    Leaving,
}

/// Claims the attempt's message, waiting for another's claim as long as its handler may run, unless the service closes.
pub(crate) async fn ask(attempt: &mut Attempt, drain: &Drain) -> Result<Asked, StoreError> {
    let subscriber = Arc::clone(&attempt.subscriber);
    let patience = Patience {
        arrival: attempt.arrival,
        hard_limit: subscriber.limits.hard,
        closing: drain.closing.clone(),
        room: &subscriber.waiting,
    };
    loop {
        let store = &subscriber.store;
        let mut pass = attempt.pass.take();
        let told = ask_store(store, &attempt.claiming(), &patience, &mut pass).await;
        attempt.pass = pass;
        let told = match told {
            Ok(told) => told,
            // Where another delivery is at it, running without a claim would be running twice at once.
            Err(NoAnswer {
                error,
                is_in_progress: false,
            }) if attempt.dares_without(&error) => {
                return Ok(Asked::Granted { attempt: 1 });
            }
            Err(NoAnswer { error, .. }) => {
                if error.is_ambiguous() {
                    subscriber.store.release_unanswered(&attempt.ticket);
                }
                return Err(error);
            }
        };
        return Ok(match told {
            Told::Granted {
                number,
                is_run_lost,
            } => {
                attempt.granted(number, is_run_lost);
                Asked::Granted { attempt: number }
            }
            Told::Done(before) => match attempt.conflict_with(before) {
                None => Asked::Elsewhere(Settlement::DoneBefore),
                Some(Conflict::Ignore) => Asked::Elsewhere(Settlement::OtherPayloadIgnored),
                Some(Conflict::Retry) => Asked::Elsewhere(Settlement::OtherPayload),
                Some(Conflict::DeadLetter) => {
                    attempt.part_from_its_key();
                    continue;
                }
            },
            Told::Elsewhere(settlement) => Asked::Elsewhere(settlement),
            Told::Leaving => Asked::Leaving,
        });
    }
}

/// The store did not answer.
struct NoAnswer {
    error: StoreError,
    /// It had said before that another delivery is at it.
    is_in_progress: bool,
}

async fn ask_store(
    store: &dyn ClaimStore,
    ticket: &Ticket,
    patience: &Patience<'_>,
    pass: &mut Option<Permit>,
) -> Result<Told, NoAnswer> {
    let mut is_in_progress = false;
    loop {
        if patience.closing.is_cancelled() {
            return Ok(Told::Leaving);
        }
        let no_answer = |error| NoAnswer {
            error,
            is_in_progress,
        };
        match store.claim(ticket).await.map_err(no_answer)? {
            Claim::Granted {
                number,
                is_run_lost,
            } => {
                return Ok(Told::Granted {
                    number,
                    is_run_lost,
                });
            }
            Claim::Done(fingerprint) => return Ok(Told::Done(fingerprint)),
            Claim::InProgress => is_in_progress = true,
        }
        let Some(_place) = patience.room.enter(&ticket.key) else {
            return Ok(Told::Elsewhere(Settlement::Busy));
        };
        drop(pass.take()); // a probe that waits would keep all others out
        let waited = wait(store, ticket, patience).await;
        match waited.map_err(|error| NoAnswer {
            error,
            is_in_progress,
        })? {
            Waited::Lapsed if patience.is_enough_to_begin() => {}
            Waited::Lapsed => return Ok(Told::Elsewhere(Settlement::Busy)),
            Waited::For(told) => return Ok(told),
        }
    }
}

enum Waited {
    For(Told),
    /// The other has vanished; its message is to be claimed again.
    Lapsed,
}

async fn wait(
    store: &dyn ClaimStore,
    ticket: &Ticket,
    patience: &Patience<'_>,
) -> Result<Waited, StoreError> {
    loop {
        let look_again = Instant::now() + patience.pause();
        tokio::select! {
            () = sleep_until(look_again.min(patience.end())) => {}
            () = patience.closing.cancelled() => return Ok(Waited::For(Told::Leaving)),
        }
        let is_over = Instant::now() >= patience.end();
        let elsewhere = |settlement| Ok(Waited::For(Told::Elsewhere(settlement)));
        match store.look(&ticket.key).await {
            Ok(Record::Done(fingerprint)) => return Ok(Waited::For(Told::Done(fingerprint))),
            Ok(Record::Absent) => return elsewhere(Settlement::FailedElsewhere),
            Ok(Record::Expired) => return Ok(Waited::Lapsed),
            Ok(Record::InProgress) if is_over => return elsewhere(Settlement::Busy),
            // One lost answer among many is no reason to burn an attempt.
            Err(error) if is_over || !error.is_transient() => return Err(error),
            Ok(Record::InProgress) | Err(_) => {}
        }
    }
}

impl Patience<'_> {
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
    use crate::dedup::{DedupStore, MemoryStore, MessageKey};

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

    fn patience(room: &Waiting) -> Patience<'_> {
        Patience {
            arrival: Instant::now(),
            hard_limit: LIMIT,
            closing: CancellationToken::new(),
            room,
        }
    }

    /// Asks for a message that another ticket holds, and lets `then` happen after ten seconds.
    async fn asked_while<T: Future<Output = ()> + Send + 'static>(
        lease_seconds: u64,
        then: impl FnOnce(Arc<dyn DedupStore>, Ticket) -> T,
    ) -> (Told, Duration) {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        let holder = ticket(lease_seconds);
        assert_eq!(
            store.claim(&holder).await.expect("claimed"),
            Claim::Granted {
                number: 1,
                is_run_lost: false
            }
        );
        let then = then(Arc::clone(&store), holder);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            then.await;
        });
        let room = Waiting::of(100);
        let patience = patience(&room);
        let asked = ask_store(store.as_ref(), &ticket(60), &patience, &mut None)
            .await
            .ok()
            .expect("answered");
        (asked, patience.arrival.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_delivery_gives_the_answer_of_the_one_at_work() {
        let (asked, waited) = asked_while(60, |store, holder| async move {
            drop(store.finish(&holder).await)
        })
        .await;
        assert_eq!(asked, Told::Done(None));
        assert!(
            waited >= Duration::from_secs(10) && waited < Duration::from_secs(12),
            "{waited:?}"
        );
        let (asked, _) = asked_while(60, |store, holder| async move {
            drop(store.release(&holder).await)
        })
        .await;
        assert_eq!(asked, Told::Elsewhere(Settlement::FailedElsewhere));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vanished_holders_message_is_taken_over_while_there_is_time() {
        let (asked, waited) = asked_while(15, |_, _| async {}).await;
        assert!(matches!(asked, Told::Granted { number: 2, .. }));
        assert!(waited < Duration::from_secs(18), "{waited:?}");
        let (asked, _) = asked_while(30, |_, _| async {}).await;
        assert_eq!(
            asked,
            Told::Elsewhere(Settlement::Busy),
            "with less than half the time left the next delivery takes over"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_time_limit_and_with_the_service() {
        let (asked, waited) = asked_while(600, |_, _| async {}).await;
        assert_eq!((asked, waited), (Told::Elsewhere(Settlement::Busy), LIMIT));
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        assert!(store.claim(&ticket(60)).await.is_ok());
        let room = Waiting::of(100);
        let patience = patience(&room);
        patience.closing.cancel();
        assert_eq!(
            ask_store(store.as_ref(), &ticket(60), &patience, &mut None)
                .await
                .ok()
                .expect("answered"),
            Told::Leaving
        );
    }
}
