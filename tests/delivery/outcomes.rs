//! Outcomes of handlers, and the replies to their pushes.

use std::sync::Arc;
use std::time::Duration;

use pushgate::{Attributes, Message, Outcome, State, Subscriber};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;
use validator::Validate;

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::probe::{Probe, probe_on_thread, task};
use crate::harness::rpc_proxy::{RpcFault, RpcProxy};
use crate::harness::{Service, Setup, client, declared, time_passes};

async fn check(setup: Setup) {
    let store = FaultyStore::new();
    let service = setup.store(store.clone()).start().await;
    for (data, status) in [
        (task::SUCCEED, 204),
        (task::DISCARD, 204),
        (task::FAIL, 503),
        (task::PANIC, 500),
        (task::DEAD_LETTER, 204),
    ] {
        let message = service.message(data);
        assert_eq!(service.push(&message).await.status, status, "{data}");
        let again = service.push(&message).await.status;
        let (runs, second) = if status == 204 { (1, 204) } else { (2, status) };
        assert_eq!(
            service.probe.runs_of(&message.id),
            runs,
            "{data}, delivered again"
        );
        assert_eq!(again, second, "{data}, delivered again");
    }
    let once = service.message(task::FAIL_ONCE);
    assert_eq!(service.push(&once).await.status, 503);
    assert_eq!(
        service.push(&once).await.status,
        204,
        "what was given back may be tried at once"
    );
    assert_eq!(store.calls(Step::Look), 0, "nothing had to be waited for");
}

#[tokio::test]
async fn each_outcome_of_an_async_handler_has_its_status() {
    check(Setup::new()).await;
}

#[tokio::test]
async fn each_outcome_of_a_blocking_handler_has_its_status() {
    check(Setup::new().subscriber(declared(Subscriber::blocking("probe", probe_on_thread)))).await;
}

#[tokio::test]
async fn each_outcome_of_a_cpu_handler_has_its_status() {
    check(Setup::new().subscriber(declared(Subscriber::cpu("probe", probe_on_thread)))).await;
}

#[tokio::test]
async fn a_reply_names_the_outcome_to_authenticated_pushers() {
    let service = Service::start().await;
    service.google.keep_dead_letters();
    for (data, first, again) in [
        (task::SUCCEED, "handled", "duplicate"),
        (task::DISCARD, "discarded", "duplicate"),
        (task::FAIL, "failed", "failed"),
        (task::PANIC, "panicked", "panicked"),
        (task::DEAD_LETTER, "dead-lettered", "duplicate"),
    ] {
        let message = service.message(data);
        for outcome in [first, again] {
            let reply = service.push(&message).await;
            assert_eq!(reply.outcome.as_deref(), Some(outcome), "{data}");
            assert_eq!(reply.body, "", "{data}");
        }
    }
    let unreadable = service.push_body("{}").await;
    let outcome = unreadable.outcome.as_deref();
    assert_eq!(unreadable.status, 400);
    assert_eq!(outcome, Some("refused"));
}

#[tokio::test]
async fn a_reply_names_no_outcome_to_strangers() {
    let service = Service::start().await;
    let message = service.message(task::SUCCEED);
    let stranger = service.push_with(&message, "no token").await;
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.outcome, None);
}

#[tokio::test]
async fn a_dead_letter_is_published_before_its_message_is_acked() {
    let service = Service::start().await;
    service.google.keep_dead_letters();
    let mut message = service
        .message(task::DEAD_LETTER)
        .attribute("region", "eu")
        .attribute("long", &"x".repeat(2000));
    message.ordering_key = Some("customer-7".into());
    message.delivery_attempt = Some(4);
    assert_eq!(service.push(&message).await.status, 204);
    let letters = service.google.dead_letters();
    let [letter] = letters.as_slice() else {
        panic!("one dead letter, not {}", letters.len())
    };
    assert_eq!(letter.data.as_ref(), task::DEAD_LETTER.as_bytes());
    assert_eq!(letter.ordering_key, "customer-7");
    for (name, value) in [
        ("CloudPubSubDeadLetterSourceDeliveryCount", "4"),
        ("CloudPubSubDeadLetterSourceSubscription", "probe"),
        (
            "CloudPubSubDeadLetterSourceSubscriptionProject",
            "test-project",
        ),
        (
            "CloudPubSubDeadLetterSourceTopicPublishTime",
            "2030-01-02T03:04:05.678Z",
        ),
        (pushgate::REASON_ATTRIBUTE, "handler"),
        (pushgate::ERROR_ATTRIBUTE, "it never works"),
        (pushgate::MESSAGE_ID_ATTRIBUTE, message.id.as_str()),
        (pushgate::PUBLISH_TIME_ATTRIBUTE, "2030-01-02T03:04:05.678Z"),
        ("region", "eu"),
    ] {
        assert_eq!(
            letter.attributes.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(letter.attributes.get("long").map(String::len), Some(1024));
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(
        service.google.dead_letters().len(),
        1,
        "a duplicate is not dead-lettered again"
    );
}

#[tokio::test]
async fn a_message_that_cannot_be_dead_lettered_is_redelivered() {
    let service = Service::start().await;
    let topic = format!(
        "projects/{}/topics/probe-dead-letter",
        crate::harness::PROJECT
    );
    let url = format!("{}/v1/{topic}", service.google.emulator.url());
    assert!(
        client()
            .delete(&url)
            .send()
            .await
            .expect("deleted")
            .status()
            .is_success()
    );
    let message = service.message(task::DEAD_LETTER);
    assert_eq!(service.push(&message).await.status, 503);
    service
        .google
        .emulator
        .create_topic(&topic)
        .expect("a topic");
    service.google.keep_dead_letters();
    time_passes(PAUSE).await;
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 2);
    assert_eq!(service.google.dead_letters().len(), 1);
}

/// Longer than the pause after the first failed dead letter.
const PAUSE: Duration = Duration::from_secs(3);
/// NOT_FOUND (gRPC, *Status codes*).
const NO_TOPIC: RpcFault = RpcFault::Refused(5);

#[tokio::test]
async fn a_failing_dead_letter_topic_is_called_once_a_pause() {
    let google = Arc::new(Google::start().await);
    let proxy = RpcProxy::before(&google.emulator.address().to_string()).await;
    let setup = Setup::new().google(&google);
    let setup = setup.setting("PUBSUB_EMULATOR_HOST", &proxy.host);
    let service = setup.start().await;
    google.keep_dead_letters();
    proxy.fail("Publish", NO_TOPIC, usize::MAX);
    let begin = Instant::now();
    for _ in 0..100 {
        let push = service.push(&service.message(task::DEAD_LETTER)).await;
        assert_eq!(push.status, 503);
    }
    // A pause is at least three quarters of 2 s.
    let pauses = begin.elapsed().as_millis() / 1_500;
    let calls = proxy.take_calls()["Publish"];
    assert!(
        calls as u128 <= 1 + pauses,
        "{calls} calls, {pauses} pauses"
    );
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
    proxy.fail("Publish", NO_TOPIC, 0);
    time_passes(Duration::from_secs(100)).await;
    assert_eq!(
        service
            .push(&service.message(task::DEAD_LETTER))
            .await
            .status,
        204
    );
    assert_eq!(google.dead_letters().len(), 1);
}

#[tokio::test]
async fn a_letter_keeps_its_reason_as_long_as_the_request_has_room() {
    let service = Service::start().await;
    service.google.keep_dead_letters();
    let large = |bytes: usize| {
        let mut data = task::DEAD_LETTER_OF_MANY_BYTES.as_bytes().to_vec();
        data.resize(bytes, b' ');
        TestMessage::new("probe", data)
    };
    assert_eq!(service.push(&large(9_999_750)).await.status, 204);
    let letters = service.google.dead_letters();
    assert_eq!(letters[0].attributes[pushgate::REASON_ATTRIBUTE], "handler");
    assert_eq!(service.push(&large(10_000_000)).await.status, 503);
    let small = service.message(task::DEAD_LETTER);
    assert_eq!(service.push(&small).await.status, 204, "nothing is paused");
}

#[derive(Deserialize, Validate, JsonSchema)]
struct Typed {
    #[validate(range(max = 9))]
    count: u32,
    #[validate(length(min = 1))]
    name: String,
}

async fn typed(message: Message<Typed>, probe: State<Probe>) {
    probe.note(&format!("{} {}", message.count, message.name));
}

#[tokio::test]
async fn an_invalid_payload_is_dead_lettered_with_all_violations() {
    let service = Setup::new()
        .subscriber(declared(Subscriber::new("probe", typed)))
        .start()
        .await;
    service.google.keep_dead_letters();
    for data in ["hush", "{}", r#"{"count":4711,"name":""}"#, ""] {
        assert_eq!(
            service.push(&service.message(data)).await.status,
            204,
            "{data}"
        );
    }
    let letters = service.google.dead_letters();
    let errors: Vec<&str> = letters
        .iter()
        .filter_map(|letter| letter.attributes.get(pushgate::ERROR_ATTRIBUTE))
        .map(String::as_str)
        .collect();
    assert_eq!(
        errors,
        [
            "payload does not fit: the document (line 1, column 1): not valid JSON",
            "payload does not fit: the document (line 1, column 2): missing field `count`",
            "payload does not fit: `count` breaks the rule range (max 9); `name` breaks the rule length (min 1)",
            "payload does not fit: the document (line 1, column 0): not valid JSON",
        ]
    );
    assert!(
        letters
            .iter()
            .all(|letter| letter.attributes[pushgate::REASON_ATTRIBUTE] == "payload")
    );
    assert_eq!(service.runs(), 0);
    assert_eq!(
        service
            .push(&service.message(r#"{"count":9,"name":"n","new":1}"#))
            .await
            .status,
        204
    );
    assert_eq!(service.probe.runs_of("9 n"), 1);
}

async fn attributes_alone(message: Message<Attributes>, probe: State<Probe>) -> Outcome {
    probe.note(message.0.0.get("kind").map_or("none", String::as_str));
    Outcome::Success
}

#[tokio::test]
async fn a_handler_may_take_the_attributes_alone() {
    let service = Setup::new()
        .subscriber(declared(Subscriber::new("probe", attributes_alone)))
        .start()
        .await;
    assert_eq!(
        service
            .push(&service.message("not JSON").attribute("kind", "ping"))
            .await
            .status,
        204
    );
    assert_eq!(service.probe.runs_of("ping"), 1);
}
