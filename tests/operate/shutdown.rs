//! A shutdown loses no message.

use std::time::Duration;

use pushgate::Subscriber;

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::probe::{probe_on_thread, task};
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, Reply, Service, Setup, declared, get, push_to, soon};

/// Drains a service while a handler runs, lets `check` happen meanwhile, and lets the handler end then. The reply to its push.
async fn while_draining(check: impl AsyncFnOnce(&Service)) -> Reply {
    let mut service = Service::start().await;
    let running = service.take_running();
    let held = service.message(task::HOLD);
    let draining = async {
        service.probe.entered(1).await;
        let drained = tokio::spawn(running.shut_down());
        soon("the drain", async { while service.ready().await == 200 {} }).await;
        check(&service).await;
        service.probe.open();
        soon("the end", drained).await.expect("drained");
    };
    let (reply, ()) = tokio::join!(service.push(&held), draining);
    let address = format!("{}/health/live", service.url);
    assert!(get(address).await.is_err(), "it still listens");
    reply
}

#[tokio::test]
async fn a_draining_service_rejects_new_pushes() {
    while_draining(async |service| {
        let reply = service.push(&service.message(task::SUCCEED)).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.body, "the service is shutting down\n");
    })
    .await;
}

#[tokio::test]
async fn a_draining_service_is_live_but_not_ready() {
    while_draining(async |service| {
        let live = get(format!("{}/health/live", service.url)).await;
        assert_eq!(live.expect("an answer").status(), 200);
        assert_eq!(service.ready().await, 503);
    })
    .await;
}

#[tokio::test]
async fn a_draining_service_lets_running_handlers_finish() {
    let reply = while_draining(async |_| {}).await;
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn a_handler_stopped_at_shutdown_has_its_claim_released() {
    let store = FaultyStore::new();
    let mut service = Setup::new()
        .store(store.clone())
        .setting("PUSHGATE_GRACE_SECONDS", 1)
        .start()
        .await;
    let running = service.take_running();
    let (asked, hangs) = (
        service.message(task::UNTIL_STOPPED),
        service.message(task::HANG),
    );
    let draining = async {
        service.probe.entered(2).await;
        running.shut_down().await;
        assert_eq!(store.calls(Step::Release), 2, "before the process may end");
    };
    let (asked, hung, ()) = tokio::join!(service.push(&asked), service.push(&hangs), draining);
    assert_eq!(asked.status, 503);
    assert_eq!(hung.status, 503);
    service.probe.asked_to_stop(1).await;
    let (_next, url) = service.instance().await;
    let again = TestMessage {
        data: task::SUCCEED.into(),
        ..hangs
    };
    assert_eq!(
        push_to(&url, again.body(), &service.token()).await.status,
        204,
        "the next instance runs it at once"
    );
    assert_eq!(store.calls(Step::Look), 0);
}

/// Its thread may run to the end of the process, so no other delivery may get its claim.
#[tokio::test]
async fn an_unstoppable_handler_keeps_its_claim_at_shutdown() {
    let store = FaultyStore::new();
    let on_thread = declared(Subscriber::blocking("probe", probe_on_thread));
    let mut service = Setup::new()
        .subscriber(on_thread)
        .store(store.clone())
        .setting("PUSHGATE_GRACE_SECONDS", 1)
        .start()
        .await;
    let running = service.take_running();
    let held = service.message(task::HOLD);
    let draining = async {
        service.probe.entered(1).await;
        running.shut_down().await;
    };
    let (reply, ()) = tokio::join!(service.push(&held), draining);
    assert_eq!(reply.status, 503);
    assert_eq!(store.calls(Step::Release), 0);
    service.probe.open();
}

#[tokio::test]
async fn a_waiting_delivery_is_answered_503_at_shutdown() {
    let store = FaultyStore::new();
    let mut service = Setup::new().store(store.clone()).start().await;
    let running = service.take_running();
    let held = service.message(task::HOLD);
    let draining = async {
        store.called(Step::Look, 1).await;
        running.shut_down().await;
    };
    let waiting = async {
        service.probe.entered(1).await;
        let reply = service.push(&held).await;
        service.probe.open();
        reply
    };
    let (first, second, ()) = tokio::join!(service.push(&held), waiting, draining);
    assert_eq!(first.status, 204);
    assert_eq!(second.status, 503);
}

#[tokio::test]
async fn on_sigterm_the_process_exits_within_its_grace_period() {
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    let order = r#"{"orderId":"A-1","customerEmail":"a@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;
    let message = TestMessage::new("orders-fulfilment", order);
    assert_eq!(push_to(&url, message.body(), &token).await.status, 204);
    let start = tokio::time::Instant::now();
    process.signal("-TERM").await;
    assert!(process.exit().await.success());
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?} with nothing to finish",
        start.elapsed()
    );
    process.log(|line| line["message"] == "shut down").await;
}
