//! Claims whose answers were lost: no delivery runs beside the owner, and none waits for an owner that is gone.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{Claim, ClaimStore, Fingerprint, MessageKey, Ticket, TicketStore};
use pushgate::{AfterCrash, Backoff, Conflict, Idempotency, StoreDown, Subscriber};
use tokio::task::JoinHandle;

use crate::harness::faulty_store::{Fault, FaultyStore, Step};
use crate::harness::message::TestMessage;
use crate::harness::probe::{probe_on_thread, task};
use crate::harness::{Service, Setup, declared, push_to, soon, subscriber, time_passes};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(600);

fn key(id: &str) -> MessageKey {
    MessageKey {
        subscription: "projects/test-project/subscriptions/probe".into(),
        epoch: 0,
        id: id.into(),
    }
}

async fn on(probe: Subscriber) -> (Service, Arc<FaultyStore>) {
    let store = FaultyStore::new();
    let probe = probe.ack_deadline(LONG);
    let setup = Setup::new().subscriber(probe).store(store.clone());
    let service = setup.start().await;
    service.google.keep_dead_letters();
    (service, store)
}

/// Pushes to this instance in a separate task, and returns the status.
fn push_beside(service: &Service, url: &str, message: &TestMessage) -> JoinHandle<u16> {
    let (url, body, token) = (url.to_owned(), message.body(), service.token());
    tokio::spawn(async move { push_to(&url, body, &token).await.status })
}

/// Lets another instance take the message over for good.
async fn take_over(store: &FaultyStore, message: &TestMessage) {
    store.forget();
    let rival = Ticket::new(key(&message.id), LONG, LONG);
    let claimed = store.claim(&rival).await.expect("an answer");
    assert!(matches!(claimed, Claim::Granted { number: 1, .. }));
}

#[tokio::test]
async fn no_attempt_in_process_begins_after_the_claim_was_lost() {
    let pause = Backoff::from_millis(1, 20);
    let (service, store) = on(subscriber("probe")
        .lease(SECOND)
        .attempts_in_process(3, pause))
    .await;
    let message = service.message(task::UNTIL_STOPPED);
    let push = push_beside(&service, &service.url, &message);
    service.probe.entered(1).await;
    take_over(&store, &message).await;
    assert_eq!(soon("the reply", push).await.expect("a push"), 503);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn no_run_begins_on_a_thread_after_the_claim_was_lost() {
    let probe = declared(Subscriber::cpu("probe", probe_on_thread));
    let probe = probe.concurrency(100).lease(SECOND);
    let (service, store) = on(probe).await;
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    let held: Vec<_> = (0..cores)
        .map(|_| push_beside(&service, &service.url, &service.message(task::HOLD)))
        .collect();
    service.probe.entered(cores).await;
    let message = service.message(task::SUCCEED);
    let claims = store.calls(Step::Claim);
    let waits = push_beside(&service, &service.url, &message);
    store.called(Step::Claim, claims + 1).await;
    soon("the claim", async {
        while store.look(&key(&message.id)).await.expect("an answer")
            == pushgate::dedup::Record::Absent
        {}
    })
    .await;
    take_over(&store, &message).await;
    assert_eq!(soon("the reply", waits).await.expect("a push"), 503);
    service.probe.open();
    for push in held {
        soon("the reply", push).await.expect("a push");
    }
    assert_eq!(service.probe.runs_of(&message.id), 0);
}

#[tokio::test]
async fn a_claim_whose_answers_were_all_lost_is_released() {
    let (service, store) = on(subscriber("probe")
        .after_crash(AfterCrash::Park)
        .lease(LONG))
    .await;
    let message = service.message(task::SUCCEED);
    store.fail(Step::Claim, Fault::LostReply, 2);
    assert_eq!(service.push(&message).await.status, 503);
    store.called(Step::Release, 1).await;
    soon("a run", async {
        while service.push(&message).await.status != 204 {}
    })
    .await;
    assert_eq!(service.runs(), 1);
    assert_eq!(service.google.dead_letters().len(), 0);
}

#[tokio::test]
async fn a_claim_that_nobody_gives_back_counts_as_no_run() {
    let (service, store) = on(subscriber("probe")
        .after_crash(AfterCrash::Park)
        .lease(LONG))
    .await;
    let (_other, url) = service.instance().await;
    let message = service.message(task::SUCCEED);
    store.fail(Step::Claim, Fault::LostReply, 2);
    store.fail(Step::Release, Fault::Down, usize::MAX); // as in a process without CPU
    assert_eq!(service.push(&message).await.status, 503);
    let at_another = push_beside(&service, &url, &message);
    assert_eq!(soon("the reply", at_another).await.expect("a push"), 204);
    assert_eq!(service.runs(), 1);
    assert_eq!(service.google.dead_letters().len(), 0);
}

#[tokio::test]
async fn a_run_whose_beginning_cannot_be_stored_does_not_begin() {
    let (service, store) = on(subscriber("probe").after_crash(AfterCrash::Park)).await;
    let message = service.message(task::SUCCEED);
    store.fail(Step::Begin, Fault::LostReply, usize::MAX);
    let first = push_beside(&service, &service.url, &message);
    store.called(Step::Begin, 2).await;
    time_passes(LONG / 2).await;
    assert_eq!(soon("the reply", first).await.expect("a push"), 503);
    assert_eq!(service.runs(), 0);
    store.heal();
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
    assert_eq!(service.google.dead_letters().len(), 0);
}

#[tokio::test]
async fn a_thousand_lost_claims_delay_no_redelivery() {
    let (service, store) = on(subscriber("probe").lease(LONG)).await;
    let messages: Vec<_> = (0..1000).map(|_| service.message(task::SUCCEED)).collect();
    store.fail(Step::Claim, Fault::LostReply, 2 * messages.len());
    store.fail(Step::Release, Fault::Down, usize::MAX);
    for message in &messages {
        assert_eq!(service.push(message).await.status, 503);
    }
    store.heal();
    soon("all runs", async {
        for message in &messages {
            while service.push(message).await.status != 204 {}
        }
    })
    .await;
    assert_eq!(service.runs(), messages.len());
}

#[tokio::test]
async fn a_run_without_the_store_keeps_its_possible_claim() {
    let open = StoreDown::open("a second mail is harmless");
    let (service, store) = on(subscriber("probe").lease(SECOND).when_store_is_down(open)).await;
    let message = service.message(task::HOLD);
    store.fail(Step::Claim, Fault::LostReply, 2);
    let first = push_beside(&service, &service.url, &message);
    service.probe.entered(1).await;
    let second = push_beside(&service, &service.url, &message);
    store.called(Step::Renew, 6).await; // twice its lease
    assert_eq!(service.runs(), 1);
    service.probe.open();
    for push in [first, second] {
        assert_eq!(soon("the reply", push).await.expect("a push"), 204);
    }
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_failed_run_without_the_store_releases_its_possible_claim() {
    let open = StoreDown::open("a second mail is harmless");
    let (service, store) = on(subscriber("probe").when_store_is_down(open).lease(LONG)).await;
    let message = service.message(task::FAIL_ONCE);
    store.fail(Step::Claim, Fault::LostReply, 2);
    assert_eq!(service.push(&message).await.status, 503);
    soon("the next run", async {
        while service.push(&message).await.status != 204 {}
    })
    .await;
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn an_unknown_outcome_of_a_key_is_acked_only_with_a_dead_letter() {
    let by_event = Idempotency::by_attribute("event").on_conflict(Conflict::Ignore);
    let hold = subscriber("probe")
        .idempotency(by_event)
        .after_crash(AfterCrash::Park);
    let (service, store) = on(hold.lease(SECOND)).await;
    let publish = |data: &str| service.message(data).attribute("event", "e-1");
    let (crashed, other) = (publish(task::SUCCEED), publish("other"));
    let ticket = Ticket {
        fingerprint: Some(Fingerprint::of(task::SUCCEED.as_bytes())),
        ..Ticket::new(
            key("key:b94f523196aaacd8bdb9ef0d8cf2e1d8"),
            Duration::from_millis(20),
            LONG,
        ) // SHA-256 of e-1
    };
    store.claim(&ticket).await.expect("an answer");
    store.begin(&ticket).await.expect("an answer");
    for (message, letters) in [(&other, 1), (&crashed, 2)] {
        assert_eq!(service.push(message).await.status, 204);
        let reasons = service.google.dead_letters();
        assert_eq!(reasons.len(), letters);
        for letter in reasons {
            assert_eq!(
                letter.attributes[pushgate::REASON_ATTRIBUTE],
                "outcome unknown"
            );
        }
    }
    assert_eq!(service.runs(), 0);
}

#[tokio::test]
async fn a_run_that_a_deploy_interrupted_is_parked() {
    let store = FaultyStore::new();
    let hold = subscriber("probe")
        .after_crash(AfterCrash::Park)
        .lease(SECOND);
    let setup = Setup::new()
        .subscriber(hold)
        .store(store.clone())
        .setting("PUSHGATE_GRACE_SECONDS", 1);
    let mut service = setup.start().await;
    service.google.keep_dead_letters();
    let (_other, url) = service.instance().await;
    let running = service.take_running();
    let message = service.message(task::HOLD);
    let first = push_beside(&service, &service.url, &message);
    service.probe.entered(1).await;
    running.shut_down().await;
    assert_eq!(soon("the reply", first).await.expect("a push"), 503);
    service.probe.open();
    let second = push_beside(&service, &url, &message);
    assert_eq!(soon("the reply", second).await.expect("a push"), 204);
    assert_eq!(service.runs(), 1);
    assert_eq!(service.google.dead_letters().len(), 1);
}

#[tokio::test]
async fn an_unrecorded_success_is_known_to_its_own_instance() {
    let store = FaultyStore::new();
    let probe = subscriber("probe").lease(SECOND).ack_deadline(10 * SECOND);
    let setup = Setup::new().subscriber(probe).store(store.clone());
    let service = setup.start().await;
    let message = service.message(task::SUCCEED);
    store.fail(Step::Finish, Fault::Down, usize::MAX);
    assert_eq!(service.push(&message).await.status, 204);
    store.forget();
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}
