//! The whole service with a local Pub/Sub.

use pushgate::testing::{Forgery, Local, Sent};

use super::{ID, Printed, service};
use crate::harness::push_to;

#[tokio::test]
async fn a_published_message_has_its_outcome() {
    let printed = Printed::default();
    let local = Local::start(service(&printed)).await;
    let letter = Sent::raw("Dear Ada").ordering_key("Ada");
    let id = local.publish("letters", &letter);
    assert_eq!(local.outcome(ID, &id).await.outcome, "handled");
    let id = local.publish("letters", &Sent::raw("dead"));
    let dead = local.outcome(ID, &id).await;
    assert_eq!(dead.outcome, "dead-lettered");
    assert!(
        dead.reason
            .is_some_and(|reason| reason.starts_with("no such printer"))
    );
    assert_eq!(local.deliveries(ID, &id).len(), 1);
    assert_eq!(*printed.lock().expect("letters"), ["Dear Ada"]);
    local.stop().await;
}

#[tokio::test]
async fn tokens_are_checked_as_in_production() {
    let local = Local::start(service(&Printed::default())).await;
    let (email, audience) = local.caller();
    for (token, status) in [
        (local.token(&email, &audience), 400),
        (local.forged(Forgery::Expired, &email, &audience), 401),
        (local.token("stranger@example.com", &audience), 403),
    ] {
        let reply = push_to(&local.url(), "not an envelope", &token).await;
        assert_eq!(reply.status, status);
    }
}
