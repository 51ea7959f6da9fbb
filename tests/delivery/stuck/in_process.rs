//! Stuck handlers of a service in this process.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use pushgate::Subscriber;
use tokio::task::JoinHandle;

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::message::TestMessage;
use crate::harness::probe::{probe, probe_on_thread, probe_that_blocks, task};
use crate::harness::{Reply, Service, Setup, declared, get, push_to, soon, time_passes};

/// The number of threads of the blocking pool.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (2 * cores).max(cores + 4)
}

/// Pushes without waiting for the reply.
fn push(service: &Service, url: &str, message: &TestMessage) -> JoinHandle<Reply> {
    let (url, body, token) = (url.to_owned(), message.body(), service.token());
    tokio::spawn(async move { push_to(&url, body, &token).await })
}

fn on_thread(id: &str) -> Subscriber {
    declared(Subscriber::blocking(id, probe_on_thread)).concurrency(20)
}

#[tokio::test]
async fn hung_handlers_leave_a_thread_to_each_subscription() {
    let store = FaultyStore::new();
    let service = Setup::new()
        .subscriber(on_thread("probe"))
        .also(on_thread("second"))
        .also(on_thread("third"))
        .also(on_thread("innocent"))
        .store(store.clone())
        .start()
        .await;
    for subscription in ["probe", "second", "third"] {
        for _ in 0..20 {
            let message = TestMessage::new(subscription, task::HOLD);
            drop(push(&service, &service.url, &message));
        }
    }
    store.called(Step::Claim, 60).await;
    service.probe.entered(threads()).await;
    for _ in 0..3 {
        let message = TestMessage::new("innocent", task::SUCCEED);
        let reply = soon("a reply", service.push(&message)).await;
        assert_eq!(reply.status, 204);
        assert_eq!(service.probe.runs_of(&message.id), 1);
    }
    service.probe.open();
}

#[tokio::test]
async fn a_subscription_leaves_half_of_the_shared_threads_to_others() {
    let store = FaultyStore::new();
    let service = Setup::new()
        .subscriber(on_thread("probe"))
        .also(on_thread("innocent"))
        .store(store.clone())
        .start()
        .await;
    for _ in 0..20 {
        drop(push(&service, &service.url, &service.message(task::HOLD)));
    }
    store.called(Step::Claim, 20).await;
    let share = 1 + threads() / 2;
    service.probe.entered(share).await;
    let others: Vec<_> = (0..threads() / 2)
        .map(|_| {
            push(
                &service,
                &service.url,
                &TestMessage::new("innocent", task::HOLD),
            )
        })
        .collect();
    service.probe.entered(share + others.len()).await;
    assert_eq!(
        service.runs(),
        share + others.len(),
        "no more than its share"
    );
    service.probe.open();
    for other in others {
        assert_eq!(other.await.expect("a reply").status, 204);
    }
}

#[tokio::test]
async fn no_blocking_handler_begins_in_the_second_half_of_its_time() {
    let store = FaultyStore::new();
    let limited = on_thread("probe").hard_limit(Duration::from_secs(50));
    let service = Setup::new()
        .subscriber(limited)
        .store(store.clone())
        .start()
        .await;
    for _ in 0..threads() {
        drop(push(&service, &service.url, &service.message(task::HOLD)));
    }
    service.probe.entered(threads()).await;
    let message = service.message(task::SUCCEED);
    let waiting = push(&service, &service.url, &message);
    store.called(Step::Claim, threads() + 1).await;
    time_passes(Duration::from_secs(26)).await;
    let reply = soon("a reply", waiting).await.expect("a reply");
    assert_eq!(reply.status, 503);
    assert_eq!(service.probe.runs_of(&message.id), 0);
    service.probe.open();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_keeps_its_lease() {
    let store = FaultyStore::new();
    let blocks = declared(Subscriber::new("probe", probe_that_blocks))
        .lease(Duration::from_secs(1))
        .hard_limit(Duration::from_secs(50));
    let service = Setup::new()
        .subscriber(blocks)
        .also(declared(Subscriber::new("innocent", probe)))
        .store(store.clone())
        .start()
        .await;
    let (_other, other_url) = service.instance().await;
    let messages: Vec<_> = (0..3).map(|_| service.message(task::HOLD)).collect();
    let pushes: Vec<_> = messages
        .iter()
        .map(|message| push(&service, &service.url, message))
        .collect();
    service.probe.entered(3).await;
    let again = push(&service, &other_url, &messages[0]);
    let live = get(format!("{}/health/live", service.url)).await;
    assert_eq!(live.expect("an answer").status().as_u16(), 200);
    let innocent = TestMessage::new("innocent", task::SUCCEED);
    assert_eq!(service.push(&innocent).await.status, 204);
    store.called(Step::Renew, 12).await; // more than a lease
    assert_eq!(service.probe.runs_of(&messages[0].id), 1);
    service.probe.open();
    for push in pushes.into_iter().chain([again]) {
        assert_eq!(soon("a reply", push).await.expect("a reply").status, 204);
    }
    assert_eq!(service.probe.most_at_once(), 1);
    assert_eq!(service.runs(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_a_blocked_handler_is_answered_at_its_hard_limit() {
    let store: Arc<FaultyStore> = FaultyStore::new();
    let limit = Duration::from_secs(1);
    let blocks = declared(Subscriber::new("probe", probe_that_blocks)).hard_limit(limit);
    let service = Setup::new()
        .subscriber(blocks)
        .store(store.clone())
        .start()
        .await;
    let message = service.message(task::HOLD);
    assert_eq!(service.push(&message).await.status, 503);
    assert_eq!(service.push(&message).await.status, 409, "still at work");
    assert_eq!(service.runs(), 1);
    service.probe.open();
    store.called(Step::Finish, 1).await;
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1, "its late success counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_is_in_time_although_handlers_block() {
    let store = FaultyStore::new();
    let mut service = Setup::new()
        .subscriber(declared(Subscriber::new("probe", probe_that_blocks)))
        .also(declared(Subscriber::new("innocent", probe)))
        .store(store.clone())
        .setting("PUSHGATE_GRACE_SECONDS", 1)
        .start()
        .await;
    let running = service.take_running();
    let blocked: Vec<_> = (0..3)
        .map(|_| push(&service, &service.url, &service.message(task::HOLD)))
        .collect();
    let innocent = push(
        &service,
        &service.url,
        &TestMessage::new("innocent", task::HANG),
    );
    service.probe.entered(4).await;
    soon("the end", running.shut_down()).await;
    assert_eq!(
        store.calls(Step::Release),
        1,
        "the one that could be stopped"
    );
    for push in blocked.into_iter().chain([innocent]) {
        assert_eq!(push.await.expect("a reply").status, 503);
    }
    service.probe.open();
}
