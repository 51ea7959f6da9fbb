//! The library's publisher, against our emulator.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use emulator::{Emulator, ReceivedMessage, SubscriptionHandle};
use futures_util::FutureExt;
use pushgate::{
    Config, Context, Environment, Idempotency, Message, Outgoing, PublishError, Publisher, Service,
    State, Subscriber, Trace,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::harness::google::Google;
use crate::harness::network::{Network, Weather};
use crate::harness::official::OfficialEmulator;
use crate::harness::process::settings;
use crate::harness::rpc_proxy::{RpcFault, RpcProxy};
use crate::harness::{AUDIENCE, CALLER, PROJECT, push_to, soon};

/// gRPC's status codes (gRPC, *Status codes*).
const PERMISSION_DENIED: u8 = 7;
const UNAVAILABLE: u8 = 14;

#[derive(Clone, Debug, Serialize, Deserialize, Validate, JsonSchema)]
struct Shipped {
    #[validate(length(min = 1))]
    order: String,
    #[serde(default)]
    note: String,
}

fn shipped(order: impl ToString) -> Shipped {
    Shipped {
        order: order.to_string(),
        note: String::new(),
    }
}

/// A topic with a subscription behind a proxy that counts calls and fails some.
struct Scene {
    _emulator: Emulator,
    subscription: SubscriptionHandle,
    proxy: RpcProxy,
}

fn environment(host: &str) -> Environment {
    [
        ("GOOGLE_CLOUD_PROJECT", PROJECT),
        ("PUBSUB_EMULATOR_HOST", host),
    ]
    .into_iter()
    .collect()
}

impl Scene {
    async fn start() -> Self {
        let emulator = Emulator::start().await.expect("an emulator");
        let topic = emulator
            .create_topic(&format!("projects/{PROJECT}/topics/shipments"))
            .expect("a topic");
        let subscription = topic.subscribe("mail").expect("a subscription");
        let proxy = RpcProxy::before(&emulator.address().to_string()).await;
        Self {
            _emulator: emulator,
            subscription,
            proxy,
        }
    }

    async fn publisher(&self) -> Publisher<Shipped> {
        let opened = Publisher::open(environment(&self.proxy.host), "shipments").await;
        opened.expect("a publisher")
    }

    fn requests(&self) -> usize {
        self.proxy
            .take_calls()
            .get("Publish")
            .copied()
            .unwrap_or_default()
    }

    fn orders(&self) -> Vec<String> {
        let held = self.subscription.unacked_messages();
        held.iter().map(order).collect()
    }
}

fn order(message: &ReceivedMessage) -> String {
    let shipped: Shipped = serde_json::from_slice(&message.data).expect("a shipment");
    shipped.order
}

#[tokio::test]
async fn a_message_arrives_as_it_was_published() {
    let scene = Scene::start().await;
    let message = Outgoing::new(shipped("A-1"))
        .event_id("event-1")
        .ordering_key("ada")
        .attribute("source", "warehouse");
    let id = scene
        .publisher()
        .await
        .publish(message)
        .await
        .expect("an id");
    let held = scene.subscription.unacked_messages();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].id.as_str(), id.as_str());
    assert_eq!(order(&held[0]), "A-1");
    assert_eq!(held[0].ordering_key, "ada");
    let attributes = &held[0].attributes;
    assert_eq!(attributes["event-id"], "event-1");
    assert_eq!(attributes["source"], "warehouse");
    assert!(attributes["traceparent"].parse::<Trace>().is_ok());
    assert_eq!(
        attributes["traceparent"],
        attributes["googclient_traceparent"]
    );
}

#[tokio::test]
async fn messages_that_come_together_travel_together() {
    let scene = Scene::start().await;
    let publisher = scene.publisher().await;
    let mut confirmations = Vec::new();
    for number in 0..250 {
        confirmations.push(publisher.enqueue(shipped(number)).await.expect("room"));
    }
    let mut ids = HashSet::new();
    for confirmation in confirmations {
        ids.insert(confirmation.await.expect("an id"));
    }
    assert_eq!(ids.len(), 250);
    assert_eq!(scene.requests(), 3, "100, 100 and the rest");
}

#[tokio::test]
async fn messages_of_a_key_keep_their_order() {
    let scene = Scene::start().await;
    let publisher = Publisher::<Shipped>::builder("shipments")
        .batch_messages(3)
        .open(environment(&scene.proxy.host))
        .await
        .expect("a publisher");
    // The first requests fail and are sent again, while others wait.
    scene
        .proxy
        .fail("Publish", RpcFault::Refused(UNAVAILABLE), 3);
    for number in 0..60 {
        let message = Outgoing::new(shipped(number)).ordering_key(format!("key-{}", number % 3));
        drop(publisher.enqueue(message).await.expect("room"));
    }
    publisher.flush().await;
    for key in 0..3 {
        let held = scene.subscription.unacked_messages();
        let of_key = held
            .iter()
            .filter(|message| message.ordering_key == format!("key-{key}"));
        let found: Vec<String> = of_key.map(order).collect();
        let expected: Vec<String> = (0..20)
            .map(|number| (number * 3 + key).to_string())
            .collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_lost_answer_repeats_the_message_with_the_same_event_id() {
    let scene = Scene::start().await;
    let publisher = scene.publisher().await;
    scene.proxy.fail("Publish", RpcFault::Lost(UNAVAILABLE), 1);
    let id = publisher.publish(shipped("A-1")).await.expect("an id");
    let held = scene.subscription.unacked_messages();
    assert_eq!(held.len(), 2, "published twice");
    assert_eq!(held[1].id, id);
    assert_eq!(held[0].attributes, held[1].attributes);
}

#[tokio::test]
async fn a_key_keeps_its_order_after_a_failure() {
    let scene = Scene::start().await;
    let publisher = Publisher::<Shipped>::builder("shipments")
        .batch_messages(1)
        .open(environment(&scene.proxy.host))
        .await
        .expect("a publisher");
    scene
        .proxy
        .fail("Publish", RpcFault::Refused(PERMISSION_DENIED), 1);
    // Enough that some are still unconfirmed when the first one fails.
    let messages: Vec<_> = (0..300)
        .map(|number| Outgoing::new(shipped(number)).ordering_key("ada"))
        .collect();
    let mut confirmations = Vec::new();
    for message in &messages {
        confirmations.push(publisher.enqueue(message.clone()).await.expect("room"));
    }
    let mut confirmations = confirmations.into_iter();
    let first = confirmations.next().expect("the first").await;
    let error = first.expect_err("refused");
    assert!(matches!(error, PublishError::Rejected { .. }), "{error}");
    assert!(!error.is_transient());
    assert!(
        error.to_string().contains("roles/pubsub.publisher"),
        "{error}"
    );
    let mut messages = messages.into_iter();
    publisher
        .publish(messages.next().expect("the first"))
        .await
        .expect("an id");
    for confirmation in confirmations {
        let error = confirmation.await.expect_err("not sent");
        assert!(matches!(error, PublishError::KeyFailed), "{error}");
        assert!(error.is_transient());
    }
    for message in messages.take(9) {
        drop(publisher.enqueue(message).await.expect("room"));
    }
    publisher.flush().await;
    let expected: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(scene.orders(), expected);
}

#[tokio::test]
async fn a_message_that_pub_sub_would_refuse_is_not_sent() {
    let scene = Scene::start().await;
    let publisher = scene.publisher().await;
    let large = Shipped {
        note: "x".repeat(10_000_000),
        ..shipped("A-1")
    };
    let table: [(Outgoing<Shipped>, &str); 4] = [
        (shipped("").into(), "`order` breaks the rule length"),
        (large.into(), "the data has 100000"),
        (
            Outgoing::new(shipped("A-1")).attribute("google", "x"),
            "begins with \"goog\"",
        ),
        (
            Outgoing::new(shipped("A-1")).ordering_key("k".repeat(1_025)),
            "the ordering key has 1025",
        ),
    ];
    for (message, expected) in table {
        let error = publisher.publish(message).await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_transient());
    }
    assert_eq!(scene.requests(), 0);
}

#[tokio::test]
async fn a_missing_topic_is_a_permanent_error() {
    let scene = Scene::start().await;
    let nowhere = Publisher::<Shipped>::open(environment(&scene.proxy.host), "nowhere").await;
    let error = nowhere
        .expect("a publisher")
        .publish(shipped("A-1"))
        .await
        .expect_err("no topic");
    let topic = format!("projects/{PROJECT}/topics/nowhere");
    let expected = format!(
        "cannot publish to {topic}: does it exist? (NOT_FOUND: Resource not found (resource=nowhere))"
    );
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_transient());
}

#[tokio::test]
async fn an_unreachable_server_is_a_transient_error() {
    let deaf = Publisher::<Shipped>::builder("shipments")
        .retry_time_limit(Duration::from_secs(1))
        .open(environment("127.0.0.1:1"))
        .await;
    let error = deaf
        .expect("a publisher")
        .publish(shipped("A-1"))
        .await
        .expect_err("no server");
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_publisher_with_a_full_buffer_waits() {
    let scene = Scene::start().await;
    let port = scene
        .proxy
        .host
        .rsplit(':')
        .next()
        .expect("a port")
        .parse()
        .expect("a port");
    let network = Network::before(port);
    let publisher = Publisher::<Shipped>::builder("shipments")
        .buffer_bytes(11 << 20)
        .open(environment(&format!("127.0.0.1:{}", network.port())))
        .await
        .expect("a publisher");
    network.set(Weather::Refuse);
    let large = |order: &str| Shipped {
        note: "x".repeat(5_000_000),
        ..shipped(order)
    };
    let first = publisher.enqueue(large("1")).await.expect("room");
    let second = publisher.enqueue(large("2")).await.expect("room");
    let mut third = Box::pin(publisher.enqueue(large("3")));
    assert!((&mut third).now_or_never().is_none(), "no room");
    network.set(Weather::Clear);
    let third = soon("room", third).await.expect("room");
    for confirmation in [first, second, third] {
        confirmation.await.expect("an id");
    }
    assert_eq!(scene.orders().len(), 3);
}

#[tokio::test]
async fn a_dropped_publisher_sends_its_buffer() {
    let scene = Scene::start().await;
    let publisher = scene.publisher().await;
    for number in 0..10 {
        let key = if number % 2 == 0 { "" } else { "ada" };
        let message = Outgoing::new(shipped(number)).ordering_key(key);
        drop(publisher.enqueue(message).await.expect("room"));
    }
    drop(publisher);
    for _ in 0..10 {
        soon("a message", scene.subscription.next())
            .await
            .expect("a message");
    }
}

/// Publishes an event for every shipped order.
async fn announce(
    order: Message<Shipped>,
    context: Context,
    publisher: State<Publisher<Shipped>>,
) -> Result<(), PublishError> {
    let event = Outgoing::new(order.0)
        .caused_by(&context)
        .event_id(format!("{}-shipped", context.idempotency_key()));
    publisher.publish(event).await.map(drop)
}

#[tokio::test]
async fn each_run_publishes_the_same_event_in_the_deliverys_trace() {
    let google = Arc::new(Google::start().await);
    let topic = google
        .emulator
        .create_topic(&format!("projects/{PROJECT}/topics/shipments"))
        .expect("a topic");
    let mail = topic.subscribe("mail").expect("a subscription");
    let environment: Environment = settings(&google, "memory:").into_iter().collect();
    let config = Config::read(&environment).expect("settings").on_loopback(0);
    let subscriber = Subscriber::new("announce", announce)
        .topic("orders")
        .purpose("Tells of shipments.")
        .producers(["the test"])
        .idempotency(Idempotency::none("the test wants it twice"));
    let service = Service::new()
        .state(|environment| Publisher::<Shipped>::open(environment, "shipments"))
        .subscriber(subscriber);
    let running = service.start(&config).await.expect("the service starts");

    let parent = Trace::begin();
    let attributes = serde_json::json!({"googclient_traceparent": parent.to_string()});
    let data = "eyJvcmRlciI6IkEtMSJ9"; // {"order":"A-1"}
    let push = serde_json::json!({
        "message": {"data": data, "attributes": attributes, "messageId": "7", "publishTime": "2030-01-02T03:04:05Z"},
        "subscription": format!("projects/{PROJECT}/subscriptions/announce"),
    });
    let url = format!("http://{}", running.address());
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    for _ in 0..2 {
        assert_eq!(push_to(&url, push.to_string(), &token).await.status, 204);
    }
    let held = mail.unacked_messages();
    assert_eq!(held.len(), 2);
    for message in &held {
        assert_eq!(message.attributes["traceparent"], parent.to_string());
        let event_id = &message.attributes["event-id"];
        assert!(event_id.ends_with("-shipped"), "{event_id}");
        assert_eq!(event_id, &held[0].attributes["event-id"]);
    }
}

#[tokio::test]
#[ignore = "needs Java and Google's emulator (./test finds or installs them)"]
async fn the_official_emulator_receives_batches_in_order() {
    let emulator = OfficialEmulator::start().await;
    emulator
        .put("topics/shipments", serde_json::json!({}))
        .await;
    let topic = format!("projects/{PROJECT}/topics/shipments");
    let subscription = serde_json::json!({"topic": topic, "enableMessageOrdering": true});
    emulator.put("subscriptions/mail", subscription).await;
    let proxy = RpcProxy::before(&emulator.host()).await;
    let publisher = Publisher::<Shipped>::open(environment(&proxy.host), "shipments")
        .await
        .expect("a publisher");
    for number in 0..5 {
        let message = Outgoing::new(shipped(number))
            .ordering_key("ada")
            .event_id(format!("event-{number}"));
        drop(publisher.enqueue(message).await.expect("room"));
    }
    publisher.flush().await;
    assert_eq!(proxy.take_calls()["Publish"], 1);
    for number in 0..5 {
        let message = emulator.take("mail").await;
        let attributes = &message["attributes"];
        assert_eq!(attributes["event-id"], format!("event-{number}"));
        assert_eq!(
            attributes["traceparent"],
            attributes["googclient_traceparent"]
        );
        assert_eq!(message["orderingKey"], "ada");
    }
}
