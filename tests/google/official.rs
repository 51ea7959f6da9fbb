//! Google's Python client publishes to Google's own emulator, which pushes to `pushgate serve` in two
//! processes with their claims in a real Redis or Google's Firestore emulator, and one of them is killed in mid-handler.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use crate::harness::PROJECT;
use crate::harness::firestore_emulator::FirestoreEmulator;
use crate::harness::google::Google;
use crate::harness::official::{OfficialEmulator, TokenProxy};
use crate::harness::process::{Process, settings};
use crate::harness::redis_server::RedisServer;
use crate::harness::warehouse::{HELD, Ledger, Warehouse};

const ORDERS: usize = 300;
async fn make_cloud(emulator: &OfficialEmulator, endpoint: &str) {
    let name = |kind: &str, id: &str| format!("projects/{PROJECT}/{kind}/{id}");
    emulator.put("topics/orders", json!({})).await;
    emulator
        .put("topics/orders-fulfilment-dead-letter", json!({}))
        .await;
    let dead_letters = json!({"topic": name("topics", "orders-fulfilment-dead-letter")});
    emulator
        .put("subscriptions/dead-letters", dead_letters)
        .await;
    let subscription = json!({
        "topic": name("topics", "orders"),
        "ackDeadlineSeconds": 60,
        "pushConfig": {"pushEndpoint": endpoint},
    });
    emulator
        .put("subscriptions/orders-fulfilment", subscription)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server, Java, Google's emulator and Python client (./test finds or installs them)"]
async fn every_message_has_its_effect_although_an_instance_is_killed() {
    let redis = RedisServer::start().await;
    one_of_two_instances_is_killed(&redis.url(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Java, Google's emulators and Python client (./test finds or installs them)"]
async fn every_message_has_its_effect_on_firestore_too() {
    let firestore = FirestoreEmulator::start().await;
    let emulator = [("FIRESTORE_EMULATOR_HOST", firestore.host())];
    one_of_two_instances_is_killed("firestore://test-project", &emulator).await;
}

async fn one_of_two_instances_is_killed(store: &str, more: &[(&'static str, String)]) {
    let google = Arc::new(Google::start().await);
    let warehouse = Warehouse::start().await;
    let emulator = OfficialEmulator::start().await;
    let mut all = settings(&google, store);
    all.extend_from_slice(more);
    all.retain(|(name, _)| *name != "PUBSUB_EMULATOR_HOST");
    all.push(("PUBSUB_EMULATOR_HOST", emulator.host()));
    all.push(("WAREHOUSE_URL", warehouse.url.clone()));
    let mut instances = HashMap::new();
    for _ in 0..2 {
        let (process, url) = Process::serve(&all).await;
        instances.insert(url, process);
    }
    let proxy = TokenProxy::start(&google, instances.keys().cloned().collect()).await;
    make_cloud(&emulator, &proxy.url).await;

    emulator.publish_orders(0, ORDERS, "teapot").await;
    warehouse
        .until("the held order", |ledger| ledger.calls.contains_key(HELD))
        .await;
    let victim = proxy.instance_of(HELD);
    instances
        .remove(&victim)
        .expect("an instance")
        .signal("-KILL")
        .await;
    proxy.forget(&victim);

    let every_order = |ledger: &Ledger| ledger.calls.len() == ORDERS && ledger.calls[HELD] == 2;
    let ledger = warehouse.until("every order's effect", every_order).await;
    assert_eq!(
        ledger.reservations.len(),
        ORDERS,
        "one reservation for each message"
    );
    let twice: Vec<_> = ledger
        .calls
        .iter()
        .filter(|(_, calls)| **calls != 1)
        .collect();
    // The emulator keeps two pushes in flight, so at most one more was interrupted.
    assert!(
        twice.len() <= 2 && twice.iter().all(|(_, calls)| **calls == 2),
        "{twice:?}"
    );

    let survivor = instances.values_mut().next().expect("an instance");
    let crash = survivor
        .log(|line| line["severity"] == "WARNING" && line["claim_number"] == 2)
        .await;
    let text = "an earlier delivery of this message ended without settling it; its run may have begun, and it runs again now";
    assert_eq!(crash["message"], text);
    assert_eq!(
        crash["subscription"],
        "projects/test-project/subscriptions/orders-fulfilment"
    );
    assert!(crash["message_id"].is_string());

    emulator.publish_orders(ORDERS, 1, "unicorn").await;
    let letter = emulator.pull("dead-letters").await;
    let attribute = |name: &str| {
        letter["attributes"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        attribute(pushgate::ERROR_ATTRIBUTE),
        "the warehouse has no such article as in line 1"
    );
    assert_eq!(
        attribute("CloudPubSubDeadLetterSourceSubscription"),
        "orders-fulfilment"
    );
    assert_eq!(
        attribute("source"),
        "checkout",
        "the publisher's own attribute is kept"
    );
    survivor.signal("-TERM").await;
    assert!(survivor.exit().await.success());
}
