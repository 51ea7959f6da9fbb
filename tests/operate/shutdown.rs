//! Leaving loses nothing.

use std::time::Duration;

use pushgate::Subscriber;

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::probe::{probe_on_thread, task};
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, Service, Setup, declared, get, push_to, soon};

#[tokio::test]
async fn a_leaving_service_refuses_new_pushes_and_lets_running_ones_finish() {
    let mut service = Service::start().await;
    let running = service.take_running();
    let held = service.message(task::HOLD);
    let leaving = async {
        service.probe.entered(1).await;
        let drained = tokio::spawn(running.drain());
        let refused = soon("a refusal", async {
            loop {
                let reply = service.push(&service.message(task::SUCCEED)).await;
                if reply.status != 204 {
                    return reply;
                }
            }
        })
        .await;
        assert_eq!(refused.status, 503);
        assert_eq!(refused.body, "the service is leaving\n");
        let ready = get(format!("{}/health/ready", service.url))
            .await
            .expect("an answer");
        let live = get(format!("{}/health/live", service.url))
            .await
            .expect("an answer");
        assert_eq!(ready.status().as_u16(), 503);
        assert_eq!(live.status().as_u16(), 200);
        service.probe.open();
        soon("the end", drained).await.expect("drained");
    };
    let (reply, ()) = tokio::join!(service.push(&held), leaving);
    assert_eq!(reply.status, 204);
    assert!(
        get(format!("{}/health/live", service.url)).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn who_cannot_finish_is_asked_then_stopped_and_its_claim_released() {
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
    let leaving = async {
        service.probe.entered(2).await;
        running.drain().await;
        assert_eq!(store.calls(Step::Release), 2, "before the process may end");
    };
    let (asked, hung, ()) = tokio::join!(service.push(&asked), service.push(&hangs), leaving);
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

/// The thread may be at work to the last moment, so its claim is not given to another beside it.
#[tokio::test]
async fn a_handler_that_cannot_be_stopped_keeps_its_claim_when_the_service_leaves() {
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
    let leaving = async {
        service.probe.entered(1).await;
        running.drain().await;
    };
    let (reply, ()) = tokio::join!(service.push(&held), leaving);
    assert_eq!(reply.status, 503);
    assert_eq!(store.calls(Step::Release), 0);
    service.probe.open();
}

#[tokio::test]
async fn a_waiting_delivery_is_told_that_the_service_leaves() {
    let store = FaultyStore::new();
    let mut service = Setup::new().store(store.clone()).start().await;
    let running = service.take_running();
    let held = service.message(task::HOLD);
    let leaving = async {
        store.called(Step::Look, 1).await;
        running.drain().await;
    };
    let waiting = async {
        service.probe.entered(1).await;
        let reply = service.push(&held).await;
        service.probe.open();
        reply
    };
    let (first, second, ()) = tokio::join!(service.push(&held), waiting, leaving);
    assert_eq!(first.status, 204);
    assert_eq!(second.status, 503);
}

#[tokio::test]
async fn on_sigterm_the_process_exits_with_success_within_its_grace_period() {
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
    process.log(|line| line["message"] == "left").await;
}
