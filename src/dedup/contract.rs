//! The test suite for stores. Call [`every_rule`] and [`races`] with two instances of one store, as two instances of the service
//! have them.

#![expect(
    clippy::expect_used,
    reason = "a test suite: a store that fails is a failed test"
)]

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Claim, DedupStore, Fingerprint, MessageKey, Record, StepResult, Ticket};

/// Two instances of one store.
pub type Pair = [Arc<dyn DedupStore>; 2];

const GRANTED: Claim = granted(1);
const AFTER_A_LOST_RUN: Claim = Claim::Granted {
    number: 2,
    is_run_lost: true,
};
const DONE: Claim = Claim::Done(None);
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(30);

const fn granted(number: u32) -> Claim {
    Claim::Granted {
        number,
        is_run_lost: false,
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
    a_message_is_granted_to_one_of_two_tickets(one, other).await;
    a_finished_message_stays_done_for_its_window(one, other).await;
    a_finished_message_has_the_fingerprint_of_its_ticket(one, other).await;
    a_released_message_may_be_claimed_at_once(one, other).await;
    every_step_may_be_repeated_with_its_own_ticket(one).await;
    an_expired_claim_is_taken_over_for_good(one, other).await;
    an_expired_lease_does_not_revoke_a_claim(one).await;
    a_renewed_claim_does_not_expire(one, other).await;
    a_run_that_began_without_an_end_stays_known(one, other).await;
    a_claim_that_never_began_is_no_lost_run(one, other).await;
    a_begun_run_may_be_released_and_finished(one, other).await;
    a_ticket_that_was_never_granted_settles_nothing(one).await;
    subscriptions_epochs_and_ids_are_kept_apart(one).await;
    one.ping().await.expect("the store answers");
}

async fn a_message_is_granted_to_one_of_two_tickets(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let ticket = ticket();
    assert_eq!(look(other, &ticket).await, Record::Absent);
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(claim(other, &rival(&ticket)).await, Claim::InProgress);
    assert_eq!(look(other, &ticket).await, Record::InProgress);
}

async fn a_finished_message_stays_done_for_its_window(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
    assert_eq!(claim(other, &rival(&ticket)).await, DONE);
    assert_eq!(look(other, &ticket).await, Record::Done(None));
    assert_eq!(
        release(one, &ticket).await,
        StepResult::ClaimLost,
        "what is done cannot be released"
    );
    assert_eq!(
        renew(one, &ticket).await,
        StepResult::ClaimLost,
        "what is done cannot be renewed"
    );
    let ticket = rival(&self::ticket());
    assert_eq!(claim(one, &ticket).await, GRANTED);
    let short = Ticket {
        window: SHORT,
        lease: SHORT,
        ..ticket.clone()
    };
    assert_eq!(finish(one, &short).await, StepResult::Done);
    until(one, &ticket, Record::Absent).await;
    assert_eq!(
        claim(other, &rival(&ticket)).await,
        GRANTED,
        "a message is unknown after its window"
    );
}

async fn a_finished_message_has_the_fingerprint_of_its_ticket(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let [handled, late] =
        ["handled", "late"].map(|payload| Some(Fingerprint::of(payload.as_bytes())));
    let expired = Ticket {
        lease: SHORT,
        fingerprint: late,
        ..ticket()
    };
    assert_eq!(claim(one, &expired).await, GRANTED);
    until(one, &expired, Record::Expired).await;
    let ticket = Ticket {
        fingerprint: handled,
        ..rival(&expired)
    };
    assert_eq!(claim(other, &ticket).await, granted(2));
    assert_eq!(renew(other, &ticket).await, StepResult::Done);
    assert_eq!(finish(other, &ticket).await, StepResult::Done);
    assert_eq!(claim(one, &expired).await, Claim::Done(handled));
    assert_eq!(look(one, &ticket).await, Record::Done(handled));
}

async fn a_released_message_may_be_claimed_at_once(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(release(one, &ticket).await, StepResult::Done);
    assert_eq!(look(one, &ticket).await, Record::Absent);
    assert_eq!(claim(other, &rival(&ticket)).await, GRANTED);
}

async fn every_step_may_be_repeated_with_its_own_ticket(one: &Arc<dyn DedupStore>) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(
        claim(one, &ticket).await,
        GRANTED,
        "a claim may be repeated"
    );
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
    assert_eq!(claim(one, &ticket).await, DONE);
}

async fn an_expired_claim_is_taken_over_for_good(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let late = short_ticket();
    assert_eq!(claim(one, &late).await, GRANTED);
    until(one, &late, Record::Expired).await;
    let next = rival(&Ticket {
        lease: LONG,
        ..late.clone()
    });
    assert_eq!(
        claim(other, &next).await,
        granted(2),
        "a takeover is counted"
    );
    assert_eq!(renew(one, &late).await, StepResult::ClaimLost);
    assert_eq!(release(one, &late).await, StepResult::ClaimLost);
    assert_eq!(finish(one, &late).await, StepResult::ClaimLost);
    assert_eq!(claim(one, &late).await, Claim::InProgress);
    assert_eq!(look(one, &late).await, Record::InProgress);
    assert_eq!(finish(other, &next).await, StepResult::Done);
    assert_eq!(finish(one, &late).await, StepResult::ClaimLost);
}

async fn an_expired_lease_does_not_revoke_a_claim(one: &Arc<dyn DedupStore>) {
    let ticket = short_ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    until(one, &ticket, Record::Expired).await;
    assert_eq!(renew(one, &ticket).await, StepResult::Done);
    until(one, &ticket, Record::Expired).await;
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
}

async fn a_renewed_claim_does_not_expire(one: &Arc<dyn DedupStore>, other: &Arc<dyn DedupStore>) {
    let short = short_ticket();
    let marker = Ticket {
        lease: 3 * SHORT,
        ..rival(&ticket())
    };
    assert_eq!(claim(one, &short).await, GRANTED);
    assert_eq!(
        renew(
            one,
            &Ticket {
                lease: LONG,
                ..short.clone()
            }
        )
        .await,
        StepResult::Done
    );
    assert_eq!(claim(one, &marker).await, GRANTED);
    until(one, &marker, Record::Expired).await; // so the first lease has expired
    assert_eq!(claim(other, &rival(&short)).await, Claim::InProgress);
}

async fn a_run_that_began_without_an_end_stays_known(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let expired = short_ticket();
    assert_eq!(claim(one, &expired).await, GRANTED);
    assert_eq!(begin(one, &expired).await, StepResult::Done);
    until(one, &expired, Record::Expired).await;
    let [next, third, last] = [(); 3].map(|()| Ticket {
        lease: LONG,
        ..rival(&expired)
    });
    assert_eq!(claim(other, &next).await, AFTER_A_LOST_RUN);
    assert_eq!(
        claim(other, &next).await,
        AFTER_A_LOST_RUN,
        "a repeated claim has the same answer"
    );
    assert_eq!(renew(other, &next).await, StepResult::Done);
    assert_eq!(claim(one, &rival(&next)).await, Claim::InProgress);
    assert_eq!(release(other, &next).await, StepResult::Done);
    let third_claim = Claim::Granted {
        number: 3,
        is_run_lost: true,
    };
    assert_eq!(
        claim(one, &third).await,
        third_claim,
        "a release neither removes the lost run nor waits for a lease"
    );
    assert_eq!(finish(one, &third).await, StepResult::Done);
    assert_eq!(claim(other, &last).await, DONE);
}

async fn a_claim_that_never_began_is_no_lost_run(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let expired = short_ticket();
    assert_eq!(claim(one, &expired).await, GRANTED);
    assert_eq!(renew(one, &expired).await, StepResult::Done);
    until(one, &expired, Record::Expired).await;
    let next = rival(&expired);
    assert_eq!(claim(other, &next).await, granted(2));
    assert_eq!(
        begin(one, &expired).await,
        StepResult::ClaimLost,
        "a late owner cannot begin"
    );
    assert_eq!(begin(other, &next).await, StepResult::Done);
    until(other, &next, Record::Expired).await;
    let third = Claim::Granted {
        number: 3,
        is_run_lost: true,
    };
    assert_eq!(claim(one, &rival(&next)).await, third);
}

async fn a_begun_run_may_be_released_and_finished(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(begin(one, &ticket).await, StepResult::Done);
    assert_eq!(begin(one, &ticket).await, StepResult::Done);
    assert_eq!(
        claim(one, &ticket).await,
        GRANTED,
        "its own run is not lost"
    );
    assert_eq!(look(other, &ticket).await, Record::InProgress);
    assert_eq!(release(one, &ticket).await, StepResult::Done);
    assert_eq!(look(other, &ticket).await, Record::Absent);
    let next = rival(&ticket);
    assert_eq!(claim(other, &next).await, GRANTED);
    assert_eq!(begin(other, &next).await, StepResult::Done);
    assert_eq!(finish(other, &next).await, StepResult::Done);
    assert_eq!(
        begin(other, &next).await,
        StepResult::ClaimLost,
        "it is done"
    );
    assert_eq!(claim(one, &ticket).await, DONE);
}

async fn a_ticket_that_was_never_granted_settles_nothing(one: &Arc<dyn DedupStore>) {
    let ticket = ticket();
    assert_eq!(finish(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(release(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(begin(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(renew(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(look(one, &ticket).await, Record::Absent);
}

async fn subscriptions_epochs_and_ids_are_kept_apart(one: &Arc<dyn DedupStore>) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    let change = |change: fn(&mut MessageKey)| {
        let mut other = rival(&ticket);
        change(&mut other.key);
        other
    };
    assert_eq!(
        claim(one, &change(|key| key.subscription.push('2'))).await,
        GRANTED
    );
    assert_eq!(claim(one, &change(|key| key.epoch = 1)).await, GRANTED);
    assert_eq!(claim(one, &change(|key| key.id.push('2'))).await, GRANTED);
    assert_eq!(
        claim(one, &change(|key| key.id.push_str("/ü:h:{}\n"))).await,
        GRANTED,
        "any text is an id"
    );
}

/// Checks that of many concurrent deliveries of one message, at two instances, exactly one is granted. After its lease has expired
/// exactly one takes over, and the late owner cannot settle.
pub async fn races(stores: Pair, rounds: u32) {
    let [one, other] = &stores;
    for round in 0..rounds {
        let contested = ticket_for(&format!("race {round} {}", Uuid::new_v4()));
        let (granted, rejected) = race(&stores, &contested, 1).await;
        assert_eq!(granted.len(), 1, "round {round}: one of 32 is granted");
        assert_eq!(rejected, 31, "round {round}");
        let late = &Ticket {
            lease: SHORT,
            ..granted.first().expect("one was granted").clone()
        };
        // Shortened only now: on a busy machine the lease might expire during the race.
        assert_eq!(renew(one, late).await, StepResult::Done, "round {round}");
        until(one, late, Record::Expired).await;
        let (granted, _) = race(&stores, &contested, 2).await;
        assert_eq!(granted.len(), 1, "round {round}: one of 32 takes over");
        let holder = granted.first().expect("one was granted");
        let (late_finish, late_release, holders_finish) = tokio::join!(
            finish(one, late),
            release(other, late),
            finish(other, holder)
        );
        assert_eq!(late_finish, StepResult::ClaimLost, "round {round}");
        assert_eq!(late_release, StepResult::ClaimLost, "round {round}");
        assert_eq!(holders_finish, StepResult::Done, "round {round}");
        assert_eq!(claim(one, &rival(&contested)).await, DONE, "round {round}");
    }
}

/// Claims a message with 32 tickets at once. Returns the granted ones, each with this claim number, and the number of the others.
async fn race(stores: &Pair, contested: &Ticket, number: u32) -> (Vec<Ticket>, usize) {
    let mut rivals = JoinSet::new();
    for store in stores.iter().cycle().take(32) {
        let (store, ticket) = (Arc::clone(store), rival(contested));
        rivals.spawn(async move { (claim(&store, &ticket).await, ticket) });
    }
    let (mut granted, mut rejected) = (Vec::new(), 0);
    for (answer, ticket) in rivals.join_all().await {
        match answer {
            Claim::Granted { number: found, .. } => {
                assert_eq!(found, number);
                granted.push(ticket);
            }
            Claim::InProgress => rejected += 1,
            Claim::Done(_) => panic!("no ticket has finished"),
        }
    }
    (granted, rejected)
}
