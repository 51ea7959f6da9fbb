//! The steps of an operator, for a store that has them.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{
    GRANTED, LONG, begin, claim, finish, look, release, rival, short_ticket, ticket, until,
};
use crate::dedup::{
    Claim, DedupStore, Details, Earlier, MessageState, Record, Replacement, StepResult, StoreError,
    Text, Ticket,
};

type Store = Arc<dyn DedupStore>;

const PARKED: Replacement = Replacement::Parked(LONG);

async fn inspect(store: &Store, ticket: &Ticket) -> Option<Details> {
    let details = store.inspect(&ticket.key).await;
    details.expect("an inspection is answered")
}

async fn replace(store: &Store, seen: Option<&Details>, ticket: &Ticket, by: Replacement) -> bool {
    let replaced = store.replace(&ticket.key, seen, by).await;
    replaced.expect("a replacement is answered")
}

async fn read(store: &Store, name: &str) -> Option<Text> {
    store.read_text(name).await.expect("a text is answered")
}

async fn write(store: &Store, name: &str, seen: Option<&Text>, text: &str) -> bool {
    let written = store.write_text(name, seen, text, LONG).await;
    written.expect("a write is answered")
}

/// Checks the rules of operators, if the store supports their steps.
pub(super) async fn every_rule(one: &Store, other: &Store) {
    if let Err(StoreError::Unsupported) = one.inspect(&ticket().key).await {
        return;
    }
    a_record_is_described(one, other).await;
    a_finished_message_may_be_forgotten(one, other).await;
    a_changed_record_is_not_replaced(one, other).await;
    a_parked_message_is_known_until_it_is_settled(one, other).await;
    a_text_is_replaced_by_those_who_saw_it(one, other).await;
    a_text_expires(one).await;
}

async fn a_record_is_described(one: &Store, other: &Store) {
    let ticket = ticket();
    assert_eq!(inspect(one, &ticket).await, None);
    assert_eq!(claim(one, &ticket).await, GRANTED);
    let claimed = inspect(other, &ticket).await.expect("a record");
    assert_eq!(claimed.state, MessageState::Claimed);
    assert_eq!(claimed.owner, ticket.owner);
    assert_eq!(claimed.number, 1);
    assert!(claimed.is_held());
    let lease = claimed.time.since(claimed.now);
    assert!(lease <= LONG && lease > LONG / 2, "{lease:?}");
    assert_eq!(begin(one, &ticket).await, StepResult::Done);
    let begun = inspect(other, &ticket).await.expect("a record");
    assert_eq!(begun.state, MessageState::Begun);
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
    let done = inspect(other, &ticket).await.expect("a record");
    assert_eq!(done.state, MessageState::Done);
    assert_eq!(done.number, 1);
    assert!(!done.is_held());
    assert!(
        done.time >= claimed.now && done.time <= done.now,
        "{done:?}"
    );
    let window = done.removal.since(done.now);
    assert!(window <= LONG && window > LONG / 2, "{window:?}");
}

async fn a_finished_message_may_be_forgotten(one: &Store, other: &Store) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
    let seen = inspect(other, &ticket).await;
    assert!(replace(other, seen.as_ref(), &ticket, Replacement::Nothing).await);
    assert_eq!(look(one, &ticket).await, Record::Absent);
    assert_eq!(claim(one, &rival(&ticket)).await, GRANTED);
}

async fn a_changed_record_is_not_replaced(one: &Store, other: &Store) {
    let ticket = ticket();
    assert_eq!(claim(one, &ticket).await, GRANTED);
    assert!(!replace(other, None, &ticket, PARKED).await);
    let seen = inspect(other, &ticket).await;
    assert_eq!(finish(one, &ticket).await, StepResult::Done);
    assert!(!replace(other, seen.as_ref(), &ticket, Replacement::Nothing).await);
    assert_eq!(look(one, &ticket).await, Record::Done(None));
}

async fn a_parked_message_is_known_until_it_is_settled(one: &Store, other: &Store) {
    let earlier = Earlier::Parked;
    let first = ticket();
    assert!(replace(one, None, &first, PARKED).await);
    let parked = inspect(other, &first).await.expect("a record");
    assert_eq!(parked.state, MessageState::Parked);
    assert_eq!(parked.owner, Uuid::nil());
    assert!(!parked.is_held());
    assert_eq!(
        claim(one, &first).await,
        Claim::Granted { number: 1, earlier }
    );
    assert_eq!(claim(other, &rival(&first)).await, Claim::InProgress);
    assert_eq!(release(one, &first).await, StepResult::Done);
    let next = rival(&first);
    let again = Claim::Granted { number: 2, earlier };
    assert_eq!(claim(other, &next).await, again, "a release keeps it");
    assert_eq!(finish(other, &next).await, StepResult::Done);
    assert_eq!(look(one, &first).await, Record::Done(None));

    let interrupted = short_ticket();
    assert_eq!(claim(one, &interrupted).await, GRANTED);
    until(one, &interrupted, Record::Expired).await;
    let seen = inspect(one, &interrupted).await;
    assert!(replace(other, seen.as_ref(), &interrupted, PARKED).await);
    assert_eq!(finish(one, &interrupted).await, StepResult::ClaimLost);
}

async fn a_text_is_replaced_by_those_who_saw_it(one: &Store, other: &Store) {
    let name = Uuid::new_v4().to_string();
    assert_eq!(read(one, &name).await, None);
    assert!(write(one, &name, None, "first: {\"ü\"}\n").await);
    let first = read(other, &name).await.expect("a text");
    assert_eq!(first.text, "first: {\"ü\"}\n");
    assert!(first.written <= first.now);
    assert!(!write(other, &name, None, "lost").await);
    assert!(write(other, &name, Some(&first), "second").await);
    assert!(!write(one, &name, Some(&first), "lost").await);
    let second = read(one, &name).await.expect("a text");
    assert_eq!(second.text, "second");
    assert!(second.written >= first.written);
}

async fn a_text_expires(one: &Store) {
    let name = Uuid::new_v4().to_string();
    let window = Duration::from_millis(50);
    let written = one.write_text(&name, None, "short", window).await;
    assert!(written.expect("a write is answered"));
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while read(one, &name).await.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    patience.await.expect("the store's clock advances");
    assert!(write(one, &name, None, "next").await);
}
