//! `pushgate message`: records of messages, as operators see and change them.

use std::sync::Arc;
use std::time::Duration;

use pushgate::Idempotency;
use pushgate::dedup::{ClaimStore, DedupStore, MemoryStore, MessageKey, Ticket};
use serde_json::Value;

use super::dead_letters::{ID, full, service, service_with};
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::process::{Ended, command, ended};
use crate::harness::{OTHERS_CALLER, PROJECT, Service, soon, time_passes};

/// The time after which all instances know a change.
const KNOWN_AFTER: Duration = Duration::from_secs(10);

async fn run(service: &Service, arguments: &[&str], token: Option<&str>) -> Ended {
    let mut command = command(&["message", ID]);
    let emulator = service.google.emulator.address().to_string();
    command
        .args(arguments)
        .env("GOOGLE_CLOUD_PROJECT", PROJECT)
        .env("PUBSUB_EMULATOR_HOST", emulator);
    if let Some(token) = token {
        command.env("PUSHGATE_OPERATOR_TOKEN", token);
    }
    ended(command).await
}

async fn output(service: &Service, arguments: &[&str]) -> String {
    let ended = run(service, arguments, None).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

async fn error(service: &Service, arguments: &[&str]) -> String {
    let ended = run(service, arguments, None).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    ended.stderr
}

/// Returns the record once it has this many failures, which are noted after the response.
async fn record(service: &Service, id: &str, failures: u64) -> Value {
    soon("the failure", async {
        loop {
            let text = output(service, &[id, "--json"]).await;
            let record: Value = serde_json::from_str(&text).expect("JSON");
            if record["failures"]["count"].as_u64() == Some(failures) {
                return record;
            }
        }
    })
    .await
}

fn message(data: &str) -> TestMessage {
    TestMessage::new(ID, data)
}

#[tokio::test]
async fn failures_are_shown_with_the_last_error() {
    let service = service().await;
    let mut message = message(task::FAIL);
    message.delivery_attempt = Some(4);
    assert_eq!(service.push(&message).await.status, 503);
    let noted = record(&service, &message.id, 1).await;
    assert_eq!(noted["state"], "none");
    assert_eq!(service.push(&message).await.status, 503);
    let noted = record(&service, &message.id, 2).await;
    assert_eq!(noted["failures"]["outcome"], "failed");
    assert_eq!(noted["failures"]["deliveryAttempt"], 4);
    assert!(noted["failures"]["reason"].is_string(), "{noted}");
    let text = output(&service, &[&message.id]).await;
    let expected = "state     none (epoch 0)\nfailures  2, the first ";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains(" ago in delivery attempt 4: failed: "),
        "{text}"
    );
}

#[tokio::test]
async fn a_forgotten_message_runs_again() {
    let service = service().await;
    let message = message(task::SUCCEED);
    for _ in 0..2 {
        assert_eq!(service.push(&message).await.status, 204);
    }
    let text = output(&service, &[&message.id]).await;
    assert!(
        text.starts_with("state     handled (epoch 0)\nhandled   "),
        "{text}"
    );
    assert!(text.ends_with("failures  none in the last 7 d\n"), "{text}");
    let text = output(&service, &[&message.id, "--forget"]).await;
    assert!(
        text.starts_with("forgotten: within 10 s, its next delivery runs\n"),
        "{text}"
    );
    time_passes(KNOWN_AFTER).await;
    for _ in 0..2 {
        assert_eq!(service.push(&message).await.status, 204);
    }
    assert_eq!(service.runs(), 2);
    let absent = error(&service, &["4711", "--forget"]).await;
    assert!(
        absent.contains("there is no record of this message"),
        "{absent}"
    );
}

#[tokio::test]
async fn a_parked_message_is_dead_lettered_without_a_run() {
    let service = service().await;
    let parked = message(task::SUCCEED);
    let text = output(&service, &[&parked.id, "--park"]).await;
    assert!(text.contains("state     parked"), "{text}");
    let reply = service.push(&parked).await;
    assert_eq!(reply.outcome.as_deref(), Some("dead-lettered"));
    assert_eq!(service.runs(), 0);
    let [letter] = super::dead_letters::dead_letters(&service)
        .try_into()
        .expect("one");
    assert_eq!(letter.attributes["pushgate-dead-letter-reason"], "parked");

    let released = message(task::SUCCEED);
    output(&service, &[&released.id, "--park"]).await;
    output(&service, &[&released.id, "--release"]).await;
    let reply = service.push(&released).await;
    assert_eq!(reply.outcome.as_deref(), Some("handled"));
    let late = error(&service, &[&released.id, "--park"]).await;
    assert!(late.contains("the message was handled"), "{late}");
}

#[tokio::test]
async fn a_claim_of_an_instance_that_is_gone_is_released_by_force() {
    let store = Arc::new(MemoryStore::default());
    let service = service_with(
        Idempotency::by_message_id(),
        Arc::clone(&store) as Arc<dyn DedupStore>,
    )
    .await;
    let message = message(task::SUCCEED);
    let key = MessageKey {
        subscription: full(ID),
        epoch: 0,
        id: message.id.clone(),
    };
    let gone = Ticket::new(key, Duration::from_secs(600), Duration::from_secs(600));
    store.claim(&gone).await.expect("claimed");
    let text = output(&service, &[&message.id]).await;
    let owner = gone.owner.to_string();
    assert!(
        text.contains("state     claimed") && text.contains(&owner),
        "{text}"
    );
    for change in ["--forget", "--park", "--release"] {
        let refused = error(&service, &[&message.id, change]).await;
        assert!(
            refused.contains("a delivery holds the message, and its lease ends in "),
            "{refused}"
        );
    }
    let text = output(&service, &[&message.id, "--release", "--force"]).await;
    assert!(text.contains("state     none"), "{text}");
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_message_is_named_as_its_subscription_identifies_it() {
    let store = Arc::new(MemoryStore::default());
    let service = service_with(Idempotency::by_attribute("event"), store).await;
    let message = message(task::SUCCEED).attribute("event", "e-1");
    assert_eq!(service.push(&message).await.status, 204);
    let text = output(&service, &["--key", "e-1"]).await;
    assert!(text.starts_with("state     handled"), "{text}");
    let by_id = error(&service, &[&message.id]).await;
    let expected = "are identified by the attribute \"event\": name its value with --key";
    assert!(by_id.contains(expected), "{by_id}");
}

#[tokio::test]
async fn only_operators_see_records() {
    let service = service().await;
    let issuer = service.google.emulator.issuer();
    let stranger = issuer.token(OTHERS_CALLER, crate::harness::AUDIENCE);
    for token in ["no token", &stranger] {
        let ended = run(&service, &["1", "--park"], Some(token)).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stdout);
        let expected = "the service rejects the operator with 40";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let text = output(&service, &["1"]).await;
    assert!(text.starts_with("state     none"), "{text}");
}
