//! Replays by `pushgate replay`: messages of a time run once more.

use std::sync::Arc;
use std::time::Duration;

use emulator::Message;
use pushgate::Idempotency;
use pushgate::dedup::{DedupStore, MemoryStore};
use serde_json::{Value, json};
use uuid::Uuid;

use super::dead_letters::{ID, full, service, service_with, topic};
use crate::harness::firestore_emulator::FirestoreEmulator;
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::process::{Ended, command, ended};
use crate::harness::redis_server::RedisServer;
use crate::harness::{PROJECT, Service, push_to, time_passes};

/// The time after which all instances know a replay.
const KNOWN_AFTER: Duration = Duration::from_secs(10);

/// Begins a replay of the messages from `since` to `until` of the day of test messages.
async fn begin(service: &Service, token: Uuid, since: &str, until: &str) {
    let request = json!({
        "subscription": ID,
        "token": token,
        "since": format!("2030-01-02T{since}Z"),
        "until": format!("2030-01-02T{until}Z"),
    });
    let url = format!("{}/operate/replay", service.url);
    let request = reqwest::Client::new().post(url).json(&request);
    let sent = request.bearer_auth(service.token()).send().await;
    assert_eq!(sent.expect("an answer").status().as_u16(), 204);
    time_passes(KNOWN_AFTER).await;
}

fn message() -> TestMessage {
    TestMessage::new(ID, task::SUCCEED).attribute("event", &Uuid::new_v4().to_string())
}

async fn push_twice(service: &Service, message: &TestMessage) {
    for _ in 0..2 {
        assert_eq!(service.push(message).await.status, 204);
    }
}

async fn handled_messages_of_the_time_run_once_more(store: Arc<dyn DedupStore>, key: Idempotency) {
    let service = service_with(key, store).await;
    let (_other, other_url) = service.instance().await;
    let handled = message();
    push_twice(&service, &handled).await;
    let runs = || service.probe.runs_of(&handled.id);
    assert_eq!(runs(), 1);

    begin(&service, Uuid::new_v4(), "03:04:06", "04:00:00").await;
    push_twice(&service, &handled).await;
    assert_eq!(runs(), 1, "it was published before the time");

    let token = Uuid::new_v4();
    begin(&service, token, "03:00:00", "04:00:00").await;
    let later = message();
    push_twice(&service, &later).await;
    assert_eq!(
        service.probe.runs_of(&later.id),
        1,
        "handled after the replay began"
    );
    push_twice(&service, &handled).await;
    let elsewhere = push_to(&other_url, handled.body(), &service.token()).await;
    assert_eq!(elsewhere.status, 204);
    assert_eq!(runs(), 2);

    begin(&service, token, "03:00:00", "04:00:00").await;
    push_twice(&service, &handled).await;
    assert_eq!(runs(), 2, "a repeated request begins no second replay");
    begin(&service, Uuid::new_v4(), "03:00:00", "04:00:00").await;
    push_twice(&service, &handled).await;
    push_twice(&service, &later).await;
    assert_eq!(runs(), 3);
    assert_eq!(service.probe.runs_of(&later.id), 2);
}

fn by_event() -> Idempotency {
    Idempotency::by_attribute("event")
}

#[tokio::test]
async fn handled_messages_run_once_more_with_memory() {
    let memory = Arc::new(MemoryStore::default());
    handled_messages_of_the_time_run_once_more(memory, Idempotency::by_message_id()).await;
    let memory = Arc::new(MemoryStore::default());
    handled_messages_of_the_time_run_once_more(memory, by_event()).await;
}

#[tokio::test]
async fn handled_messages_run_once_more_with_redis() {
    let server = RedisServer::start().await;
    handled_messages_of_the_time_run_once_more(server.store(), by_event()).await;
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn handled_messages_run_once_more_with_firestore() {
    let server = FirestoreEmulator::start().await;
    handled_messages_of_the_time_run_once_more(server.store(), by_event()).await;
}

async fn replay(service: &Service, arguments: &[&str]) -> Ended {
    let mut command = command(&["replay", ID]);
    let emulator = service.google.emulator.address().to_string();
    command
        .args(arguments)
        .env("GOOGLE_CLOUD_PROJECT", PROJECT)
        .env("PUBSUB_EMULATOR_HOST", emulator);
    ended(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_seeks_once_all_instances_know() {
    let service = service().await;
    let publish = || {
        let published = service
            .google
            .emulator
            .publish(&topic("tests"), Message::new(task::SUCCEED));
        published.expect("published")
    };
    let ids = [publish(), publish()];
    service.probe.ended(4).await; // the sibling's, too
    let asked = replay(&service, &["--since", "1h", "--dry-run"]).await;
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    let expected = "run again for orders-fulfilment, each once, also those that were handled";
    assert!(asked.stderr.contains(expected), "{}", asked.stderr);

    let replayed = replay(&service, &["--since", "1h", "--yes", "--json"]).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let result: Value = serde_json::from_str(&replayed.stdout).expect("JSON");
    let snapshot = result["snapshot"].as_str().expect("a name");
    assert!(snapshot.starts_with("projects/test-project/snapshots/pushgate-"));
    service.probe.ended(6).await;
    let last = publish();
    service.probe.ended(8).await;
    for id in &ids {
        assert_eq!(
            service.probe.runs_of(id),
            3,
            "twice for the one, once for its sibling"
        );
    }
    assert_eq!(service.probe.runs_of(&last), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_replayed_that_pubsub_does_not_keep() {
    let service = service().await;
    let address = service.google.emulator.address();
    let name = full(ID);
    let change = json!({
        "subscription": {"name": name, "retainAckedMessages": false},
        "updateMask": "retainAckedMessages",
    });
    let client = reqwest::Client::new();
    let patch = client.patch(format!("http://{address}/v1/{name}"));
    let patched = patch.json(&change).send().await.expect("an answer");
    assert_eq!(patched.status().as_u16(), 200);
    let refused = replay(&service, &["--since", "2h", "--yes"]).await;
    assert_eq!(refused.code, Some(1));
    let expected = "keeps no handled messages: for the next time, declare .retain_handled()";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    let future = replay(&service, &["--since", "2130-01-01T00:00:00Z"]).await;
    assert!(
        future.stderr.contains("is in the future"),
        "{}",
        future.stderr
    );
    let odd = replay(&service, &["--since", "yesterday"]).await;
    assert_eq!(odd.code, Some(2));
    assert!(odd.stderr.contains("expected a time as "), "{}", odd.stderr);
}
