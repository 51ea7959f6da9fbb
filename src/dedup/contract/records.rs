//! Records of finished messages.

use std::sync::Arc;

use super::{
    DONE, GRANTED, SHORT, claim, finish, granted, look, release, renew, rival, ticket, until,
};
use crate::dedup::{Claim, DedupStore, Fingerprint, Record, StepResult, Ticket};

pub(super) async fn a_finished_message_stays_done_for_its_window(
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

pub(super) async fn a_finished_message_has_the_fingerprint_of_its_ticket(
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
