//! Replays, and the messages that are not replayed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use emulator::{Message, PushConfig};
use pushgate::Idempotency;
use pushgate::dedup::{DedupStore, MemoryStore};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    ID, KEEPER, dead_letters, forwarded, full, replay_all, run, run_with, service, service_with,
    topic,
};
use crate::harness::firestore_emulator::FirestoreEmulator;
use crate::harness::probe::task;
use crate::harness::redis_server::RedisServer;
use crate::harness::{free_port, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_runs_for_the_failed_subscription_alone() {
    let service = service().await;
    let id = forwarded(&service, task::SUCCEED);
    let replayed = replay_all(&service).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let audit: Value = serde_json::from_str(&replayed.stdout).expect("one audit line");
    assert_eq!(audit["deadLetter"], id);
    assert_eq!(audit["result"], "handled");
    assert_eq!(service.probe.order(), std::slice::from_ref(&id));
    let context = service.probe.context(&id);
    assert_eq!(*context.subscription, *full(ID));
    assert_eq!(context.attributes["pushgate-replay-of"], id);
    assert_eq!(context.attributes["pushgate-replay-count"], "1");
    assert!(dead_letters(&service).is_empty());
    let listed = run(&service, &["list", ID]).await;
    assert!(listed.stdout.starts_with("no dead letters are available"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_by_the_topic_runs_for_all_its_subscriptions() {
    let service = service().await;
    forwarded(&service, task::SUCCEED);
    let arguments = ["replay", ID, "--all", "--yes", "--to-topic"];
    let replayed = run(&service, &arguments).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    service.probe.ended(2).await;
    assert!(dead_letters(&service).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_replayed_without_consent() {
    let service = service().await;
    forwarded(&service, task::SUCCEED);
    for (consent, code) in [(&["--dry-run"][..], 0), (&[], 1)] {
        let arguments = [&["replay", ID, "--all"], consent].concat();
        let replayed = run(&service, &arguments).await;
        assert_eq!(replayed.code, Some(code), "{}", replayed.stderr);
        let question = "Replay 1 dead letters of orders-fulfilment to the subscription alone";
        assert!(replayed.stderr.contains(question), "{}", replayed.stderr);
    }
    assert_eq!(service.runs(), 0);
    assert_eq!(dead_letters(&service).len(), 1);
    let unselected = run(&service, &["replay", ID, "--yes"]).await;
    assert_eq!(unselected.code, Some(2), "{}", unselected.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_again_stays_a_dead_letter() {
    let service = service().await;
    forwarded(&service, task::FAIL);
    let replayed = replay_all(&service).await;
    assert_eq!(replayed.code, Some(1));
    let expected = "the service answers 503 Service Unavailable";
    assert!(replayed.stdout.contains(expected), "{}", replayed.stdout);
    assert_eq!(dead_letters(&service).len(), 1);
}

/// A busy service gets the same replays again, and not the others meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_is_given_time() {
    let service = service().await;
    for _ in 0..3 {
        forwarded(&service, task::SUCCEED);
    }
    let answers: [(u16, &[(&str, &str)]); 3] = [
        (503, &[("pushgate-outcome", "refused")]),
        (503, &[]),
        (
            429,
            &[("pushgate-outcome", "refused"), ("retry-after", "1")],
        ),
    ];
    let busy = Arc::new(Mutex::new(answers.to_vec()));
    let answer = move || {
        let next = busy.lock().expect("answers").pop();
        let (status, headers) = next.unwrap_or((204, &[("pushgate-outcome", "handled")]));
        let headers = headers.iter().copied();
        let response = headers.fold(
            Response::builder().status(status),
            |response, (name, value)| response.header(name, value),
        );
        std::future::ready(
            response
                .body(Body::from("the store is down"))
                .expect("an answer"),
        )
    };
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", socket.local_addr().expect("an address"));
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(socket, router).await });
    let subscription = service.google.emulator.subscription(&full(ID));
    let moved = subscription.expect("a subscription");
    moved.push_to(Some(PushConfig::new(url))).expect("moved");
    let replayed = replay_all(&service).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert_eq!(replayed.stdout.matches("handled").count(), 3);
    for expected in [
        "the service is busy, and answers 429 Too Many Requests: the store is down; all replays pause for",
        "3 replayed",
    ] {
        assert!(replayed.stderr.contains(expected), "{}", replayed.stderr);
    }
    assert!(dead_letters(&service).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_are_counted_and_limited() {
    let service = service().await;
    forwarded(&service, task::DEAD_LETTER);
    for count in 1..=3 {
        let replayed = replay_all(&service).await;
        assert!(replayed.stdout.contains("dead-lettered"));
        let again = "1 replayed, 1 of them dead-lettered again in";
        assert!(replayed.stderr.contains(again), "{}", replayed.stderr);
        let [letter] = dead_letters(&service).try_into().expect("one");
        let found = &letter.attributes["pushgate-replay-count"];
        assert_eq!(found, &count.to_string());
        assert_eq!(letter.attributes["pushgate-dead-letter-reason"], "handler");
    }
    let replayed = replay_all(&service).await;
    assert_eq!(replayed.code, Some(1));
    assert!(replayed.stderr.contains("see --max-replays"));
    assert_eq!(service.runs(), 3);
    assert_eq!(dead_letters(&service).len(), 1);
}

/// An answer is a confirmation only if it is the service's own.
#[tokio::test(flavor = "multi_thread")]
async fn another_server_confirms_nothing() {
    let elsewhere = Router::new()
        .route("/moved", post(|| async { Redirect::to("/login") }))
        .route(
            "/login",
            get(|| async { "welcome" }).post(|| async { "welcome" }),
        );
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(socket, elsewhere).await });
    let service = service().await;
    forwarded(&service, task::SUCCEED);
    let subscription = service.google.emulator.subscription(&full(ID));
    let subscription = subscription.expect("a subscription");
    for (path, expected) in [
        ("moved?token=secret", "the service answers 303 See Other"),
        ("login?token=secret", "without the header pushgate-outcome"),
    ] {
        let elsewhere = PushConfig::new(format!("http://{address}/{path}"));
        subscription.push_to(Some(elsewhere)).expect("moved");
        let replayed = replay_all(&service).await;
        assert_eq!(replayed.code, Some(1));
        assert!(replayed.stdout.contains(expected), "{}", replayed.stdout);
        assert_eq!(dead_letters(&service).len(), 1);
    }
    let nowhere = format!("http://127.0.0.1:{}/?token=secret", free_port());
    let nowhere = subscription.push_to(Some(PushConfig::new(nowhere)));
    nowhere.expect("moved");
    let replayed = replay_all(&service).await;
    assert!(
        replayed.stdout.contains("gives no answer"),
        "{}",
        replayed.stdout
    );
    assert!(!format!("{}{}", replayed.stdout, replayed.stderr).contains("secret"));
}

/// A dead letter names its subscription and project, and only that one's replay takes it.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_others_are_left_alone() {
    let service = service().await;
    let publish = |attributes: &[(&str, &str)]| {
        let message = attributes
            .iter()
            .fold(Message::new(task::SUCCEED), |message, (name, value)| {
                message.with_attribute(*name, *value)
            });
        let published = service.google.emulator.publish(&topic(KEEPER), message);
        published.expect("published")
    };
    let (name, project) = (
        "CloudPubSubDeadLetterSourceSubscription",
        "CloudPubSubDeadLetterSourceSubscriptionProject",
    );
    publish(&[(name, ID), (project, "another-project")]);
    publish(&[(name, "sibling")]);
    let nobodys = publish(&[("event", "e-1")]);
    let own = publish(&[(name, ID)]);
    let replayed = replay_all(&service).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert_eq!(service.probe.order(), std::slice::from_ref(&own));
    let arguments = ["replay", ID, "--id", &nobodys, "--yes"];
    let replayed = run(&service, &arguments).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert_eq!(service.probe.order(), [own, nobodys.clone()]);
    let again = run(&service, &arguments).await;
    let expected = format!("{nobodys:?} is not among the available dead letters");
    assert!(again.stderr.contains(&expected), "{}", again.stderr);
    assert_eq!(dead_letters(&service).len(), 2);
}

/// Runs a dead letter with corrected data, under a key that is recorded as done.
async fn a_business_key_runs_again(store: Arc<dyn DedupStore>) {
    let service = service_with(Idempotency::by_attribute("event"), store).await;
    let dead = Message::new(task::DEAD_LETTER).with_attribute("event", "e-1");
    let published = service.google.emulator.publish(&topic("tests"), dead);
    let id = published.expect("published");
    // Both subscriptions run it, and the sibling's dead letter goes elsewhere.
    service.probe.ended(2).await;
    soon("the dead letter", async {
        while dead_letters(&service).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let exported = run(&service, &["export", ID]).await.stdout;
    let edited = exported.replace("\"text\":\"dead\"", "\"text\":\"ok\"");
    let arguments = ["replay", ID, "--edited", "-", "--yes"];
    let replayed = run_with(&service, &arguments, &edited).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert!(replayed.stdout.contains(": handled"), "{}", replayed.stdout);
    assert_eq!(service.runs(), 3);
    assert_eq!(service.probe.data(&id), b"ok", "under the message's own id");
    assert!(dead_letters(&service).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_key_runs_again_with_memory() {
    a_business_key_runs_again(Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_key_runs_again_with_redis() {
    let server = RedisServer::start().await;
    a_business_key_runs_again(server.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn a_business_key_runs_again_with_firestore() {
    let server = FirestoreEmulator::start().await;
    a_business_key_runs_again(server.store()).await;
}
