//! Protections that a subscriber declares: retries in process, a circuit breaker, `StoreDown` and `AfterCrash`.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{ClaimStore, MessageKey, Ticket, TicketStore};
use pushgate::{AfterCrash, Backoff, CircuitBreaker, StoreDown, Subscriber};

use crate::harness::faulty_store::{Fault, FaultyStore, Step};
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::{Service, Setup, soon, subscriber};

async fn service(probe: Subscriber) -> Service {
    let service = Setup::new().subscriber(probe).start().await;
    service.google.keep_dead_letters();
    service
}

#[tokio::test]
async fn a_transient_failure_is_retried_in_the_same_delivery() {
    let pause = Backoff::from_millis(1, 20);
    let service = service(subscriber("probe").attempts_in_process(3, pause)).await;
    let message = service.message(task::FAIL_ONCE);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 2);
    assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    assert_eq!(service.runs(), 5, "three times, and then Pub/Sub's turn");
    assert_eq!(
        service
            .push(&service.message(task::DEAD_LETTER))
            .await
            .status,
        204
    );
    assert_eq!(
        service.push(&service.message(task::PANIC)).await.status,
        500
    );
    assert_eq!(service.runs(), 7, "what cannot pass is not tried again");
}

#[tokio::test]
async fn without_that_declaration_a_handler_runs_once_a_delivery() {
    let service = service(subscriber("probe")).await;
    assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn no_attempt_in_process_begins_after_the_soft_limit() {
    let probe = subscriber("probe")
        .attempts_in_process(10, Backoff::from_millis(400, 400))
        .soft_limit(Duration::from_millis(500));
    let service = service(probe).await;
    let start = tokio::time::Instant::now();
    assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    assert!(service.runs() < 10, "{} runs", service.runs());
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_service_that_leaves_does_not_wait_for_the_next_attempt() {
    let pause = Backoff::from_secs(40, 40);
    let probe = subscriber("probe").attempts_in_process(10, pause);
    let mut service = service(probe).await;
    let running = service.take_running();
    let message = service.message(task::FAIL);
    let start = tokio::time::Instant::now();
    let leave = async {
        service.probe.ended(1).await;
        running.shut_down().await;
    };
    let (reply, ()) = tokio::join!(service.push(&message), leave);
    assert_eq!(reply.status, 503, "the last try");
    assert_eq!(service.runs(), 2, "the last try");
    assert!(
        start.elapsed() < Duration::from_secs(7),
        "less than the grace"
    );
}

/// A subscriber that has failed three times, whose circuit needs two probes to close.
async fn with_open_circuit() -> (Service, Arc<FaultyStore>) {
    let breaker = CircuitBreaker::after(3)
        .open_for(Backoff::from_millis(300, 300))
        .probes(2);
    let probe = subscriber("probe").circuit_breaker(breaker);
    let (service, store) = on_faulty_store_with(probe).await;
    for _ in 0..3 {
        assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    }
    (service, store)
}

#[tokio::test]
async fn an_open_circuit_answers_before_a_claim() {
    let (service, store) = with_open_circuit().await;
    let (claims, runs) = (store.calls(Step::Claim), service.runs());
    let refused = service.push(&service.message(task::SUCCEED)).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.body, "a dependency of the handler is down\n");
    assert_eq!(store.calls(Step::Claim), claims);
    assert_eq!(service.runs(), runs);
}

#[tokio::test]
async fn a_circuit_closes_after_its_probes() {
    let (service, _) = with_open_circuit().await;
    soon("a probe", async {
        while service.push(&service.message(task::SUCCEED)).await.status != 204 {}
    })
    .await;
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
    for _ in 0..2 {
        assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    }
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204,
        "closed again: two failures in a row are not enough"
    );
}

#[tokio::test]
async fn a_duplicate_or_a_dead_letter_does_not_use_up_the_probe() {
    let breaker = CircuitBreaker::after(1).open_for(Backoff::from_millis(200, 200));
    let service = service(subscriber("probe").circuit_breaker(breaker)).await;
    let done = service.message(task::SUCCEED);
    assert_eq!(service.push(&done).await.status, 204);
    assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    soon("the end of the pause", async {
        while service.push(&done).await.status != 204 {}
    })
    .await;
    assert_eq!(service.push(&done).await.status, 204, "it says nothing");
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
}

#[tokio::test]
async fn a_delivery_that_waits_for_another_does_not_keep_the_probe() {
    let breaker = CircuitBreaker::after(1).open_for(Backoff::from_millis(200, 200));
    let probe = subscriber("probe").circuit_breaker(breaker.probes(1));
    let (service, store) = on_faulty_store_with(probe).await;
    let held = service.message(task::HOLD);
    let story = async {
        service.probe.entered(1).await;
        assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
        let duplicate = async { while service.push(&held).await.status != 204 {} };
        let meanwhile = async {
            store.called(Step::Look, 1).await;
            assert_eq!(
                service.push(&service.message(task::SUCCEED)).await.status,
                204
            );
            service.probe.open();
        };
        tokio::join!(duplicate, meanwhile);
    };
    let (first, ()) = tokio::join!(service.push(&held), story);
    assert_eq!(first.status, 204);
    assert_eq!(service.runs(), 3);
}

/// A subscriber that runs without the store, on a store that fails on request.
async fn daring() -> (Service, Arc<FaultyStore>) {
    let open = StoreDown::open("a second mail is harmless");
    on_faulty_store_with(subscriber("probe").when_store_is_down(open)).await
}

async fn on_faulty_store_with(probe: Subscriber) -> (Service, Arc<FaultyStore>) {
    let store = FaultyStore::new();
    let setup = Setup::new().subscriber(probe).store(store.clone());
    (setup.start().await, store)
}

#[tokio::test]
async fn a_subscriber_that_dares_runs_without_the_store() {
    let (service, store) = daring().await;
    store.fail(Step::Claim, Fault::Down, usize::MAX);
    let start = tokio::time::Instant::now();
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1, "this instance knows");
    assert_eq!(service.push(&service.message(task::FAIL)).await.status, 503);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "nobody waits for the store"
    );
}

#[tokio::test]
async fn a_run_without_the_store_is_recorded_when_it_is_back() {
    let (service, store) = daring().await;
    store.fail(Step::Claim, Fault::Down, usize::MAX);
    let late = service.message(task::HOLD);
    let reply = service.push_held(&late, async {
        store.heal();
        let before = store.calls(Step::Finish);
        soon("the store is used again", async {
            while store.calls(Step::Finish) == before {
                service.push(&service.message(task::SUCCEED)).await;
            }
        })
        .await;
    });
    assert_eq!(reply.await.status, 204);
    let runs = service.runs();
    assert_eq!(service.push(&late).await.status, 204);
    assert_eq!(
        service.runs(),
        runs,
        "recorded, since the store was back by then"
    );
}

#[tokio::test]
async fn a_subscriber_that_dares_does_not_run_beside_another_delivery() {
    let (service, store) = daring().await;
    let message = service.message(task::SUCCEED);
    let other = Ticket::new(
        key(&message),
        Duration::from_secs(4),
        Duration::from_secs(3600),
    );
    store.claim(&other).await.expect("claimed");
    let down = async {
        store.called(Step::Look, 1).await;
        store.fail(Step::Claim, Fault::Down, usize::MAX);
    };
    let (reply, ()) = tokio::join!(service.push(&message), down);
    assert_eq!(reply.status, 503);
    assert_eq!(service.runs(), 0);
}

fn key(message: &TestMessage) -> MessageKey {
    MessageKey {
        subscription: "projects/test-project/subscriptions/probe".into(),
        epoch: 0,
        id: message.id.clone(),
    }
}

/// A message whose first run was lost.
async fn crashed(probe: Subscriber) -> (Service, TestMessage) {
    let (service, store) = on_faulty_store_with(probe.lease(Duration::from_secs(1))).await;
    service.google.keep_dead_letters();
    let message = service.message(task::SUCCEED);
    let lost = Ticket::new(
        key(&message),
        Duration::from_millis(20),
        Duration::from_secs(3600),
    );
    store.claim(&lost).await.expect("claimed");
    store.begin(&lost).await.expect("begun");
    (service, message)
}

#[tokio::test]
async fn after_a_crash_a_message_runs_again_by_default() {
    let (service, message) = crashed(subscriber("probe")).await;
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
    assert_eq!(service.google.dead_letters().len(), 0);
}

#[tokio::test]
async fn after_a_crash_a_message_is_parked_where_declared() {
    let parked = subscriber("probe").after_crash(AfterCrash::Park);
    let (service, message) = crashed(parked).await;
    for _ in 0..2 {
        assert_eq!(service.push(&message).await.status, 204);
    }
    let letters = service.google.dead_letters();
    assert_eq!(service.runs(), 0);
    assert_eq!(letters.len(), 1);
    let reason = &letters[0].attributes[pushgate::REASON_ATTRIBUTE];
    assert_eq!(reason, "outcome unknown");
}

#[tokio::test]
async fn a_parked_message_that_cannot_be_dead_lettered_is_never_run() {
    let parked = subscriber("probe").after_crash(AfterCrash::Park);
    let (service, message) = crashed(parked.dead_letter_topic("not-there")).await;
    for _ in 0..3 {
        assert_eq!(service.push(&message).await.status, 503);
    }
    assert_eq!(service.runs(), 0);
}
