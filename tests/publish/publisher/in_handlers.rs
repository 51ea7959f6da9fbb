//! Messages that a handler publishes.

use std::sync::Arc;

use pushgate::{
    Config, Context, Environment, Idempotency, Message, Outgoing, PublishError, Publisher, Service,
    State, Subscriber, Trace,
};

use super::Shipped;
use crate::harness::google::Google;
use crate::harness::process::settings;
use crate::harness::{AUDIENCE, CALLER, PROJECT, push_to};

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
