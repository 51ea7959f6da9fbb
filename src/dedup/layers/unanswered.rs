//! Claims of this process whose answers, or whose releases, were lost. The store may have them although no delivery holds them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::dedup::{StepResult, StoreError, Ticket, TicketStore};

/// The capacity, some 4 MB. Further claims expire by themselves.
const KEPT: usize = 10_000;
/// The number of concurrent releases.
const AT_ONCE: usize = 64;
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The shortest time for which releases are retried: an outage may last longer than a lease.
const LONGEST_OUTAGE: Duration = Duration::from_secs(5 * 60);
/// The number of releases that must find nothing before a claim is forgotten: a claim may arrive after its release, on another
/// connection.
const EMPTY_ANSWERS: u32 = 3;

/// The claims to release. Until the first release of one is sent, the next delivery of its message may adopt it instead.
#[derive(Clone)]
pub(super) struct UnansweredClaims {
    store: Arc<dyn TicketStore>,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    claims: VecDeque<Unanswered>,
    /// True while a task releases the claims.
    is_releasing: bool,
}

struct Unanswered {
    ticket: Ticket,
    until: Instant,
    /// True once a release was sent. The store may execute it at any time, so the owner must not be used again.
    is_release_sent: bool,
    empty_answers: u32,
}

impl UnansweredClaims {
    pub(super) fn new(store: Arc<dyn TicketStore>) -> Self {
        Self {
            store,
            queue: Arc::default(),
        }
    }

    /// Gives the ticket the owner of a claim for the same message whose release was not sent yet, if there is one. The store then
    /// grants it at once.
    pub(super) fn adopt(&self, ticket: &mut Ticket) {
        let mut queue = self.queue();
        let is_same = |claim: &Unanswered| !claim.is_release_sent && claim.ticket.key == ticket.key;
        let place = queue.claims.iter().position(is_same);
        if let Some(claim) = place.and_then(|place| queue.claims.remove(place)) {
            ticket.owner = claim.ticket.owner;
        }
    }

    /// Releases the claim in the background, as soon as the store answers.
    pub(super) fn release(&self, ticket: &Ticket, is_release_sent: bool) {
        let mut queue = self.queue();
        if queue.claims.len() >= KEPT {
            return;
        }
        queue.claims.push_back(Unanswered {
            ticket: ticket.clone(),
            until: Instant::now() + ticket.lease.max(LONGEST_OUTAGE),
            is_release_sent,
            empty_answers: 0,
        });
        if !std::mem::replace(&mut queue.is_releasing, true) {
            tokio::spawn(self.clone().release_all());
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next claims to release. An empty list ends the task.
    fn next(&self) -> Vec<Unanswered> {
        let mut queue = self.queue();
        let number = queue.claims.len().min(AT_ONCE);
        queue.is_releasing = number > 0;
        queue.claims.drain(..number).collect()
    }

    async fn release_all(self) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            sleep(pause).await;
            let next = self.next();
            if next.is_empty() {
                return;
            }
            let releases = next.into_iter().map(|claim| async {
                let released = self.store.release(&claim.ticket).await;
                (claim, released)
            });
            let released: Vec<_> = stream::iter(releases)
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            pause = match released.iter().any(|(_, answer)| answer.is_err()) {
                true => (2 * pause).min(LONGEST_PAUSE),
                false => SHORTEST_PAUSE,
            };
            let again = released
                .into_iter()
                .filter_map(|(claim, answer)| claim.after(&answer));
            self.queue().claims.extend(again);
        }
    }
}

impl Unanswered {
    /// Returns the claim if its release must be retried.
    fn after(mut self, answer: &Result<StepResult, StoreError>) -> Option<Self> {
        self.is_release_sent = true;
        match answer {
            Ok(StepResult::Done) => return None,
            Ok(StepResult::ClaimLost) => self.empty_answers += 1,
            Err(_) => {}
        }
        (self.empty_answers < EMPTY_ANSWERS && Instant::now() < self.until).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::{Claim, ClaimStore, MemoryStore, MessageKey, Record};

    const LONG: Duration = Duration::from_secs(600);

    fn ticket() -> Ticket {
        let key = MessageKey {
            subscription: "projects/p/subscriptions/s".into(),
            epoch: 0,
            id: "1".into(),
        };
        Ticket::new(key, LONG, LONG)
    }

    fn unanswered() -> (Arc<MemoryStore>, UnansweredClaims) {
        let store = Arc::new(MemoryStore::default());
        (store.clone(), UnansweredClaims::new(store))
    }

    fn adopts(unanswered: &UnansweredClaims, owner: &Ticket) -> bool {
        let mut next = ticket();
        unanswered.adopt(&mut next);
        next.owner == owner.owner
    }

    #[tokio::test(start_paused = true)]
    async fn one_delivery_adopts_a_claim_that_was_never_released() {
        let ((_, unanswered), lost) = (unanswered(), ticket());
        unanswered.release(&lost, false);
        assert!(adopts(&unanswered, &lost));
        assert!(
            !adopts(&unanswered, &lost),
            "a second delivery would run concurrently"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_delivery_adopts_a_claim_whose_release_was_sent() {
        let ((_, unanswered), lost) = (unanswered(), ticket());
        unanswered.release(&lost, true);
        assert!(!adopts(&unanswered, &lost));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_was_granted_unseen_is_released() {
        let ((store, unanswered), lost) = (unanswered(), ticket());
        let claim = store.claim(&lost).await.expect("an answer");
        assert!(matches!(claim, Claim::Granted { .. }));
        unanswered.release(&lost, false);
        while store.look(&lost.key).await.expect("an answer") != Record::Absent {
            sleep(SHORTEST_PAUSE).await;
        }
        assert!(!adopts(&unanswered, &lost));
    }
}
