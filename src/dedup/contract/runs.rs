//! Runs that began, and those that were lost.

use std::sync::Arc;

use super::{
    DONE, GRANTED, LONG, begin, claim, finish, granted, look, release, renew, rival, short_ticket,
    ticket, until,
};
use crate::dedup::{Claim, DedupStore, Earlier, Record, StepResult, Ticket};

const AFTER_A_LOST_RUN: Claim = Claim::Granted {
    number: 2,
    earlier: Earlier::RunLost,
};

pub(super) async fn a_run_that_began_without_an_end_stays_known(
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
        earlier: Earlier::RunLost,
    };
    assert_eq!(
        claim(one, &third).await,
        third_claim,
        "a release neither removes the lost run nor waits for a lease"
    );
    assert_eq!(finish(one, &third).await, StepResult::Done);
    assert_eq!(claim(other, &last).await, DONE);
}

pub(super) async fn a_claim_that_never_began_is_no_lost_run(
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
        earlier: Earlier::RunLost,
    };
    assert_eq!(claim(one, &rival(&next)).await, third);
}

pub(super) async fn a_begun_run_may_be_released_and_finished(
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
