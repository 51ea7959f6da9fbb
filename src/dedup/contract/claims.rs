//! Claims: granted once, renewed, released, taken over.

use std::sync::Arc;

use super::{
    DONE, GRANTED, LONG, SHORT, begin, claim, finish, granted, look, release, renew, rival,
    short_ticket, ticket, until,
};
use crate::dedup::{Claim, DedupStore, MessageKey, Record, StepResult, Ticket};

pub(super) async fn a_message_is_granted_to_one_of_two_tickets(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let ticket = ticket();
    assert_eq!(look(other, &ticket).await, Record::Absent);
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(claim(other, &rival(&ticket)).await, Claim::InProgress);
    assert_eq!(look(other, &ticket).await, Record::InProgress);
}

pub(super) async fn a_released_message_may_be_claimed_at_once(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(release(one, &ticket).await, StepResult::Done);
    assert_eq!(look(one, &ticket).await, Record::Absent);
    assert_eq!(claim(other, &rival(&ticket)).await, GRANTED);
}

pub(super) async fn every_step_may_be_repeated_with_its_own_ticket(one: &Arc<dyn DedupStore>) {
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

pub(super) async fn an_expired_claim_is_taken_over_for_good(
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

pub(super) async fn an_expired_lease_does_not_revoke_a_claim(one: &Arc<dyn DedupStore>) {
    let ticket = short_ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    until(one, &ticket, Record::Expired).await;
    assert_eq!(renew(one, &ticket).await, StepResult::Done);
    until(one, &ticket, Record::Expired).await;
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
}

pub(super) async fn a_renewed_claim_does_not_expire(
    one: &Arc<dyn DedupStore>,
    other: &Arc<dyn DedupStore>,
) {
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

pub(super) async fn a_ticket_that_was_never_granted_settles_nothing(one: &Arc<dyn DedupStore>) {
    let ticket = ticket();
    assert_eq!(finish(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(release(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(begin(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(renew(one, &ticket).await, StepResult::ClaimLost);
    assert_eq!(look(one, &ticket).await, Record::Absent);
}

pub(super) async fn subscriptions_epochs_and_ids_are_kept_apart(one: &Arc<dyn DedupStore>) {
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
