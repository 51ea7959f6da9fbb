//! Messages that are sent, one or many in a request.

use std::collections::HashSet;

use futures_util::FutureExt;
use pushgate::{Outgoing, Publisher, Trace};

use super::{Scene, Shipped, environment, order, shipped};
use crate::harness::network::{Network, Weather};
use crate::harness::official::OfficialEmulator;
use crate::harness::rpc_proxy::RpcProxy;
use crate::harness::{PROJECT, soon};

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
async fn concurrent_messages_share_a_request() {
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
