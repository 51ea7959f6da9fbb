//! A service in memory, and a publisher that records.

use pushgate::testing::{InMemory, Sent, recorder};
use pushgate::{OffsetDateTime, Outgoing, PublishError, Service, Subscriber};

use super::{ID, Printed, declared, print, service, service_of};

#[tokio::test(start_paused = true)]
async fn deliveries_have_their_outcomes() {
    let printed = Printed::default();
    let service = InMemory::start(service(&printed)).await;
    let letter = Sent::raw("Dear Ada").published(OffsetDateTime::UNIX_EPOCH);
    for expected in ["handled", "duplicate"] {
        let delivered = service.deliver(ID, &letter).await;
        assert_eq!(delivered.outcome, expected);
        assert!(!delivered.is_redelivered);
    }
    assert_eq!(*printed.lock().expect("letters"), ["Dear Ada"]);
    let failed = service.deliver(ID, &Sent::raw("fail")).await;
    assert_eq!(failed.outcome, "failed");
    assert!(failed.is_redelivered);
    assert_eq!(
        failed.reason.as_deref(),
        Some("the printer is out of paper")
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_kept() {
    let service = InMemory::start(service(&Printed::default())).await;
    let sent = Sent::raw("dead").attribute("tray", "2").id("7");
    assert_eq!(service.deliver(ID, &sent).await.outcome, "dead-lettered");
    let [letter] = service.dead_letters().try_into().expect("one");
    assert_eq!(
        letter.topic,
        "projects/test-project/topics/letters-print-dead-letter"
    );
    assert_eq!(letter.data, b"dead");
    assert_eq!(letter.attributes["tray"], "2");
    assert_eq!(letter.attributes["pushgate-source-message-id"], "7");
}

#[tokio::test(start_paused = true)]
async fn time_is_virtual() {
    let hour = std::time::Duration::from_secs(600);
    let slow = declared(Subscriber::new(ID, print)).ack_deadline(hour);
    let service = InMemory::start(service_of(slow, &Printed::default())).await;
    let delivered = service.deliver(ID, &Sent::raw("hang")).await;
    assert_eq!(
        delivered.outcome, "handled",
        "it ends at the soft limit of 8 minutes"
    );
}

#[tokio::test]
#[should_panic(expected = "which nothing provides: add .state")]
async fn a_fault_of_the_declarations_is_named() {
    let without_state = Service::new().subscriber(declared(Subscriber::new(ID, print)));
    InMemory::start(without_state).await;
}

#[tokio::test]
#[should_panic(expected = "\"letters-post\" is not declared")]
async fn an_unknown_subscription_is_named() {
    let service = InMemory::start(service(&Printed::default())).await;
    service
        .deliver("letters-post", &Sent::raw("Dear Ada"))
        .await;
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, validator::Validate)]
struct Posted {
    #[validate(length(min = 1))]
    to: String,
}

#[tokio::test]
async fn published_messages_are_recorded() {
    let (publisher, published) = recorder::<Posted>("posted");
    let ada = || Posted { to: "Ada".into() };
    assert_eq!(publisher.topic(), "projects/test-project/topics/posted");
    let event = Outgoing::new(ada()).event_id("e-1").ordering_key("Ada");
    assert_eq!(publisher.publish(event).await.expect("recorded"), "1");
    let broken = publisher.publish(Posted { to: String::new() }).await;
    assert!(
        matches!(broken, Err(PublishError::Payload(_))),
        "{broken:?}"
    );
    let [recorded] = published.all().try_into().expect("one");
    assert_eq!(recorded.message, ada());
    assert_eq!(recorded.attributes["event-id"], "e-1");
    assert_eq!(recorded.ordering_key, "Ada");
    publisher.flush().await;
}
