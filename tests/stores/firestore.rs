//! Firestore as the store, on Google's own emulator.

use std::sync::Arc;

use pushgate::dedup::{Claim, DedupStore, MessageKey, StepResult, Ticket, contract};
use serde_json::Value;

use crate::harness::firestore_emulator::{FirestoreEmulator, store_at};
use crate::harness::free_port;
use crate::harness::probe::task;
use crate::harness::rpc_proxy::{RpcFault, RpcProxy};
use crate::harness::{Setup, push_to, subscriber};

use std::time::Duration;

fn ticket(id: &str) -> Ticket {
    let key = MessageKey {
        subscription: "projects/test-project/subscriptions/orders".into(),
        epoch: 0,
        id: id.into(),
    };
    Ticket::new(key, Duration::from_secs(10), Duration::from_secs(3600))
}

async fn granted(store: &Arc<dyn DedupStore>, ticket: &Ticket) {
    let claim = store.claim(ticket).await.expect("an answer");
    assert!(matches!(claim, Claim::Granted { number: 1, .. }));
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn firestore_keeps_the_contract() {
    let server = FirestoreEmulator::start().await;
    contract::every_rule([server.store(), server.store()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn firestore_keeps_the_contract_in_races() {
    let server = FirestoreEmulator::start().await;
    contract::races([server.store(), server.store()], 100).await;
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn a_document_has_the_fields_of_its_claim() {
    let server = FirestoreEmulator::start().await;
    let (store, ticket) = (server.store(), ticket("17"));
    granted(&store, &ticket).await;
    assert_eq!(
        store.finish(&ticket).await.expect("an answer"),
        StepResult::Done
    );
    let documents = server.documents("(default)").await;
    let [document] = documents.as_slice() else {
        panic!("{documents:?}")
    };
    let name = document["name"].as_str().expect("a name");
    let id = name.rsplit('/').next().expect("an id");
    assert!(
        id.len() == 64 && id.chars().all(|c| c.is_ascii_hexdigit()),
        "{id}"
    );
    let fields = &document["fields"];
    assert_eq!(fields["state"]["stringValue"], "done");
    assert_eq!(fields["id"]["stringValue"], "17");
    assert_eq!(
        fields["subscription"]["stringValue"],
        ticket.key.subscription
    );
    let seconds = |field: &Value| {
        let text = field["timestampValue"]
            .as_str()
            .expect("a timestamp")
            .to_owned();
        let time =
            pushgate::OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339);
        time.expect("RFC 3339").unix_timestamp()
    };
    let remembered = seconds(&fields["expires"]) - seconds(&fields["since"]);
    assert!((3590..=3610).contains(&remembered), "{remembered}");
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn named_databases_are_kept_apart() {
    let server = FirestoreEmulator::start().await;
    let ticket = ticket("17");
    let rival = Ticket::new(ticket.key.clone(), ticket.lease, ticket.window);
    granted(&server.store(), &ticket).await;
    granted(&server.store_in("test-project/pushgate"), &rival).await;
    assert_eq!(server.documents("pushgate").await.len(), 1);
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn a_foreign_document_is_not_overwritten() {
    let server = FirestoreEmulator::start().await;
    let (store, ticket) = (server.store(), ticket("17"));
    granted(&store, &ticket).await;
    let name = server.documents("(default)").await[0]["name"].clone();
    let url = format!(
        "http://{}/v1/{}",
        server.host(),
        name.as_str().expect("a name")
    );
    let changed = crate::harness::client()
        .patch(url)
        .json(&serde_json::json!({"fields": {"state": {"integerValue": "7"}}}))
        .send()
        .await
        .expect("an answer");
    assert!(changed.status().is_success());
    for answer in [
        store.claim(&ticket).await.map(drop),
        store.finish(&ticket).await.map(drop),
        store.look(&ticket.key).await.map(drop),
    ] {
        let error = answer.expect_err("corrupt");
        assert!(!error.is_transient(), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn two_instances_on_firestore_run_each_message_once() {
    let server = FirestoreEmulator::start().await;
    let service = Setup::new()
        .store(server.store())
        .subscriber(subscriber("probe"))
        .start()
        .await;
    let (_other, url) = service.instance().await;
    for round in 1..=30 {
        let message = service.message(task::SUCCEED);
        let (one, other, again) = tokio::join!(
            service.push(&message),
            async { push_to(&url, message.body(), &service.token()).await },
            service.push(&message)
        );
        let statuses = (one.status, other.status, again.status);
        assert_eq!(statuses, (204, 204, 204), "round {round}");
        assert_eq!(service.probe.runs_of(&message.id), 1, "round {round}");
    }
}

#[tokio::test]
async fn a_firestore_that_is_not_there_costs_milliseconds() {
    let store = store_at(&format!("127.0.0.1:{}", free_port()), "test-project");
    let start = tokio::time::Instant::now();
    let error = store.claim(&ticket("17")).await.expect_err("nobody there");
    assert!(error.is_transient(), "{error}");
    assert!(start.elapsed() < Duration::from_millis(500));
}

/// Status codes of gRPC.
const NOT_FOUND: u8 = 5;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const FAILED_PRECONDITION: u8 = 9;
const ABORTED: u8 = 10;
const UNAVAILABLE: u8 = 14;

/// Returns the calls of Commit and BatchGetDocuments since the last call of this function.
fn calls(proxy: &RpcProxy) -> (usize, usize) {
    let calls = proxy.take_calls();
    let count = |method: &str| calls.get(method).copied().unwrap_or_default();
    (count("Commit"), count("BatchGetDocuments"))
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn each_step_costs_one_round_trip() {
    let server = FirestoreEmulator::start().await;
    let proxy = RpcProxy::before(&server.host()).await;
    let store = store_at(&proxy.host, "test-project");
    let ticket = ticket("17");
    granted(&store, &ticket).await;
    assert_eq!(calls(&proxy), (1, 0), "a claim is one write");
    assert_eq!(
        store.renew(&ticket).await.expect("an answer"),
        StepResult::Done
    );
    assert_eq!(calls(&proxy), (1, 0), "and so is a renewal");
    assert_eq!(
        store.finish(&ticket).await.expect("an answer"),
        StepResult::Done
    );
    assert_eq!(calls(&proxy), (1, 0), "and the record");
    let again = Ticket::new(ticket.key.clone(), ticket.lease, ticket.window);
    assert_eq!(
        store.claim(&again).await.expect("an answer"),
        Claim::Done(None)
    );
    assert_eq!(calls(&proxy), (1, 1), "a duplicate: refused, and read");
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn a_lost_answer_is_resolved_by_reading_the_ticket() {
    let server = FirestoreEmulator::start().await;
    let proxy = RpcProxy::before(&server.host()).await;
    let store = store_at(&proxy.host, "test-project");
    let ticket = ticket("17");
    let lose = || proxy.fail("Commit", RpcFault::Lost(UNAVAILABLE), 1);
    lose();
    let lost = store.claim(&ticket).await.expect_err("the answer is lost");
    assert!(lost.is_transient(), "{lost}");
    granted(&store, &ticket).await;
    lose();
    store.renew(&ticket).await.expect_err("the answer is lost");
    assert_eq!(
        store.renew(&ticket).await.expect("an answer"),
        StepResult::Done
    );
    lose();
    store.finish(&ticket).await.expect_err("the answer is lost");
    assert_eq!(
        store.finish(&ticket).await.expect("an answer"),
        StepResult::Done
    );
    let rival = Ticket::new(ticket.key.clone(), ticket.lease, ticket.window);
    assert_eq!(
        store.claim(&rival).await.expect("an answer"),
        Claim::Done(None)
    );
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn contention_is_retried_at_once() {
    let server = FirestoreEmulator::start().await;
    let proxy = RpcProxy::before(&server.host()).await;
    let store = store_at(&proxy.host, "test-project");
    proxy.fail("Commit", RpcFault::Refused(ABORTED), 3);
    let first = ticket("17");
    granted(&store, &first).await;
    assert_eq!(calls(&proxy), (4, 0));
    proxy.fail("Commit", RpcFault::Refused(ABORTED), usize::MAX);
    let error = store.finish(&first).await.expect_err("contention");
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn other_failures_are_not_retried() {
    let server = FirestoreEmulator::start().await;
    let proxy = RpcProxy::before(&server.host()).await;
    let store = store_at(&proxy.host, "test-project");
    for (status, is_transient) in [
        (RESOURCE_EXHAUSTED, true),
        (UNAVAILABLE, true),
        (PERMISSION_DENIED, false),
    ] {
        proxy.fail("Commit", RpcFault::Refused(status), 1);
        let error = store.claim(&ticket("18")).await.expect_err("refused");
        assert_eq!(error.is_transient(), is_transient, "{status}");
        assert_eq!(calls(&proxy), (1, 0), "{status}: not hammered");
    }
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn either_status_of_a_failed_condition_is_understood() {
    let server = FirestoreEmulator::start().await;
    let proxy = RpcProxy::before(&server.host()).await;
    let store = store_at(&proxy.host, "test-project");
    let (ticket, rival) = (ticket("17"), ticket("17"));
    granted(&store, &ticket).await;
    proxy.fail("Commit", RpcFault::Refused(FAILED_PRECONDITION), 1);
    assert_eq!(
        store.claim(&rival).await.expect("an answer"),
        Claim::InProgress
    );
}

#[tokio::test]
#[ignore = "needs Java and Google's Firestore emulator (./test finds or installs them)"]
async fn a_missing_database_is_a_permanent_failure() {
    let server = FirestoreEmulator::start().await;
    let proxy = RpcProxy::before(&server.host()).await;
    let store = store_at(&proxy.host, "test-project");
    for method in ["Commit", "BatchGetDocuments"] {
        proxy.fail(method, RpcFault::Refused(NOT_FOUND), usize::MAX);
    }
    let error = store
        .claim(&ticket("17"))
        .await
        .expect_err("no such database");
    assert!(!error.is_transient(), "{error}");
}
