//! Claims of this process whose answers, or whose releases, were lost: they may be in the store although no delivery holds them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::dedup::{DedupStore, Hold, StoreError, Ticket};

/// The most claims that are kept, some 4 MB. Further ones lapse by themselves.
const KEPT: usize = 10_000;
/// Releases that are under way at once.
const AT_ONCE: usize = 64;
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The shortest time for which releases are tried: a store may be frozen for longer than a lease.
const LONGEST_OUTAGE: Duration = Duration::from_secs(5 * 60);
/// The number of releases that must find nothing before a claim is forgotten: a claim may arrive after its release, on another
/// connection.
const EMPTY_ANSWERS: u32 = 3;

/// Claims to give back. Until the first try to release one, the next delivery of its message may adopt it instead.
#[derive(Clone, Default)]
pub(crate) struct Unanswered(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    claims: VecDeque<Given>,
    /// True while a task works on the queue.
    is_worked_on: bool,
}

struct Given {
    ticket: Ticket,
    until: Instant,
    /// A release that was sent may be executed at any time, so its owner must not be used again.
    is_release_sent: bool,
    empty_answers: u32,
}

impl Unanswered {
    /// Gives the ticket the owner of a claim for the same message, if one is here that was never released: the store then grants
    /// it at once.
    pub(crate) fn adopt(&self, ticket: &mut Ticket) {
        let mut queue = self.queue();
        let is_same = |given: &Given| !given.is_release_sent && given.ticket.key == ticket.key;
        let place = queue.claims.iter().position(is_same);
        if let Some(given) = place.and_then(|place| queue.claims.remove(place)) {
            ticket.owner = given.ticket.owner;
        }
    }

    /// Releases the claim in the background, as soon as the store answers.
    pub(crate) fn give_back(
        &self,
        store: &Arc<dyn DedupStore>,
        ticket: &Ticket,
        is_release_sent: bool,
    ) {
        let mut queue = self.queue();
        if queue.claims.len() >= KEPT {
            return;
        }
        queue.claims.push_back(Given {
            ticket: ticket.clone(),
            until: Instant::now() + ticket.lease.max(LONGEST_OUTAGE),
            is_release_sent,
            empty_answers: 0,
        });
        if !std::mem::replace(&mut queue.is_worked_on, true) {
            tokio::spawn(self.clone().work(Arc::clone(store)));
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next claims to release; an empty list ends the work.
    fn next(&self) -> Vec<Given> {
        let mut queue = self.queue();
        let number = queue.claims.len().min(AT_ONCE);
        queue.is_worked_on = number > 0;
        queue.claims.drain(..number).collect()
    }

    async fn work(self, store: Arc<dyn DedupStore>) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            sleep(pause).await;
            let next = self.next();
            if next.is_empty() {
                return;
            }
            let releases = next.into_iter().map(|given| async {
                let released = store.release(&given.ticket).await;
                (given, released)
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
                .filter_map(|(given, answer)| given.after(&answer));
            self.queue().claims.extend(again);
        }
    }
}

impl Given {
    /// Returns the claim if its release must be tried again.
    fn after(mut self, answer: &Result<Hold, StoreError>) -> Option<Self> {
        self.is_release_sent = true;
        match answer {
            Ok(Hold::Held) => return None,
            Ok(Hold::Lost) => self.empty_answers += 1,
            Err(_) => {}
        }
        (self.empty_answers < EMPTY_ANSWERS && Instant::now() < self.until).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::{Claim, MemoryStore, MessageKey, Record};

    const LONG: Duration = Duration::from_secs(600);

    fn ticket() -> Ticket {
        let key = MessageKey {
            subscription: "projects/p/subscriptions/s".into(),
            epoch: 0,
            id: "1".into(),
        };
        Ticket::new(key, LONG, LONG)
    }

    fn store() -> Arc<dyn DedupStore> {
        Arc::new(MemoryStore::default())
    }

    fn adopts(unanswered: &Unanswered, owner: &Ticket) -> bool {
        let mut next = ticket();
        unanswered.adopt(&mut next);
        next.owner == owner.owner
    }

    #[tokio::test(start_paused = true)]
    async fn one_delivery_adopts_a_claim_that_was_never_released() {
        let (unanswered, lost) = (Unanswered::default(), ticket());
        unanswered.give_back(&store(), &lost, false);
        assert!(adopts(&unanswered, &lost));
        assert!(
            !adopts(&unanswered, &lost),
            "a second one would run beside it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_delivery_adopts_a_claim_whose_release_was_sent() {
        let (unanswered, lost) = (Unanswered::default(), ticket());
        unanswered.give_back(&store(), &lost, true);
        assert!(!adopts(&unanswered, &lost));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_was_granted_unseen_is_released() {
        let (unanswered, lost, store) = (Unanswered::default(), ticket(), store());
        let claim = store.claim(&lost).await.expect("an answer");
        assert!(matches!(claim, Claim::Granted { .. }));
        unanswered.give_back(&store, &lost, false);
        while store.look(&lost.key).await.expect("an answer") != Record::Absent {
            sleep(SHORTEST_PAUSE).await;
        }
        assert!(!adopts(&unanswered, &lost));
    }
}
