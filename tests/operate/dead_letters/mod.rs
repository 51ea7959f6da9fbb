//! `pushgate dead-letters`, for the declared subscription `orders-fulfilment`.

mod groups;
mod kills;
mod replays;

use std::process::Stdio;
use std::sync::Arc;

use emulator::{Message, PushConfig, SubscriptionConfig};
use pushgate::dedup::{DedupStore, MemoryStore};
use pushgate::{Idempotency, Subscriber};
use tokio::io::AsyncWriteExt as _;

use crate::harness::google::Google;
use crate::harness::process::{Ended, command, ended};
use crate::harness::{AUDIENCE, CALLER, PROJECT, Service, Setup, soon, subscriber};

pub(super) const ID: &str = "orders-fulfilment";
const KEEPER: &str = "orders-fulfilment-dead-letter";

pub(super) fn topic(id: &str) -> String {
    format!("projects/{PROJECT}/topics/{id}")
}

pub(super) fn full(id: &str) -> String {
    format!("projects/{PROJECT}/subscriptions/{id}")
}

fn fulfilment(idempotency: Idempotency) -> Subscriber {
    let declared = subscriber(ID).dead_letter_topic(KEEPER);
    declared.idempotency(idempotency)
}

/// A service whose two subscriptions have one topic, which pushes to it.
pub(super) async fn service_with(idempotency: Idempotency, store: Arc<dyn DedupStore>) -> Service {
    let google = Arc::new(Google::start().await);
    for id in ["tests", KEEPER] {
        google.emulator.create_topic(&topic(id)).expect("a topic");
    }
    let keeper = SubscriptionConfig::new(full(KEEPER), topic(KEEPER));
    google
        .emulator
        .create_subscription(keeper)
        .expect("a keeper");
    let setup = Setup::new().subscriber(fulfilment(idempotency));
    let setup = setup.also(subscriber("sibling")).store(store);
    let setup = setup.setting("PUSHGATE_OPERATORS", CALLER);
    let service = setup.google(&google).start().await;
    for id in [ID, "sibling"] {
        let push = PushConfig::new(&service.url).signed_as(CALLER, Some(AUDIENCE));
        let mut config = SubscriptionConfig::new(full(id), topic("tests"));
        config.push_config = Some(push);
        config.retain_acked_messages = true;
        google
            .emulator
            .create_subscription(config)
            .expect("a subscription");
    }
    service
}

pub(super) async fn service() -> Service {
    let store = Arc::new(MemoryStore::default());
    service_with(Idempotency::by_message_id(), store).await
}

/// Publishes a dead letter as Pub/Sub forwards it after the last attempt.
pub(super) fn forwarded(service: &Service, data: &str) -> String {
    let attributes = [
        ("CloudPubSubDeadLetterSourceSubscription", ID),
        ("CloudPubSubDeadLetterSourceSubscriptionProject", PROJECT),
        ("event", "e-1"),
    ];
    let message = attributes
        .iter()
        .fold(Message::new(data.to_owned()), |message, (name, value)| {
            message.with_attribute(*name, *value)
        });
    let published = service.google.emulator.publish(&topic(KEEPER), message);
    published.expect("published")
}

pub(super) fn dead_letters(service: &Service) -> Vec<emulator::ReceivedMessage> {
    service.google.emulator.unacked_messages(&full(KEEPER))
}

fn prepared(service: &Service, arguments: &[&str]) -> tokio::process::Command {
    let mut command = command(&["dead-letters"]);
    command
        .args(arguments)
        .env("GOOGLE_CLOUD_PROJECT", PROJECT)
        .env(
            "PUBSUB_EMULATOR_HOST",
            service.google.emulator.address().to_string(),
        );
    command
}

async fn run(service: &Service, arguments: &[&str]) -> Ended {
    ended(prepared(service, arguments)).await
}

async fn replay_all(service: &Service) -> Ended {
    run(service, &["replay", ID, "--all", "--yes", "--json"]).await
}

/// Runs a command with this standard input.
async fn run_with(service: &Service, arguments: &[&str], input: &str) -> Ended {
    let mut command = prepared(service, arguments);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = soon("the end", child.wait_with_output()).await;
    Ended::of(output.expect("the command ends"))
}
