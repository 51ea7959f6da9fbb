//! `pushgate pause` and `pushgate resume`, and the setting that is their fallback.

use emulator::Message;
use serde_json::{Value, json};

use super::dead_letters::{ID, forwarded, full, service, topic};
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::official::OfficialEmulator;
use crate::harness::probe::task;
use crate::harness::process::{Ended, Process, command, ended, settings};
use crate::harness::{AUDIENCE, OTHERS_CALLER, PROJECT, Service, Setup, get};

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

#[tokio::test(flavor = "multi_thread")]
async fn no_dead_letter_is_replayed_to_a_paused_subscription() {
    let service = service().await;
    let dead = forwarded(&service, task::SUCCEED);
    let replay = ["dead-letters", "replay", ID, "--all", "--yes"];
    output(&service, &["pause", ID]).await;
    let replayed = run(&service, &replay).await;
    let expected = "orders-fulfilment is paused: end that with pushgate resume, or use --to-topic";
    assert!(replayed.stderr.contains(expected), "{}", replayed.stderr);
    assert_eq!(replayed.code, Some(1));
    output(&service, &["resume", ID]).await;
    let replayed = output(&service, &replay).await;
    assert!(replayed.contains("handled"), "{replayed}");
    assert_eq!(service.probe.order(), [dead]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_a_pull_subscription_names_the_topic() {
    let service = service().await;
    forwarded(&service, task::SUCCEED);
    let subscription = service.google.emulator.subscription(&full(ID));
    let pull = subscription.expect("a subscription").push_to(None);
    pull.expect("changed");
    let replay = ["dead-letters", "replay", ID, "--all", "--yes"];
    let replayed = run(&service, &replay).await;
    let expected = "has no push endpoint, so it is a pull subscription: use --to-topic";
    assert!(replayed.stderr.contains(expected), "{}", replayed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_a_paused_subscription() {
    let service = service().await;
    let doctor = ["doctor", service.url.as_str()];
    let found = output(&service, &doctor).await;
    assert!(
        found.contains("ok       pauses         no subscription is paused"),
        "{found}"
    );
    output(&service, &["pause", ID]).await;
    let found = output(&service, &doctor).await;
    let expected = "NOTE     pauses         orders-fulfilment is paused: pushgate resume orders-fulfilment continues it";
    assert!(found.contains(expected), "{found}");
}

#[tokio::test]
#[ignore = "needs Java and Google's Pub/Sub emulator (./test finds or installs them)"]
async fn googles_emulator_cannot_pause_and_changes_nothing() {
    let google = OfficialEmulator::start().await;
    google.put("topics/orders", json!({})).await;
    let push = json!({"pushEndpoint": "http://127.0.0.1:9/"});
    let subscription = json!({"topic": topic("orders"), "pushConfig": push});
    let resource = format!("subscriptions/{ID}");
    google.put(&resource, subscription).await;
    let mut pause = command(&["pause", ID]);
    pause
        .env("GOOGLE_CLOUD_PROJECT", PROJECT)
        .env("PUBSUB_EMULATOR_HOST", google.host());
    let paused = ended(pause).await;
    assert_eq!(paused.code, Some(1));
    let expected = "the emulator cannot change the labels of projects/test-project/subscriptions/orders-fulfilment";
    assert!(paused.stderr.contains(expected), "{}", paused.stderr);
    let url = format!("http://{}/v1/{}", google.host(), full(ID));
    let found = get(url).await.expect("an answer").json::<Value>().await;
    assert_eq!(found.expect("JSON")["pushConfig"], push);
}

/// A service whose subscription `probe` is paused by the setting.
async fn paused_by_setting() -> Service {
    let setup = Setup::new().setting("PUSHGATE_PAUSED", "probe");
    setup.measured().start().await
}

#[tokio::test]
async fn the_setting_answers_503_without_a_run() {
    let service = paused_by_setting().await;
    let reply = service.push(&service.message(task::SUCCEED)).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.outcome.as_deref(), Some("refused"));
    assert_eq!(reply.body, "the subscription is paused\n");
    assert_eq!(service.runs(), 0);
    let metrics = service.metrics().await;
    let of_probe = ("subscription", "probe");
    let refused = [of_probe, ("kind", "paused"), ("status", "503")];
    assert_eq!(metrics.sum("pushgate_refusals_total", &refused), Some(1.0));
    let paused = metrics.sum("pushgate_subscription_paused", &[of_probe]);
    assert_eq!(paused, Some(1.0));
}

#[tokio::test]
async fn the_setting_concerns_no_other_subscription() {
    let service = paused_by_setting().await;
    let token = service.google.emulator.issuer();
    let token = token.token(OTHERS_CALLER, AUDIENCE);
    let message = TestMessage::new("other", task::SUCCEED);
    assert_eq!(service.push_with(&message, &token).await.status, 204);
    let of_other = [("subscription", "other")];
    let metrics = service.metrics().await;
    let paused = metrics.sum("pushgate_subscription_paused", &of_other);
    assert_eq!(paused, Some(0.0));
}

#[tokio::test]
async fn a_stranger_does_not_learn_of_the_setting() {
    let service = paused_by_setting().await;
    let reply = service
        .push_with(&service.message(task::SUCCEED), "no token")
        .await;
    assert_eq!((reply.status, reply.body.as_str()), (401, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_is_shown_in_status_top_and_doctor() {
    let service = paused_by_setting().await;
    let url = format!("http://{}", service.metrics_address());
    let status = get(format!("{url}/status")).await.expect("an answer");
    let status: Value = status.json().await.expect("JSON");
    let paused: Vec<_> = status["subscriptions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (&one["id"], &one["isPaused"]))
        .collect();
    assert_eq!(
        paused,
        [
            (&json!("other"), &json!(false)),
            (&json!("probe"), &json!(true))
        ]
    );
    let top = output(&service, &["top", &url, "--once"]).await;
    let row = top.lines().find(|line| line.starts_with("probe "));
    assert!(row.is_some_and(|row| row.ends_with("  paused")), "{top}");
    let found = run(&service, &["doctor", &service.url, "--status", &url]).await;
    let expected = "NOTE     pauses         probe is paused by PUSHGATE_PAUSED, and each of its pushes uses up a delivery attempt";
    assert!(found.stdout.contains(expected), "{}", found.stdout);
}

#[tokio::test]
async fn serve_warns_of_the_setting() {
    let google = Google::start().await;
    let mut settings = settings(&google, "memory:");
    settings.push(("PUSHGATE_PAUSED", ID.into()));
    let (mut process, _url) = Process::serve(&settings).await;
    let line = process
        .log(|line| line["message"].to_string().contains("PUSHGATE_PAUSED"))
        .await;
    assert_eq!(line["severity"], "WARNING");
    assert_eq!(line["subscription"], ID);
    let text = line["message"].as_str().expect("text");
    assert!(text.contains("uses up a delivery attempt"), "{text}");
}

#[tokio::test]
async fn the_setting_may_name_declared_subscriptions_only() {
    let google = Google::start().await;
    let mut serve = command(&["serve"]);
    serve.envs(settings(&google, "memory:"));
    serve.env("PUSHGATE_PAUSED", format!("{ID},orders"));
    let ended = ended(serve).await;
    assert_eq!(ended.code, Some(1));
    let expected = "PUSHGATE_PAUSED contains \\\"orders\\\", which is not declared, expected some of orders-fulfilment, ";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}
