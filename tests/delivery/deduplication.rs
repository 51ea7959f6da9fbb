//! One run of each message despite duplicates, races, lost replies and an unsteady store.

use std::sync::Arc;
use std::time::Duration;

use pushgate::Idempotency;
use pushgate::dedup::{DedupStore, MemoryStore};
use tokio::task::JoinSet;

use crate::harness::faulty_store::{Fault, FaultyStore, Step, on_faulty_store};
use crate::harness::probe::task;
use crate::harness::{
    AUDIENCE, OTHERS_CALLER, Service, Setup, push_to, soon, subscriber, time_passes,
};

const ALWAYS: usize = usize::MAX;

#[tokio::test]
async fn a_redelivered_message_is_acked_without_a_second_run() {
    let service = Service::start().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn the_same_id_of_another_subscription_is_another_message() {
    let service = Service::start().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    let mut copy = message.clone();
    copy.subscription = "other".into();
    let token = service
        .google
        .emulator
        .issuer()
        .token(OTHERS_CALLER, AUDIENCE);
    assert_eq!(service.push_with(&copy, &token).await.status, 204);
    assert_eq!(service.probe.runs_of(&message.id), 2);
}

#[tokio::test]
async fn a_new_epoch_lets_a_message_run_again() {
    let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
    let old = Setup::new().store(Arc::clone(&store)).start().await;
    let new = Setup::new()
        .store(store)
        .subscriber(subscriber("probe").epoch(1))
        .start()
        .await;
    let message = old.message(task::SUCCEED);
    assert_eq!(old.push(&message).await.status, 204);
    assert_eq!(new.push(&message).await.status, 204);
    assert_eq!(old.runs(), 1);
    assert_eq!(new.runs(), 1);
}

#[tokio::test]
async fn without_idempotency_every_delivery_runs() {
    let every = subscriber("probe").idempotency(Idempotency::none("the probe only counts"));
    let service = Setup::new().subscriber(every).start().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 2);
}

/// Pushes one message `deliveries` times at the same time, and returns the statuses.
async fn deliver_at_once(
    service: &Service,
    urls: &[String],
    data: &str,
    deliveries: usize,
) -> Vec<u16> {
    let (message, token) = (service.message(data), service.token());
    let mut pushes = JoinSet::new();
    for url in urls.iter().cycle().take(deliveries) {
        let (url, body, token) = (url.clone(), message.body(), token.clone());
        pushes.spawn(async move { push_to(&url, body, &token).await.status });
    }
    soon("all answers", pushes.join_all()).await
}

#[tokio::test]
async fn two_instances_run_a_message_once() {
    let service = Service::start().await;
    let (_other, url) = service.instance().await;
    let urls = [service.url.clone(), url];
    for round in 1..=100 {
        let statuses = deliver_at_once(&service, &urls, task::SUCCEED, 6).await;
        assert_eq!(statuses, vec![204; 6], "round {round}");
        assert_eq!(service.runs(), round, "round {round}");
    }
}

#[tokio::test]
async fn a_delivery_beside_a_failing_one_fails_too() {
    let service = Service::start().await;
    for _ in 0..20 {
        let statuses =
            deliver_at_once(&service, std::slice::from_ref(&service.url), task::FAIL, 4).await;
        assert_eq!(statuses, [503; 4]);
    }
}

#[tokio::test]
async fn a_waiting_delivery_gives_the_answer_of_the_one_at_work() {
    let (service, store) = on_faulty_store().await;
    let replies = service
        .push_twice(
            &service.message(task::HOLD),
            async {},
            store.called(Step::Look, 2),
        )
        .await;
    assert_eq!(replies, [204, 204]);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_disconnect_does_not_stop_the_handler() {
    let service = Service::start().await;
    let message = service.message(task::HOLD);
    tokio::select! {
        _ = service.push(&message) => panic!("nobody has let it end"),
        () = service.probe.entered(1) => {}
    }
    service.probe.open();
    service.probe.ended(1).await;
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_not_lost_itself() {
    let (service, store) = on_faulty_store().await;
    store.fail(Step::Claim, Fault::LostReply, 1);
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
    assert_eq!(service.runs(), 1);
    assert_eq!(store.calls(Step::Claim), 2);
}

#[tokio::test]
async fn with_the_store_down_no_push_is_acknowledged_or_run() {
    let (service, store) = on_faulty_store().await;
    store.fail(Step::Claim, Fault::Down, ALWAYS);
    let message = service.message(task::SUCCEED);
    let reply = service.push(&message).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.body, "cannot determine if the message was handled\n");
    assert_eq!(service.runs(), 0);
    store.heal();
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_success_is_recorded_although_the_store_fails_for_a_while() {
    for (fault, times) in [
        (Fault::LostReply, 1),
        (Fault::LostReply, 3),
        (Fault::Down, 4),
    ] {
        let (service, store) = on_faulty_store().await;
        store.fail(Step::Finish, fault, times);
        let message = service.message(task::SUCCEED);
        assert_eq!(service.push(&message).await.status, 204);
        assert_eq!(
            service.push(&message).await.status,
            204,
            "{fault:?} {times}"
        );
        assert_eq!(service.runs(), 1, "{fault:?} {times}");
    }
}

#[tokio::test]
async fn an_unrecorded_success_is_acked_before_the_deadline() {
    let store = FaultyStore::new();
    let deadline = Duration::from_secs(100);
    let service = Setup::new()
        .subscriber(subscriber("probe").ack_deadline(deadline))
        .store(store.clone())
        .start()
        .await;
    store.fail(Step::Finish, Fault::Down, ALWAYS);
    let message = service.message(task::SUCCEED);
    let start = tokio::time::Instant::now();
    let pass = async {
        store.called(Step::Finish, 3).await;
        time_passes(Duration::from_secs(90)).await;
        store.called(Step::Finish, 4).await;
    };
    let (reply, ()) = tokio::join!(service.push(&message), pass);
    assert_eq!(reply.status, 204);
    let took = start.elapsed();
    assert!(took > Duration::from_secs(95), "given up after {took:?}");
    assert!(took < deadline, "after {took:?} Pub/Sub had given up");
}

#[tokio::test]
async fn a_lost_answer_while_waiting_is_not_the_end_of_waiting() {
    let (service, store) = on_faulty_store().await;
    let lost = async { store.fail(Step::Look, Fault::Down, 2) };
    let replies = service
        .push_twice(
            &service.message(task::HOLD),
            lost,
            store.called(Step::Look, 4),
        )
        .await;
    assert_eq!(replies, [204, 204]);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_duplicate_at_the_same_instance_costs_no_store_call() {
    let (service, store) = on_faulty_store().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    let claims = store.calls(Step::Claim);
    for _ in 0..3 {
        assert_eq!(service.push(&message).await.status, 204);
    }
    assert_eq!(store.calls(Step::Claim), claims);
    assert_eq!(service.runs(), 1);
    let (_other, url) = service.instance().await;
    let reply = push_to(&url, message.body(), &service.token()).await;
    assert_eq!(reply.status, 204);
    assert_eq!(service.runs(), 1);
    assert_eq!(
        store.calls(Step::Claim),
        claims + 1,
        "another instance asks"
    );
}

#[tokio::test]
async fn a_known_duplicate_is_acked_while_the_store_is_down() {
    let (service, store) = on_faulty_store().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    store.fail(Step::Claim, Fault::Down, usize::MAX);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        503
    );
}
