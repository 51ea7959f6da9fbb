//! Claims the message. While another delivery holds the claim, this one waits for the result, which saves a delivery attempt.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::breaker::Permit;
use crate::dedup::{
    Claim, ClaimStore, Earlier, Fingerprint, MessageState, Record, StoreError, Ticket,
};
use crate::delivery::NotClaimed;
use crate::delivery::admission::Waiting;
use crate::delivery::dead_letter::Reason;
use crate::delivery::delivery::{Delivery, Next};
use crate::delivery::settle::settlement::{End, Settlement};
use crate::loggable::chain;
use crate::shutdown::{Shutdown, ShuttingDown};
use crate::subscriber::{Conflict, Identity, StoreDown};
use crate::telemetry::spans::internal;

/// The result of a claim.
pub(crate) enum Claimed {
    /// This delivery alone handles the message; the number is above 1 if an earlier claim's lease expired.
    Granted { number: u32 },
    /// Another delivery has settled the message, or still holds the claim.
    NotGranted(Settlement),
}

/// Claims the message, waiting for another delivery's claim as long as the handler may run, unless the service shuts down.
pub(crate) async fn claim(
    delivery: &mut Delivery,
    permit: &mut Option<Permit>,
    shutdown: &Shutdown,
) -> Result<Claimed, NotClaimed> {
    let spans = delivery.subscriber.spans.clone();
    let claiming = pin!(claim_for(delivery, permit, shutdown));
    spans.step(|| internal("claim"), claiming, |_, _| {}).await
}

async fn claim_for(
    delivery: &mut Delivery,
    permit: &mut Option<Permit>,
    shutdown: &Shutdown,
) -> Result<Claimed, NotClaimed> {
    const OTHER_PAYLOAD: &str =
        "its idempotency key was handled before with another payload: see .on_conflict(…)";
    let subscriber = Arc::clone(&delivery.subscriber);
    loop {
        let ticket = delivery.claim_ticket();
        let mut claiming = Claiming {
            store: &subscriber.store,
            ticket: &ticket,
            arrival: delivery.arrival,
            hard_limit: subscriber.limits.hard,
            closing: &shutdown.closing,
            waiting: &subscriber.waiting,
            is_in_progress: false,
        };
        let settlement = match claiming.claim(permit).await {
            Ok(Answer::Granted { number, earlier }) => {
                delivery.apply_grant(number, earlier);
                return Ok(Claimed::Granted { number });
            }
            Ok(Answer::NotGranted(end)) => end.into(),
            Ok(Answer::Done(before)) => match delivery.conflict_with(before) {
                None => match delivery.run_again().await? {
                    Again::UnderAnotherId => continue,
                    Again::No(end) => end.into(),
                },
                Some(Conflict::Ignore) => End::OtherPayloadIgnored.because(OTHER_PAYLOAD),
                Some(Conflict::Retry) => End::OtherPayload.because(OTHER_PAYLOAD),
                Some(Conflict::DeadLetter) => {
                    delivery.use_message_id_as_key();
                    continue;
                }
            },
            Err(NotClaimed::Store(error)) => {
                // While another delivery handles the message, a run without a claim would be a second run at the same time.
                if !claiming.is_in_progress && delivery.allow_unguarded(&error) {
                    return Ok(Claimed::Granted { number: 1 });
                }
                if error.is_ambiguous() {
                    subscriber.store.release_unanswered(&delivery.ticket);
                }
                return Err(error.into());
            }
            Err(rejected) => return Err(rejected),
        };
        return Ok(Claimed::NotGranted(settlement));
    }
}

impl Delivery {
    /// Returns the declared reaction to a key that was handled `before` with another payload; `None` if the payload was the same.
    fn conflict_with(&self, before: Option<Fingerprint>) -> Option<Conflict> {
        let is_other = before.is_some() && before != self.ticket.fingerprint;
        let idempotency = self.subscriber.declared.idempotency.as_ref()?;
        (is_other && self.ticket.fingerprint.is_some()).then(|| idempotency.conflict())
    }

    /// Dead-letters the message under its own id instead of its key.
    fn use_message_id_as_key(&mut self) {
        self.handled_id = None;
        self.ticket = self.subscriber.ticket(Identity::of_message(&self.input));
        self.next = Next::DeadLetter(Reason::idempotency(
            "the idempotency key was handled before with another payload".into(),
        ));
    }

    /// Gives a handled message another identity, if an operator has begun a replay of it since it was handled.
    async fn run_again(&mut self) -> Result<Again, StoreError> {
        let subscriber = Arc::clone(&self.subscriber);
        let notice = subscriber.store.notice(&subscriber.name).await;
        let Some(replay) = notice.replay_of(self.input.context.publish_time) else {
            return Ok(Again::No(End::Duplicate));
        };
        let mut handled = self.ticket.key.clone();
        if let Some(id) = &self.handled_id {
            handled.id.clone_from(id);
        }
        let again = replay.identify(&handled.id);
        let Some(store) = subscriber.store.for_operators() else {
            return Ok(Again::No(End::Duplicate));
        };
        if again == self.ticket.key.id {
            return Ok(Again::No(End::Duplicate));
        }
        match store.inspect(&handled).await? {
            Some(record) if record.state != MessageState::Done => {
                return Ok(Again::No(End::InProgress));
            }
            Some(record) if record.time >= replay.at() => {
                return Ok(Again::No(End::Duplicate));
            }
            Some(_) | None => {}
        }
        self.handled_id = Some(handled.id);
        self.ticket = subscriber.ticket(Identity {
            id: again,
            fingerprint: self.ticket.fingerprint,
        });
        Ok(Again::UnderAnotherId)
    }

    /// Applies a granted claim. A `number` above 1 means that an earlier claim's lease expired. A message that an operator parked,
    /// or whose run was lost and whose subscriber parks it, does not run.
    fn apply_grant(&mut self, number: u32, earlier: Earlier) {
        if earlier == Earlier::Parked {
            if let Next::Run = self.next {
                self.next = Next::Park(Reason::parked());
            }
            return;
        }
        if number == 1 {
            return;
        }
        let (run, next) = match (self.parks(), earlier == Earlier::RunLost) {
            (true, true) => {
                if let Next::Run = self.next {
                    self.next = Next::Park(Reason::outcome_unknown());
                }
                ("its run had begun", "the message is dead-lettered")
            }
            (true, false) => ("its run had not begun", "it runs now"),
            (false, _) => ("its run may have begun", "it runs again now"),
        };
        tracing::warn!(
            subscription = %self.subscriber.name,
            message_id = self.message_id(),
            claim_number = number,
            "an earlier delivery of this message ended without settling it; {run}, and {next}"
        );
    }

    /// Returns true if the handler runs without deduplication after this error of the store, as its subscriber may declare.
    fn allow_unguarded(&mut self, error: &StoreError) -> bool {
        let StoreDown::Open(reason) = &self.subscriber.declared.dedup.store_down else {
            return false;
        };
        // The store is available, but holds a record that is not pushgate's.
        if matches!(error, StoreError::Corrupt) {
            return false;
        }
        tracing::debug!(
            subscription = %self.subscriber.name,
            message_id = self.message_id(),
            declared = reason,
            error = chain(error),
            "the handler runs without deduplication"
        );
        self.is_unguarded = true;
        true
    }
}

/// The decision about a handled message.
enum Again {
    /// It runs once more, and is recorded under another id.
    UnderAnotherId,
    /// The delivery ends.
    No(End),
}

/// The store's answer to a claim, or to the look at another delivery's claim.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Granted { number: u32, earlier: Earlier },
    Done(Option<Fingerprint>),
    NotGranted(End),
}

/// A request for a claim.
struct Claiming<'a> {
    store: &'a dyn ClaimStore,
    ticket: &'a Ticket,
    arrival: Instant,
    /// The handler's hard limit. After it nothing begins, and waiting ends.
    hard_limit: Duration,
    closing: &'a CancellationToken,
    waiting: &'a Waiting,
    /// True once the store has answered that another delivery holds the claim.
    is_in_progress: bool,
}

impl Claiming<'_> {
    async fn claim(&mut self, permit: &mut Option<Permit>) -> Result<Answer, NotClaimed> {
        loop {
            if self.closing.is_cancelled() {
                return Err(ShuttingDown.into());
            }
            match self.store.claim(self.ticket).await? {
                Claim::Granted { number, earlier } => {
                    return Ok(Answer::Granted { number, earlier });
                }
                Claim::Done(fingerprint) => return Ok(Answer::Done(fingerprint)),
                Claim::InProgress => self.is_in_progress = true,
            }
            let Some(_place) = self.waiting.enter(&self.ticket.key) else {
                return Ok(Answer::NotGranted(End::InProgress));
            };
            drop(permit.take()); // a waiting probe would block all other deliveries
            match self.wait().await? {
                Some(answer) => return Ok(answer),
                None if self.is_enough_to_begin() => {}
                None => return Ok(Answer::NotGranted(End::InProgress)),
            }
        }
    }

    /// Waits for the delivery that holds the claim. Returns `None` if its lease has expired, so that the message can be claimed.
    async fn wait(&self) -> Result<Option<Answer>, NotClaimed> {
        loop {
            let look_again = Instant::now() + self.pause();
            tokio::select! {
                () = sleep_until(look_again.min(self.end())) => {}
                () = self.closing.cancelled() => return Err(ShuttingDown.into()),
            }
            let is_over = Instant::now() >= self.end();
            let answer = match self.store.look(&self.ticket.key).await {
                Ok(Record::Expired) => None,
                Ok(Record::Done(fingerprint)) => Some(Answer::Done(fingerprint)),
                Ok(Record::Absent) => Some(Answer::NotGranted(End::FailedElsewhere)),
                Ok(Record::InProgress) if is_over => Some(Answer::NotGranted(End::InProgress)),
                // A single failed look does not cost a delivery attempt.
                Err(error) if is_over || !error.is_transient() => return Err(error.into()),
                Ok(Record::InProgress) | Err(_) => continue,
            };
            return Ok(answer);
        }
    }

    fn end(&self) -> Instant {
        self.arrival + self.hard_limit
    }

    /// Returns a pause that grows: most handlers end quickly, and for the others fewer looks suffice.
    fn pause(&self) -> Duration {
        (self.arrival.elapsed() / 4).clamp(Duration::from_millis(20), Duration::from_secs(1))
    }

    /// Returns true if at least half of the handler's time is left. With less, most handlers would be stopped; the next delivery
    /// has the whole time.
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

    fn claiming<'a>(
        store: &'a dyn ClaimStore,
        ticket: &'a Ticket,
        waiting: &'a Waiting,
        closing: &'a CancellationToken,
    ) -> Claiming<'a> {
        Claiming {
            store,
            ticket,
            arrival: Instant::now(),
            hard_limit: LIMIT,
            closing,
            waiting,
            is_in_progress: false,
        }
    }

    /// Claims a message that another ticket holds, and runs `then` after ten seconds.
    async fn claimed_while<T: Future<Output = ()> + Send + 'static>(
        lease_seconds: u64,
        then: impl FnOnce(Arc<dyn DedupStore>, Ticket) -> T,
    ) -> (Answer, Duration) {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        let holder = ticket(lease_seconds);
        assert_eq!(
            store.claim(&holder).await.expect("claimed"),
            Claim::Granted {
                number: 1,
                earlier: Earlier::Nothing
            }
        );
        let then = then(Arc::clone(&store), holder);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            then.await;
        });
        let (waiting, closing) = (Waiting::of(100), CancellationToken::new());
        let ticket = ticket(60);
        let mut claiming = claiming(store.as_ref(), &ticket, &waiting, &closing);
        let answer = claiming.claim(&mut None).await.expect("answered");
        (answer, claiming.arrival.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_delivery_returns_the_result_of_the_claim_holder() {
        let (answer, waited) = claimed_while(60, |store, holder| async move {
            drop(store.finish(&holder).await)
        })
        .await;
        assert_eq!(answer, Answer::Done(None));
        assert!(
            waited >= Duration::from_secs(10) && waited < Duration::from_secs(12),
            "{waited:?}"
        );
        let (answer, _) = claimed_while(60, |store, holder| async move {
            drop(store.release(&holder).await)
        })
        .await;
        assert_eq!(answer, Answer::NotGranted(End::FailedElsewhere));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_claim_is_taken_over_while_there_is_time() {
        let (answer, waited) = claimed_while(15, |_, _| async {}).await;
        assert!(matches!(answer, Answer::Granted { number: 2, .. }));
        assert!(waited < Duration::from_secs(18), "{waited:?}");
        let (answer, _) = claimed_while(30, |_, _| async {}).await;
        assert_eq!(
            answer,
            Answer::NotGranted(End::InProgress),
            "with less than half the time left the next delivery takes over"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_time_limit() {
        let (answer, waited) = claimed_while(600, |_, _| async {}).await;
        assert_eq!(answer, Answer::NotGranted(End::InProgress));
        assert_eq!(waited, LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_service() {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        assert!(store.claim(&ticket(60)).await.is_ok());
        let (waiting, closing) = (Waiting::of(100), CancellationToken::new());
        closing.cancel();
        let ticket = ticket(60);
        let answer = claiming(store.as_ref(), &ticket, &waiting, &closing)
            .claim(&mut None)
            .await;
        assert!(matches!(answer, Err(NotClaimed::ShuttingDown(_))));
    }
}
