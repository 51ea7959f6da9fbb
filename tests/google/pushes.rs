//! The example service, pushed to by our emulator: two readings of Google's documents that must agree.

use std::sync::Arc;
use std::time::Duration;

use emulator::{
    DeadLetterPolicy, DeliveryEvent, Message, PushConfig, RetryPolicy, SubscriptionConfig,
};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, PROJECT, Service, Setup, client, soon};

const TOPIC: &str = "projects/test-project/topics/tests";

/// A topic whose subscription `id` pushes to `url`, as Terraform would make it.
fn subscribe(google: &Google, id: &str, url: &str, change: impl FnOnce(&mut SubscriptionConfig)) {
    let _ = google.emulator.create_topic(TOPIC);
    let mut config =
        SubscriptionConfig::new(format!("projects/{PROJECT}/subscriptions/{id}"), TOPIC);
    config.push_config =
        Some(PushConfig::new(format!("{url}/push/{id}")).signed_as(CALLER, Some(AUDIENCE)));
    config.retry_policy = Some(RetryPolicy {
        minimum_backoff: Duration::from_millis(50),
        maximum_backoff: Duration::from_secs(1),
    });
    change(&mut config);
    google
        .emulator
        .create_subscription(config)
        .expect("a subscription");
}

fn with_dead_letters(config: &mut SubscriptionConfig) {
    config.dead_letter_policy = Some(DeadLetterPolicy::new(format!(
        "projects/{PROJECT}/topics/probe-dead-letter"
    )));
}

async fn until(
    events: &mut Receiver<DeliveryEvent>,
    what: &str,
    is_wanted: impl Fn(&DeliveryEvent) -> bool,
) -> DeliveryEvent {
    soon(what, async {
        loop {
            let event = events.recv().await.expect("events");
            if is_wanted(&event) {
                return event;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_message_that_failed_is_delivered_again() {
    let service = Service::start().await;
    subscribe(&service.google, "probe", &service.url, with_dead_letters);
    let emulator = &service.google.emulator;
    let mut events = emulator.delivery_events();
    let mut message = Message::new(task::FAIL_ONCE);
    message.attributes.insert("region".into(), "eu".into());
    let id = emulator.publish(TOPIC, message).expect("published");
    let acked = until(&mut events, "the ack", DeliveryEvent::is_acked).await;
    assert_eq!(acked.message_id.as_str(), id.as_str());
    assert_eq!(acked.attempt, 2);
    assert_eq!(service.runs(), 2);
    let context = service.probe.context(&id);
    assert_eq!(context.delivery_attempt, Some(2));
    assert_eq!(context.attributes["region"], "eu");
    emulator
        .deliver_again(&acked.subscription, &id)
        .expect("delivered");
    until(&mut events, "the second ack", DeliveryEvent::is_acked).await;
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn messages_of_an_ordering_key_are_handled_in_order() {
    let service = Service::start().await;
    subscribe(&service.google, "probe", &service.url, |config| {
        config.enable_message_ordering = true
    });
    let emulator = &service.google.emulator;
    let mut events = emulator.delivery_events();
    let mut ids = Vec::new();
    for number in 0..20 {
        let data = if number % 5 == 0 {
            task::FAIL_ONCE
        } else {
            task::SUCCEED
        };
        let mut message = Message::new(data);
        message.ordering_key = "customer-7".into();
        ids.push(emulator.publish(TOPIC, message).expect("published"));
    }
    let last = ids.last().expect("twenty").clone();
    until(&mut events, "the last ack", |event| {
        event.is_acked() && event.message_id == last
    })
    .await;
    let context = service.probe.context(&last);
    assert_eq!(context.delivery_attempt, None);
    assert_eq!(context.ordering_key.as_deref(), Some("customer-7"));
    let mut order: Vec<String> = service.probe.order();
    order.dedup();
    assert_eq!(
        order, ids,
        "each message begins only after the one before it was handled"
    );
}

#[tokio::test]
async fn pubsub_dead_letters_a_message_after_its_attempts() {
    let service = Service::start().await;
    service.google.keep_dead_letters();
    subscribe(&service.google, "probe", &service.url, with_dead_letters);
    let mut events = service.google.emulator.delivery_events();
    service
        .google
        .emulator
        .publish(TOPIC, Message::new(task::FAIL))
        .expect("published");
    until(&mut events, "the dead letter", |event| {
        event.dead_lettered_to().is_some()
    })
    .await;
    let letters = service.google.dead_letters();
    assert_eq!(service.runs(), 5);
    assert_eq!(letters.len(), 1);
    assert!(
        !letters[0]
            .attributes
            .contains_key(pushgate::REASON_ATTRIBUTE),
        "this one Pub/Sub has given up"
    );
}

#[tokio::test]
async fn a_rotated_signing_key_interrupts_nothing() {
    let google = Arc::new(Google::start().await);
    let service = Setup::new().google(&google).start().await;
    subscribe(&google, "probe", &service.url, |_| {});
    let mut events = google.emulator.delivery_events();
    for _ in 0..2 {
        let id = google
            .emulator
            .publish(TOPIC, Message::new(task::SUCCEED))
            .expect("published");
        until(&mut events, "the ack", |event| {
            event.is_acked() && event.message_id == id
        })
        .await;
        google.emulator.issuer().rotate();
    }
    assert_eq!(service.runs(), 2);
}

/// The example subscribers in the real binary, with a folder for each state.
#[tokio::test]
async fn the_example_subscribers_do_their_work_once() {
    let google = Google::start().await;
    let folder = std::env::temp_dir().join(format!("pushgate-examples-{}", std::process::id()));
    let [outbox, uploads, fingerprints] =
        ["outbox", "uploads", "fingerprints"].map(|name| folder.join(name));
    std::fs::create_dir_all(&uploads).expect("a folder");
    std::fs::write(uploads.join("letter.txt"), "two teapots, please").expect("a document");
    let mut all = settings(&google, "memory:");
    all.push(("OUTBOX_DIR", outbox.display().to_string()));
    all.push(("UPLOADS_DIR", uploads.display().to_string()));
    all.push(("FINGERPRINTS_DIR", fingerprints.display().to_string()));
    let (mut process, url) = Process::serve(&all).await;
    for id in [
        "orders-fulfilment",
        "orders-receipts",
        "uploads-fingerprints",
    ] {
        subscribe(&google, id, &url, with_dead_letters);
    }
    let order = json!({"orderId": "A-1", "customerEmail": "ada@example.com", "lines": [{"article": "teapot", "quantity": 2, "priceCents": 1999}]});
    let upload =
        json!({"name": "letter.txt", "bucket": "shop-uploads", "size": "19", "generation": "1"});
    for (publish, subscription, outcome) in [
        (
            Message::new(order.to_string()),
            "orders-fulfilment",
            "handled",
        ),
        (
            Message::new(order.to_string()),
            "orders-receipts",
            "handled",
        ),
        (
            Message::new(upload.to_string()).with_attribute("eventType", "OBJECT_FINALIZE"),
            "uploads-fingerprints",
            "handled",
        ),
        (
            Message::new(upload.to_string()).with_attribute("eventType", "OBJECT_DELETE"),
            "uploads-fingerprints",
            "discarded",
        ),
    ] {
        let name = format!("projects/{PROJECT}/subscriptions/{subscription}");
        let id = google.emulator.publish(TOPIC, publish).expect("published");
        let is_it = |line: &serde_json::Value| {
            line["subscription"] == name.as_str()
                && line["message_id"] == id.as_str()
                && line["message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("push "))
        };
        assert_eq!(
            process.log(is_it).await["outcome"],
            outcome,
            "{subscription}"
        );
        google
            .emulator
            .deliver_again(&name, &id)
            .expect("delivered");
        process
            .log(|line| is_it(line) && line["outcome"] == "duplicate")
            .await;
    }
    let receipts = std::fs::read_dir(&outbox).expect("receipts").count();
    assert_eq!(receipts, 2, "one for each order");
    assert!(fingerprints.join("letter.txt.1").exists());
    let _ = std::fs::remove_dir_all(&folder);
}

#[tokio::test]
async fn log_lines_of_a_handler_carry_its_message_with_its_trace() {
    const ORDER: &str = r#"{"orderId":"A-1","customerEmail":"a@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;
    const OF_CLIENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const OF_MESSAGE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    const OF_REQUEST: &str = "00-11111111111111111111111111111111-2222222222222222-01";
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    let message = || TestMessage::new("orders-fulfilment", ORDER);
    let both = message()
        .attribute("googclient_traceparent", OF_CLIENT)
        .attribute("traceparent", OF_MESSAGE);
    let plain = message().attribute("traceparent", OF_MESSAGE);
    for (message, trace) in [
        (both, OF_CLIENT),
        (plain, OF_MESSAGE),
        (message(), OF_REQUEST),
    ] {
        let push = client()
            .post(&url)
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .header("traceparent", OF_REQUEST)
            .body(message.body());
        let answer = push.send().await.expect("an answer");
        assert_eq!(answer.status(), 204);
        let parts: Vec<&str> = trace.split('-').collect();
        for text in ["stock reserved", "push handled"] {
            let is_it = |line: &Value| line["message"] == text && line["message_id"] == message.id;
            let line = process.log(is_it).await;
            for (name, value) in [
                (
                    "subscription",
                    json!(format!(
                        "projects/{PROJECT}/subscriptions/orders-fulfilment"
                    )),
                ),
                ("severity", json!("INFO")),
                ("delivery_attempt", json!(1)),
                (
                    "logging.googleapis.com/trace",
                    json!(format!("projects/{PROJECT}/traces/{}", parts[1])),
                ),
                ("logging.googleapis.com/spanId", json!(parts[2])),
                (
                    "logging.googleapis.com/trace_sampled",
                    json!(parts[3] == "01"),
                ),
                ("traceparent", Value::Null),
            ] {
                assert_eq!(line[name], value, "{name} of {line}");
            }
        }
    }
}
