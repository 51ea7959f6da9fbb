//! The test suite for stores. Call [`every_rule`] and [`races`] with two instances of one store, as two instances of the service
//! have them.

#![expect(
    clippy::expect_used,
    reason = "a test suite: a store that fails is a failed test"
)]

mod claims;
mod operators;
mod races;
mod records;
mod runs;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use self::races::races;
use super::{Claim, DedupStore, Earlier, MessageKey, Record, StepResult, Ticket};

/// Two instances of one store.
pub type Pair = [Arc<dyn DedupStore>; 2];

const GRANTED: Claim = granted(1);
const DONE: Claim = Claim::Done(None);
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(30);

const fn granted(number: u32) -> Claim {
    Claim::Granted {
        number,
        earlier: Earlier::Nothing,
    }
}

fn ticket() -> Ticket {
    ticket_for(&Uuid::new_v4().to_string())
}

fn ticket_for(id: &str) -> Ticket {
    let key = MessageKey {
        subscription: "projects/test/subscriptions/contract".into(),
        epoch: 0,
        id: id.into(),
    };
    Ticket::new(key, LONG, LONG)
}

/// Returns a ticket whose lease expires soon.
fn short_ticket() -> Ticket {
    Ticket {
        lease: SHORT,
        ..ticket()
    }
}

/// Returns a ticket of another delivery of the same message.
fn rival(ticket: &Ticket) -> Ticket {
    Ticket {
        owner: Uuid::new_v4(),
        ..ticket.clone()
    }
}

async fn claim(store: &Arc<dyn DedupStore>, ticket: &Ticket) -> Claim {
    store.claim(ticket).await.expect("a claim is answered")
}

async fn finish(store: &Arc<dyn DedupStore>, ticket: &Ticket) -> StepResult {
    store.finish(ticket).await.expect("a finish is answered")
}

async fn release(store: &Arc<dyn DedupStore>, ticket: &Ticket) -> StepResult {
    store.release(ticket).await.expect("a release is answered")
}

async fn renew(store: &Arc<dyn DedupStore>, ticket: &Ticket) -> StepResult {
    store.renew(ticket).await.expect("a renewal is answered")
}

async fn begin(store: &Arc<dyn DedupStore>, ticket: &Ticket) -> StepResult {
    store.begin(ticket).await.expect("a beginning is answered")
}

async fn look(store: &Arc<dyn DedupStore>, ticket: &Ticket) -> Record {
    store.look(&ticket.key).await.expect("a look is answered")
}

/// Waits until the store returns this record.
async fn until(store: &Arc<dyn DedupStore>, ticket: &Ticket, wanted: Record) {
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while look(store, ticket).await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    patience.await.expect("the store's clock advances");
}

/// Checks all rules that need no race.
pub async fn every_rule(stores: Pair) {
    let [one, other] = &stores;
    claims::a_message_is_granted_to_one_of_two_tickets(one, other).await;
    records::a_finished_message_stays_done_for_its_window(one, other).await;
    records::a_finished_message_has_the_fingerprint_of_its_ticket(one, other).await;
    claims::a_released_message_may_be_claimed_at_once(one, other).await;
    claims::every_step_may_be_repeated_with_its_own_ticket(one).await;
    claims::an_expired_claim_is_taken_over_for_good(one, other).await;
    claims::an_expired_lease_does_not_revoke_a_claim(one).await;
    claims::a_renewed_claim_does_not_expire(one, other).await;
    runs::a_run_that_began_without_an_end_stays_known(one, other).await;
    runs::a_claim_that_never_began_is_no_lost_run(one, other).await;
    runs::a_begun_run_may_be_released_and_finished(one, other).await;
    claims::a_ticket_that_was_never_granted_settles_nothing(one).await;
    claims::subscriptions_epochs_and_ids_are_kept_apart(one).await;
    operators::every_rule(one, other).await;
    one.ping().await.expect("the store answers");
}
