//! Idempotency keys, as declared.

use pushgate::{Conflict, Idempotency, Input};

use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::{Service, Setup, push_to, subscriber};

async fn service(idempotency: Idempotency) -> Service {
    let probe = subscriber("probe").idempotency(idempotency);
    let service = Setup::new().subscriber(probe).start().await;
    service.google.keep_dead_letters();
    service
}

/// A new message of this event.
fn event(service: &Service, event: &str, data: &str) -> TestMessage {
    service.message(data).attribute("event", event)
}

#[tokio::test]
async fn a_second_publish_of_an_event_runs_nothing() {
    let by_length = |input: &Input| Some(input.data().len().to_string());
    for idempotency in [
        Idempotency::by_attribute("event"),
        Idempotency::by_payload("/event"),
        Idempotency::by_function(by_length),
    ] {
        let service = service(idempotency.clone()).await;
        let data = r#"{"event":"e-1"}"#;
        for _ in 0..3 {
            assert_eq!(
                service.push(&event(&service, "e-1", data)).await.status,
                204
            );
        }
        assert_eq!(service.runs(), 1, "{idempotency:?}");
        let other = event(&service, "e-22", r#"{"event":"e-22"}"#);
        assert_eq!(service.push(&other).await.status, 204);
        assert_eq!(service.runs(), 2, "{idempotency:?}");
        assert_eq!(service.google.dead_letters().len(), 0, "{idempotency:?}");
    }
}

#[tokio::test]
async fn the_idempotency_key_of_a_message_is_the_same_in_every_run() {
    // A failed run releases its claim, so each push runs.
    let keys = async |idempotency: Idempotency| {
        let setup = Setup::new()
            .subscriber(subscriber("probe").idempotency(idempotency.clone()))
            .also(subscriber("other").idempotency(idempotency));
        let service = setup.start().await;
        let (_running, url) = service.instance().await;
        let mut keys = Vec::new();
        for (subscription, id, url) in [
            ("probe", "e-1-first", &service.url),
            ("probe", "e-1-first", &url),
            ("probe", "e-1-second", &url),
            ("other", "e-1-third", &url),
        ] {
            let mut message = TestMessage::new(subscription, task::FAIL).attribute("event", "e-1");
            message.id = id.to_owned();
            let reply = push_to(url, message.body(), &service.token()).await;
            assert_eq!(reply.status, 503);
            keys.push(service.probe.context(id).idempotency_key().to_owned());
        }
        keys
    };
    for (idempotency, is_one_event) in [
        (Idempotency::by_attribute("event"), true),
        (Idempotency::by_function(|_| Some("e-1".into())), true),
        (Idempotency::by_message_id(), false),
        (Idempotency::none("the test wants runs"), false),
    ] {
        let keys = keys(idempotency.clone()).await;
        assert_eq!(keys[0], keys[1], "another instance, {idempotency:?}");
        assert_eq!(keys[0] == keys[2], is_one_event, "{idempotency:?}");
        assert_ne!(keys[0], keys[3], "another subscription, {idempotency:?}");
        let is_hash = |key: &String| key.len() == 32 && key.chars().all(|c| c.is_ascii_hexdigit());
        assert!(keys.iter().all(is_hash), "{keys:?}");
    }
}

#[tokio::test]
async fn two_publishes_of_an_event_at_two_instances_at_once_run_once() {
    let service = service(Idempotency::by_attribute("event")).await;
    let (_other, url) = service.instance().await;
    for round in 1..=100 {
        let name = format!("e-{round}");
        let (one, two) = (
            event(&service, &name, task::SUCCEED),
            event(&service, &name, task::SUCCEED),
        );
        let (one, two) = tokio::join!(service.push(&one), async {
            push_to(&url, two.body(), &service.token()).await
        });
        assert_eq!(one.status, 204, "round {round}");
        assert_eq!(two.status, 204, "round {round}");
        assert_eq!(service.runs(), round, "round {round}");
    }
}

#[tokio::test]
async fn a_message_without_its_key_is_dead_lettered_once() {
    let service = service(Idempotency::by_payload("/order/id")).await;
    let message = service.message(r#"{"order":{}}"#);
    for _ in 0..2 {
        assert_eq!(service.push(&message).await.status, 204);
    }
    let letters = service.google.dead_letters();
    let [letter] = letters.as_slice() else {
        panic!("{} letters", letters.len())
    };
    let attribute = |name: &str| letter.attributes[name].clone();
    assert_eq!(attribute(pushgate::REASON_ATTRIBUTE), "idempotency key");
    assert_eq!(
        attribute(pushgate::ERROR_ATTRIBUTE),
        "the idempotency key is missing: no string, integer of 64 bits or boolean at \"/order/id\" in the payload, or an empty one"
    );
    assert_eq!(service.runs(), 0);
}

/// The end of two pushes with another payload under a key that is done.
struct Conflicting {
    statuses: [u16; 2],
    dead_letters: usize,
}

async fn conflict(idempotency: Idempotency) -> Conflicting {
    let service = service(idempotency).await;
    let first = event(&service, "e-1", task::SUCCEED);
    assert_eq!(service.push(&first).await.status, 204);
    let other = event(&service, "e-1", task::FAIL);
    let statuses = [
        service.push(&other).await.status,
        service.push(&other).await.status,
    ];
    assert_eq!(
        service.push(&first).await.status,
        204,
        "the first is still itself"
    );
    assert_eq!(service.runs(), 1);
    Conflicting {
        statuses,
        dead_letters: service.google.dead_letters().len(),
    }
}

#[tokio::test]
async fn another_payload_under_a_key_is_dead_lettered_by_default() {
    let conflict = conflict(Idempotency::by_attribute("event")).await;
    assert_eq!(conflict.statuses, [204, 204]);
    assert_eq!(conflict.dead_letters, 1);
}

#[tokio::test]
async fn another_payload_under_a_key_can_be_ignored() {
    let ignore = Idempotency::by_attribute("event").on_conflict(Conflict::Ignore);
    let conflict = conflict(ignore).await;
    assert_eq!(conflict.statuses, [204, 204]);
    assert_eq!(conflict.dead_letters, 0);
}

#[tokio::test]
async fn another_payload_under_a_key_can_be_retried() {
    let retry = Idempotency::by_attribute("event").on_conflict(Conflict::Retry);
    let conflict = conflict(retry).await;
    assert_eq!(conflict.statuses, [503, 503]);
    assert_eq!(conflict.dead_letters, 0);
}

#[tokio::test]
async fn a_delivery_that_waited_notices_a_conflict() {
    let service = service(Idempotency::by_attribute("event")).await;
    let (held, other) = (
        event(&service, "e-1", task::HOLD),
        event(&service, "e-1", task::SUCCEED),
    );
    let second = async {
        service.probe.entered(1).await;
        let opened = async { service.probe.open() };
        tokio::join!(service.push(&other), opened).0
    };
    let (first, second) = tokio::join!(service.push(&held), second);
    assert_eq!(first.status, 204);
    assert_eq!(second.status, 204);
    assert_eq!(service.runs(), 1);
    assert_eq!(service.google.dead_letters().len(), 1);
}

#[tokio::test]
async fn a_failed_event_may_be_published_again_with_another_payload() {
    let service = service(Idempotency::by_attribute("event")).await;
    assert_eq!(
        service
            .push(&event(&service, "e-1", task::FAIL))
            .await
            .status,
        503
    );
    assert_eq!(
        service
            .push(&event(&service, "e-1", task::SUCCEED))
            .await
            .status,
        204
    );
    assert_eq!(service.runs(), 2);
    assert_eq!(service.google.dead_letters().len(), 0);
}

/// The dead letter as an operator publishes it again.
fn replay(service: &Service, letter: &emulator::ReceivedMessage, data: &str) -> TestMessage {
    let attributes = letter.attributes.iter();
    attributes.fold(service.message(data), |message, (name, value)| {
        message.attribute(name, value)
    })
}

#[tokio::test]
async fn a_dead_letter_that_is_published_again_runs_once_more() {
    let service = service(Idempotency::by_attribute("event")).await;
    let dead = event(&service, "e-1", task::DEAD_LETTER);
    assert_eq!(service.push(&dead).await.status, 204);
    let letter = service.google.dead_letters().remove(0);
    for data in [task::SUCCEED, task::SUCCEED] {
        let replayed = replay(&service, &letter, data);
        assert_eq!(service.push(&replayed).await.status, 204);
    }
    assert_eq!(service.runs(), 2);
    assert_eq!(service.google.dead_letters().len(), 1);
}

#[tokio::test]
async fn a_dead_letter_of_another_subscription_is_a_duplicate_here() {
    let service = service(Idempotency::by_attribute("event")).await;
    let dead = event(&service, "e-1", task::DEAD_LETTER);
    assert_eq!(service.push(&dead).await.status, 204);
    let letter = service.google.dead_letters().remove(0);
    let others = replay(&service, &letter, task::DEAD_LETTER)
        .attribute("CloudPubSubDeadLetterSourceSubscription", "another");
    assert_eq!(service.push(&others).await.status, 204);
    assert_eq!(service.runs(), 1);
}
