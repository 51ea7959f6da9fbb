//! Over capacity a push is refused at once, before any claim.

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::{Setup, soon, subscriber};

async fn is_refused_beyond_one(setup: Setup) {
    let store = FaultyStore::new();
    let service = setup.store(store.clone()).start().await;
    let held = service.message("hold");
    let running = async { service.push(&held).await };
    let refused = async {
        service.probe.entered(1).await;
        let reply = service.push(&service.message("ok")).await;
        service.probe.open();
        reply
    };
    let (running, refused) = tokio::join!(running, refused);
    assert_eq!(
        (running.status, refused.status, refused.body.as_str()),
        (204, 429, "over capacity\n")
    );
    assert_eq!((service.runs(), store.calls(Step::Claim)), (1, 1));
    soon("room", async {
        while service.push(&service.message("ok")).await.status != 204 {}
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
async fn a_busy_service_is_ready_all_the_same() {
    let service = Setup::new()
        .subscriber(subscriber("probe").concurrency(1))
        .start()
        .await;
    let held = service.message("hold");
    let others = async {
        service.probe.entered(1).await;
        for _ in 0..5 {
            assert_eq!(service.push(&service.message("ok")).await.status, 429);
        }
        assert_eq!(service.ready().await, 200, "busy is not unready");
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
        .message("hold")
        .attribute("filler", &"x".repeat(60 * 1024));
    let other = service
        .message("ok")
        .attribute("filler", &"x".repeat(60 * 1024));
    let meanwhile = async {
        assert_eq!(service.push(&other).await.status, 429);
        assert_eq!(service.push(&service.message("ok")).await.status, 204);
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
    let held = service.message("hold");
    let meanwhile = async {
        let chunks =
            futures_util::stream::iter([Ok::<_, std::io::Error>(service.message("ok").body())]);
        let reply = service.push_body(reqwest::Body::wrap_stream(chunks)).await;
        assert_eq!(reply.status, 204);
    };
    assert_eq!(service.push_held(&held, meanwhile).await.status, 204);
}
