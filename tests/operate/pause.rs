//! `pushgate pause` and `pushgate resume`.

use emulator::Message;

use super::dead_letters::{ID, full, service, topic};
use crate::harness::probe::task;
use crate::harness::process::{Ended, command, ended};
use crate::harness::{PROJECT, Service};

async fn run(service: &Service, arguments: &[&str]) -> Ended {
    let mut command = command(arguments);
    let emulator = service.google.emulator.address().to_string();
    command
        .env("GOOGLE_CLOUD_PROJECT", PROJECT)
        .env("PUBSUB_EMULATOR_HOST", emulator);
    ended(command).await
}

async fn output(service: &Service, arguments: &[&str]) -> String {
    let ended = run(service, arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_subscription_keeps_its_messages() {
    let service = service().await;
    let emulator = &service.google.emulator;
    assert_eq!(output(&service, &["pause"]).await, "none is paused\n");
    let paused = output(&service, &["pause", ID]).await;
    let expected =
        "older than 604800s are dropped. pushgate resume orders-fulfilment continues it.\n";
    assert!(paused.ends_with(expected), "{paused}");
    assert_eq!(output(&service, &["pause"]).await, format!("{ID}\n"));

    let message = Message::new(task::SUCCEED);
    let id = emulator
        .publish(&topic("tests"), message)
        .expect("published");
    service.probe.ended(1).await; // the sibling's
    assert_eq!(emulator.unacked_messages(&full(ID)).len(), 1);

    assert_eq!(
        output(&service, &["resume", ID]).await,
        format!("{ID} is resumed.\n")
    );
    service.probe.ended(2).await;
    assert_eq!(service.probe.runs_of(&id), 2);
    assert_eq!(output(&service, &["pause"]).await, "none is paused\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_and_the_labels_return() {
    let service = service().await;
    let emulator = &service.google.emulator;
    let config = || {
        let subscription = emulator.subscription(&full(ID)).expect("a subscription");
        subscription.config()
    };
    let before = config();
    output(&service, &["pause", ID]).await;
    assert_eq!(config().push_config, None);
    let again = run(&service, &["pause", ID]).await;
    assert!(
        again.stderr.contains("is paused already"),
        "{}",
        again.stderr
    );
    output(&service, &["resume", ID]).await;
    assert_eq!(config(), before);
    let again = run(&service, &["resume", ID]).await;
    assert!(again.stderr.contains("is not paused"), "{}", again.stderr);
    let unknown = run(&service, &["pause", "orders"]).await;
    let expected = "\"orders\" is not declared in this program, which declares orders-fulfilment, ";
    assert!(unknown.stderr.contains(expected), "{}", unknown.stderr);
}
