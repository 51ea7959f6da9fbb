//! Soft and hard limits: a handler receives its stop signal, then is stopped, and never run twice at the same time.

use std::time::Duration;

use pushgate::Subscriber;

use crate::harness::faulty_store::{FaultyStore, Step};
use crate::harness::probe::{probe, probe_on_thread, task};
use crate::harness::{Setup, declared, subscriber, time_passes};

const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(50);

#[tokio::test]
async fn at_the_soft_limit_a_handler_is_asked_to_stop() {
    for subscriber in [
        Subscriber::new("probe", probe),
        Subscriber::blocking("probe", probe_on_thread),
        Subscriber::cpu("probe", probe_on_thread),
    ] {
        let patient = declared(subscriber)
            .soft_limit(SHORT)
            .hard_limit(Duration::from_secs(50));
        let service = Setup::new().subscriber(patient).start().await;
        assert_eq!(
            service
                .push(&service.message(task::UNTIL_STOPPED))
                .await
                .status,
            503
        );
        service.probe.asked_to_stop(1).await;
    }
}

#[tokio::test]
async fn a_handler_stopped_at_its_hard_limit_has_its_claim_released() {
    let store = FaultyStore::new();
    let service = Setup::new()
        .subscriber(subscriber("probe").hard_limit(LONG))
        .store(store.clone())
        .start()
        .await;
    let message = service.message(task::HANG);
    for run in 1..=2 {
        let limit = async {
            service.probe.entered(run).await;
            time_passes(LONG).await;
        };
        let (reply, ()) = tokio::join!(service.push(&message), limit);
        assert_eq!(reply.status, 503);
        assert_eq!(store.calls(Step::Release), run);
    }
    assert_eq!(store.calls(Step::Look), 0, "the second ran at once");
}

/// A thread cannot be stopped from outside. Its claim is kept, so no second run begins beside it, and when it ends, its
/// late success counts.
#[tokio::test]
async fn the_late_success_of_an_unstoppable_handler_is_recorded() {
    let store = FaultyStore::new();
    let on_thread = declared(Subscriber::blocking("probe", probe_on_thread));
    let service = Setup::new()
        .subscriber(on_thread.hard_limit(LONG))
        .store(store.clone())
        .start()
        .await;
    let message = service.message(task::HOLD);
    for (step, expected) in [(Step::Claim, 503), (Step::Look, 409)] {
        let limit = async {
            store.called(step, 1).await;
            service.probe.entered(1).await;
            time_passes(LONG).await;
        };
        let (reply, ()) = tokio::join!(service.push(&message), limit);
        assert_eq!(reply.status, expected);
        assert_eq!(service.runs(), 1);
    }
    service.probe.open();
    store.called(Step::Finish, 1).await;
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}

/// A replacement keeps a few hung handlers from ending a subscription.
#[tokio::test]
async fn a_thread_past_its_limit_is_replaced() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let on_thread = declared(Subscriber::cpu("probe", probe_on_thread));
    let service = Setup::new()
        .subscriber(on_thread.concurrency(10 * cores).hard_limit(LONG))
        .start()
        .await;
    for run in 1..=cores {
        let held = service.message(task::HOLD);
        let limit = async {
            service.probe.entered(run).await;
            time_passes(LONG).await;
        };
        let (reply, ()) = tokio::join!(service.push(&held), limit);
        assert_eq!(reply.status, 503, "past its limit, and still running");
    }
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
    service.probe.open();
}
