//! Leases that are renewed, lost or forgotten, and their settlements.

use std::time::Duration;

use crate::harness::faulty_store::{Fault, Step, on_faulty_store};
use crate::harness::probe::task;
use crate::harness::{Setup, push_to, subscriber};

const ALWAYS: usize = usize::MAX;

#[tokio::test]
async fn a_claim_whose_answers_were_lost_only_delays_its_message() {
    let (service, store) = on_faulty_store().await;
    store.fail(Step::Claim, Fault::LostReply, 2);
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 503);
    assert_eq!(
        service.push(&message).await.status,
        204,
        "waits for the lease to end, and takes over"
    );
    assert_eq!(
        service.runs(),
        1,
        "waits for the lease to end, and takes over"
    );
}

#[tokio::test]
async fn a_release_that_is_lost_delays_the_message_by_its_lease_only() {
    let (service, store) = on_faulty_store().await;
    store.fail(Step::Release, Fault::Down, ALWAYS);
    let message = service.message(task::FAIL_ONCE);
    assert_eq!(service.push(&message).await.status, 503);
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn a_kept_lease_outlasts_itself_many_times() {
    let (service, store) = on_faulty_store().await;
    let three_leases = store.called(Step::Renew, 9);
    let replies = service
        .push_twice(
            &service.message(task::HOLD),
            three_leases,
            store.called(Step::Look, 1),
        )
        .await;
    assert_eq!(replies, [204, 204]);
    assert_eq!(service.runs(), 1);
}

/// The first run loses its lease to a second one, and can then neither finish nor release.
#[tokio::test]
async fn a_late_worker_whose_lease_was_lost_is_fenced_out() {
    for _round in 0..10 {
        let (service, store) = on_faulty_store().await;
        store.fail(Step::Renew, Fault::Down, ALWAYS);
        let message = service.message(task::HOLD);
        let second = async {
            service.probe.entered(1).await;
            service.push(&message).await
        };
        let opened = async {
            service.probe.entered(2).await;
            service.probe.open();
        };
        let (first, second, ()) = tokio::join!(service.push(&message), second, opened);
        // The second run owns the claim, whichever ends first: it is recorded, and the first is answered 503 or 204.
        assert_eq!(second.status, 204);
        assert!([204, 409].contains(&first.status), "{}", first.status);
        assert_eq!(service.push(&message).await.status, 204);
        assert_eq!(service.runs(), 2);
    }
}

#[tokio::test]
async fn a_handler_whose_claim_was_lost_releases_nothing() {
    let (service, store) = on_faulty_store().await;
    store.fail(Step::Renew, Fault::Down, ALWAYS);
    let message = service.message(task::UNTIL_STOPPED);
    let second = async {
        service.probe.entered(1).await;
        let second = tokio::spawn({
            let (url, body, token) = (service.url.clone(), message.body(), service.token());
            async move { push_to(&url, body, &token).await }
        });
        service.probe.entered(2).await; // it took over
        store.heal(); // the first one learns that it has lost
        service.probe.asked_to_stop(1).await;
        second.abort();
    };
    let (first, ()) = tokio::join!(service.push(&message), second);
    assert_eq!(first.status, 503);
    let waits = service.push(&message);
    tokio::select! {
        reply = waits => panic!("the second still holds the claim: {reply:?}"),
        () = store.called(Step::Look, 4) => {}
    }
}

#[tokio::test]
async fn a_success_without_its_claim_survives_lost_answers() {
    for (step, fault) in [
        (Step::Claim, Fault::LostReply),
        (Step::Claim, Fault::Down),
        (Step::Finish, Fault::LostReply),
        (Step::Finish, Fault::Down),
    ] {
        let (service, store) = on_faulty_store().await;
        let message = service.message(task::HOLD);
        let forgotten = async {
            store.forget();
            store.fail(step, fault, 2);
        };
        assert_eq!(
            service.push_held(&message, forgotten).await.status,
            204,
            "{step:?} {fault:?}"
        );
        assert_eq!(
            service.push(&message).await.status,
            204,
            "{step:?} {fault:?}"
        );
        assert_eq!(service.runs(), 1, "{step:?} {fault:?}");
    }
}

#[tokio::test]
async fn a_forgotten_claim_is_claimed_again_by_its_run() {
    let (service, store) = on_faulty_store().await;
    let forgotten = async {
        store.forget();
        store
            .called(Step::Renew, store.calls(Step::Renew) + 2)
            .await;
    };
    let replies = service
        .push_twice(
            &service.message(task::HOLD),
            forgotten,
            store.called(Step::Look, 1),
        )
        .await;
    assert_eq!(replies, [204, 204]);
    assert_eq!(service.runs(), 1);
}

/// A publish that hangs outlasts the lease many times. The lease is renewed, so no second delivery publishes a dead letter.
#[tokio::test]
async fn a_slow_dead_letter_publish_keeps_its_claim() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let short = subscriber("probe")
        .lease(Duration::from_secs(1))
        .ack_deadline(Duration::from_secs(10));
    let service = Setup::new()
        .subscriber(short)
        .setting("PUBSUB_EMULATOR_HOST", address)
        .start()
        .await;
    let message = service.message(task::DEAD_LETTER);
    let second = async {
        service.probe.entered(1).await;
        service.push(&message).await
    };
    let (first, second) = tokio::join!(service.push(&message), second);
    assert_eq!(first.status, 503);
    assert_eq!(second.status, 503);
    assert_eq!(service.runs(), 1);
}
