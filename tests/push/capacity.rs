//! Over capacity a push is refused immediately, before any claim.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use pushgate::Idempotency;

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::{Setup, soon, subscriber};

async fn is_refused_beyond_one(setup: Setup) {
    let store = FaultyStore::new();
    let service = setup.store(store.clone()).start().await;
    let held = service.message(task::HOLD);
    let running = async { service.push(&held).await };
    let refused = async {
        service.probe.entered(1).await;
        let reply = service.push(&service.message(task::SUCCEED)).await;
        service.probe.open();
        reply
    };
    let (running, refused) = tokio::join!(running, refused);
    assert_eq!(running.status, 204);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body, "over capacity\n");
    assert_eq!(service.runs(), 1);
    assert_eq!(store.calls(Step::Claim), 1);
    soon("room", async {
        while service.push(&service.message(task::SUCCEED)).await.status != 204 {}
    })
    .await;
}

#[tokio::test]
async fn a_full_subscription_answers_429_before_any_claim() {
    is_refused_beyond_one(Setup::new().subscriber(subscriber("probe").concurrency(1))).await;
}

#[tokio::test]
async fn a_full_process_answers_429_before_any_claim() {
    is_refused_beyond_one(Setup::new().setting("PUSHGATE_CONCURRENCY", 1)).await;
}

#[tokio::test]
async fn duplicates_that_wait_leave_the_places_to_other_messages() {
    let by_event = Idempotency::by_attribute("event");
    let probe = subscriber("probe").concurrency(20).idempotency(by_event);
    let service = Setup::new().subscriber(probe).start().await;
    let publish = |data: &str, event: &str| service.message(data).attribute("event", event);
    let held = publish(task::HOLD, "e-1");
    let duplicates: Vec<_> = (0..150).map(|_| publish(task::HOLD, "e-1")).collect();
    let waiting = stream::iter(&duplicates)
        .map(|duplicate| service.push(duplicate))
        .buffer_unordered(10);
    let meanwhile = async {
        service.probe.entered(1).await;
        let refused = waiting.take(146).collect::<Vec<_>>();
        for reply in refused.await {
            assert_eq!(reply.status, 409);
        }
        for event in ["e-2", "e-3", "e-4"] {
            assert_eq!(
                service.push(&publish(task::SUCCEED, event)).await.status,
                204
            );
        }
        service.probe.open();
    };
    let (first, ()) = tokio::join!(service.push(&held), soon("other messages", meanwhile));
    assert_eq!(first.status, 204);
    assert_eq!(service.push(&duplicates[0]).await.status, 204);
    assert_eq!(service.runs(), 4);
}

#[tokio::test]
async fn a_busy_service_is_ready_all_the_same() {
    let service = Setup::new()
        .subscriber(subscriber("probe").concurrency(1))
        .start()
        .await;
    let held = service.message(task::HOLD);
    let others = async {
        service.probe.entered(1).await;
        for _ in 0..5 {
            assert_eq!(
                service.push(&service.message(task::SUCCEED)).await.status,
                429
            );
        }
        let ready = async { while service.ready().await != 200 {} };
        soon("readiness, though it is busy", ready).await;
        service.probe.open();
    };
    let (reply, ()) = tokio::join!(service.push(&held), others);
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn bodies_that_need_all_the_room_answer_429_until_one_is_done() {
    let service = Setup::new()
        .setting("PUSHGATE_BODY_LIMIT_BYTES", 64 * 1024)
        .setting("PUSHGATE_BODIES_BYTES", 100 * 1024)
        .start()
        .await;
    let large = service
        .message(task::HOLD)
        .attribute("filler", &"x".repeat(60 * 1024));
    let other = service
        .message(task::SUCCEED)
        .attribute("filler", &"x".repeat(60 * 1024));
    let meanwhile = async {
        assert_eq!(service.push(&other).await.status, 429);
        assert_eq!(
            service.push(&service.message(task::SUCCEED)).await.status,
            204
        );
    };
    assert_eq!(service.push_held(&large, meanwhile).await.status, 204);
    assert_eq!(service.push(&other).await.status, 204);
}

#[tokio::test]
async fn a_body_without_a_length_takes_room_for_what_it_is_only() {
    let service = Setup::new()
        .setting("PUSHGATE_BODY_LIMIT_BYTES", 64 * 1024)
        .setting("PUSHGATE_BODIES_BYTES", 70 * 1024)
        .start()
        .await;
    let held = service.message(task::HOLD);
    let meanwhile = async {
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(
            service.message(task::SUCCEED).body(),
        )]);
        let reply = service.push_body(reqwest::Body::wrap_stream(chunks)).await;
        assert_eq!(reply.status, 204);
    };
    assert_eq!(service.push_held(&held, meanwhile).await.status, 204);
}

/// A chunked body whose last bytes the test sends later.
fn chunked(message: &TestMessage, end: tokio::sync::watch::Receiver<bool>) -> reqwest::Body {
    let body = message.body();
    let (first, last) = body.split_at(body.len() / 2);
    let (first, last) = (first.to_owned(), last.to_owned());
    let last = async move {
        let mut end = end;
        let _ = end.wait_for(|is_over| *is_over).await;
        Ok::<_, std::io::Error>(last)
    };
    let first = futures_util::stream::iter([Ok(first)]);
    reqwest::Body::wrap_stream(first.chain(futures_util::stream::once(last)))
}

#[tokio::test]
async fn small_bodies_without_a_length_share_the_room_of_a_large_one() {
    const BODIES: usize = 50;
    let service = Arc::new(
        Setup::new()
            .setting("PUSHGATE_BODY_LIMIT_BYTES", 64 * 1024)
            .setting("PUSHGATE_BODIES_BYTES", 64 * 1024)
            .start()
            .await,
    );
    let end = tokio::sync::watch::Sender::new(false);
    let mut pushes = tokio::task::JoinSet::new();
    for _ in 0..BODIES {
        let (service, body) = (
            Arc::clone(&service),
            chunked(&service.message(task::SUCCEED), end.subscribe()),
        );
        pushes.spawn(async move { service.push_body(body).await.status });
    }
    soon("all bodies on their way", async {
        while end.receiver_count() < BODIES {
            tokio::task::yield_now().await;
        }
    })
    .await;
    end.send_replace(true);
    let statuses = soon("all answers", pushes.join_all()).await;
    assert!(statuses.iter().all(|status| *status == 204), "{statuses:?}");
}
