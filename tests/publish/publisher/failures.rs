//! Messages that are not published at the first try.

use std::time::Duration;

use pushgate::{Outgoing, Publisher};

use super::{Scene, Shipped, UNAVAILABLE, environment, shipped};
use crate::harness::PROJECT;
use crate::harness::rpc_proxy::RpcFault;

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
async fn a_message_that_pub_sub_would_reject_is_not_sent() {
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
        "cannot publish to {topic}: check that it exists (NOT_FOUND: Resource not found (resource=nowhere))"
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
