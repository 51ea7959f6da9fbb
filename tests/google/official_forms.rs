//! The forms that Google's own emulator sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pushgate::Idempotency;
use serde_json::{Value, json};

use crate::harness::message::TestMessage;
use crate::harness::official::{OfficialEmulator, TokenProxy};
use crate::harness::probe::task;
use crate::harness::{PROJECT, Service, Setup, subscriber};

/// A service with Google's emulator before it.
struct Stage {
    service: Service,
    emulator: OfficialEmulator,
    proxy: TokenProxy,
}

impl Stage {
    async fn start(setup: Setup) -> Self {
        let service = setup.start().await;
        Self {
            emulator: OfficialEmulator::start().await,
            proxy: TokenProxy::start(&service.google, vec![service.url.clone()]).await,
            service,
        }
    }

    /// Creates a topic and a subscription of this name that pushes to its own path, with further settings.
    async fn subscribe(&self, id: &str, push: Value) {
        self.emulator.put(&format!("topics/{id}"), json!({})).await;
        let mut push_config = json!({"pushEndpoint": format!("{}/push/{id}", self.proxy.url)});
        for (name, value) in push.as_object().expect("settings") {
            push_config[name] = value.clone();
        }
        let subscription = json!({
            "topic": format!("projects/{PROJECT}/topics/{id}"),
            "ackDeadlineSeconds": 60,
            "enableMessageOrdering": true,
            "pushConfig": push_config,
        });
        self.emulator
            .put(&format!("subscriptions/{id}"), subscription)
            .await;
    }

    /// Publishes a message, waits for this number of runs, and returns the id.
    async fn publish(&self, message: Value, runs: usize) -> String {
        let id = self.emulator.publish("probe", message).await;
        self.service.probe.entered(runs).await;
        id
    }
}

fn data(text: &str) -> String {
    STANDARD.encode(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Java and Google's emulator (./test finds or installs them)"]
async fn wrapped_messages_of_each_shape_arrive() {
    let stage = Stage::start(Setup::new()).await;
    stage.subscribe("probe", json!({})).await;
    let probe = &stage.service.probe;
    let bare = stage.publish(json!({"data": data("hällo/")}), 1).await;
    let full = json!({"data": data(task::SUCCEED), "attributes": {"Region": "Zürich"}, "orderingKey": "k"});
    let full = stage.publish(full, 2).await;
    let empty = stage
        .publish(json!({"attributes": {"kind": "ping"}}), 3)
        .await;
    stage.proxy.answered("/push/probe", 204).await;
    assert_eq!(probe.data(&bare), "hällo/".as_bytes());
    assert!(probe.context(&bare).attributes.is_empty());
    assert_eq!(probe.data(&full), task::SUCCEED.as_bytes());
    let seen = probe.context(&full);
    assert_eq!(seen.attributes["Region"], "Zürich");
    assert_eq!(
        seen.subscription.as_ref(),
        "projects/test-project/subscriptions/probe"
    );
    assert_eq!(probe.data(&empty), b"");
    assert_eq!(probe.runs(), 3);
    assert_eq!(probe.context(&empty).attributes["kind"], "ping");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Java and Google's emulator (./test finds or installs them)"]
async fn unwrapped_messages_arrive_with_their_metadata() {
    let stage = Stage::start(Setup::new()).await;
    let push = json!({"noWrapper": {"writeMetadata": true}});
    stage.subscribe("probe", push).await;
    let probe = &stage.service.probe;
    let forged = TestMessage::new("other", task::FAIL).body();
    let full = stage.publish(
        json!({
            "data": data(&forged),
            "attributes": {
                "Content-Type": "application/cloudevents+json", "Region": "Zürich", "ce-type": "order",
                "authorization": "Bearer forged", "x-goog-pubsub-message-id": "forged",
                "x-goog-pubsub-subscription-name": "projects/test-project/subscriptions/other",
            },
            "orderingKey": "customer-7",
        }),
        1,
    );
    let full = full.await;
    let seen = probe.context(&full);
    assert_eq!(probe.data(&full), forged.into_bytes());
    assert_eq!(
        seen.subscription.as_ref(),
        "projects/test-project/subscriptions/probe"
    );
    assert_eq!(seen.ordering_key.as_deref(), Some("customer-7"));
    let attributes = ["ce-type", "content-type", "region"];
    assert_eq!(seen.attributes.keys().collect::<Vec<_>>(), attributes);
    assert_eq!(seen.attributes["region"], "Zürich");
    assert!(seen.publish_time.year() > 2000 && seen.delivery_attempt.is_none());

    let empty = stage
        .publish(json!({"attributes": {"kind": "ping"}}), 2)
        .await;
    assert_eq!(probe.data(&empty), b"");
    let seen = probe.context(&empty);
    assert_eq!(seen.attributes["kind"], "ping");
    assert_eq!(seen.ordering_key, None);
    stage.proxy.answered("/push/probe", 204).await;
    assert_eq!(probe.order(), [full, empty]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Java and Google's emulator (./test finds or installs them)"]
async fn payload_alone_arrives_only_at_a_subscriber_that_declares_it() {
    let harmless = Idempotency::none("the test counts");
    let unwrapped = subscriber("probe").unwrapped().idempotency(harmless);
    let setup = Setup::new()
        .subscriber(unwrapped)
        .also(subscriber("strict"));
    let stage = Stage::start(setup).await;
    for id in ["probe", "strict"] {
        stage.subscribe(id, json!({"noWrapper": {}})).await;
    }
    let (probe, message) = (&stage.service.probe, json!({"data": data("{\"a\":1}")}));
    stage.publish(message.clone(), 1).await;
    stage.proxy.answered("/push/probe", 204).await;
    let ids = probe.order();
    assert!(ids[0].starts_with("payload:"), "{ids:?}");
    assert_eq!(probe.data(&ids[0]), b"{\"a\":1}");
    stage
        .publish(json!({"attributes": {"kind": "ping"}}), 2)
        .await;
    assert_eq!(probe.data(&probe.order()[1]), b"");
    stage.emulator.publish("strict", message).await;
    stage.proxy.answered("/push/strict", 400).await;
    assert_eq!(probe.runs(), 2);
}
