//! Messages with an ordering key.

use pushgate::{Outgoing, PublishError, Publisher};

use super::{Scene, Shipped, UNAVAILABLE, environment, order, shipped};
use crate::harness::rpc_proxy::RpcFault;

/// gRPC's status code (gRPC, *Status codes*).
const PERMISSION_DENIED: u8 = 7;

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
