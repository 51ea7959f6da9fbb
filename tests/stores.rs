//! Each store keeps the contract, and a service on it survives the store's own troubles.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{DedupStore, MemoryStore, contract};

use crate::harness::redis_server::RedisServer;
use crate::harness::{Service, Setup, push_to, soon, subscriber};

const ROUNDS: u32 = 100;

fn memory() -> contract::Pair {
    let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
    [Arc::clone(&store), store]
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract::every_rule(memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract_in_races() {
    contract::races(memory(), ROUNDS).await;
}

#[tokio::test]
async fn a_full_memory_store_forgets_what_is_done_first_and_never_what_is_in_progress() {
    use pushgate::dedup::{Claim, MessageKey, StoreError, Ticket};
    let store = MemoryStore::new(2);
    let ticket = |id: &str, window| {
        let key = MessageKey {
            subscription: "projects/p/subscriptions/s".into(),
            epoch: 0,
            id: id.into(),
        };
        Ticket::new(key, Duration::from_secs(60), Duration::from_secs(window))
    };
    let (done, running) = (ticket("done", 60), ticket("running", 60));
    for ticket in [&done, &running] {
        assert_eq!(
            store.claim(ticket).await.expect("claimed"),
            Claim::Granted { attempt: 1 }
        );
    }
    assert!(matches!(
        store.claim(&ticket("more", 60)).await,
        Err(StoreError::Full(2))
    ));
    assert!(store.finish(&done).await.is_ok());
    assert_eq!(
        store.claim(&ticket("more", 60)).await.expect("claimed"),
        Claim::Granted { attempt: 1 }
    );
    assert_eq!(
        store.claim(&ticket("running", 60)).await.expect("answered"),
        Claim::InProgress
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_keeps_the_contract() {
    let server = RedisServer::start().await;
    contract::every_rule([server.store(), server.store()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_keeps_the_contract_in_races() {
    let server = RedisServer::start().await;
    contract::races([server.store(), server.store()], ROUNDS).await;
}

async fn service_on(server: &RedisServer) -> Service {
    Setup::new()
        .store(server.store())
        .subscriber(subscriber("probe").lease(Duration::from_secs(2)))
        .start()
        .await
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn two_instances_on_redis_run_each_message_once() {
    let server = RedisServer::start().await;
    let service = service_on(&server).await;
    let (_other, url) = service.instance().await;
    for round in 1..=ROUNDS {
        let message = service.message("ok");
        let (one, other, again) = tokio::join!(
            service.push(&message),
            async { push_to(&url, message.body(), &service.token()).await },
            service.push(&message)
        );
        assert_eq!(
            (one.status, other.status, again.status),
            (204, 204, 204),
            "round {round}"
        );
        assert_eq!(service.probe.runs_of(&message.id), 1, "round {round}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_away_before_the_claim_costs_a_redelivery_and_no_run() {
    let mut server = RedisServer::start().await;
    let service = service_on(&server).await;
    let message = service.message("ok");
    server.stop();
    let start = tokio::time::Instant::now();
    assert_eq!(
        (service.push(&message).await.status, service.runs()),
        (503, 0)
    );
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "a dead store cost {:?}",
        start.elapsed()
    );
    server.restart().await;
    soon("recovery", async {
        while service.push(&message).await.status != 204 {}
    })
    .await;
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_restarted_while_the_handler_runs_is_not_noticed_by_pubsub() {
    let mut server = RedisServer::start().await;
    let service = service_on(&server).await;
    let message = service.message("hold");
    assert_eq!(
        service.push_held(&message, server.restart()).await.status,
        204
    );
    assert_eq!(
        (service.push(&message).await.status, service.runs()),
        (204, 1)
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_away_when_a_success_is_recorded_is_waited_for() {
    let mut server = RedisServer::start().await;
    let service = service_on(&server).await;
    let message = service.message("hold");
    let away = async {
        service.probe.entered(1).await;
        server.stop();
        service.probe.open();
        service.probe.ended(1).await;
        server.restart().await;
    };
    let (reply, ()) = tokio::join!(service.push(&message), away);
    assert_eq!(reply.status, 204);
    assert_eq!(
        (service.push(&message).await.status, service.runs()),
        (204, 1)
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_that_has_forgotten_a_running_claim_still_records_the_success() {
    let mut server = RedisServer::with_durability(false).await;
    let service = service_on(&server).await;
    let message = service.message("hold");
    assert_eq!(
        service.push_held(&message, server.restart()).await.status,
        204
    );
    assert_eq!(
        (service.push(&message).await.status, service.runs()),
        (204, 1)
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn redis_away_when_a_failure_is_given_back_delays_the_message_only() {
    let mut server = RedisServer::start().await;
    let service = service_on(&server).await;
    let message = service.message("hold, then fail once");
    let away = async { server.stop() };
    assert_eq!(service.push_held(&message, away).await.status, 503);
    server.restart().await;
    soon("the lease's end", async {
        while service.push(&message).await.status != 204 {}
    })
    .await;
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_frozen_redis_costs_a_push_its_time_limit_and_nothing_else() {
    let server = RedisServer::start().await;
    let service = service_on(&server).await;
    assert_eq!(service.push(&service.message("ok")).await.status, 204);
    let message = service.message("ok");
    server.freeze();
    assert_eq!(
        (service.push(&message).await.status, service.runs()),
        (503, 1)
    );
    server.thaw();
    soon("recovery", async {
        while service.push(&message).await.status != 204 {}
    })
    .await;
    assert_eq!(service.probe.runs_of(&message.id), 1);
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn readiness_follows_the_store() {
    let mut server = RedisServer::start().await;
    let service = service_on(&server).await;
    soon("readiness", async { while service.ready().await != 200 {} }).await;
    server.stop();
    assert_eq!(service.ready().await, 503);
    server.restart().await;
    soon("readiness", async { while service.ready().await != 200 {} }).await;
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_redis_that_refused_the_password_for_a_while_is_used_again() {
    let server = RedisServer::start().await;
    let store = server.store_as("app:secret");
    let refused = store.ping().await.expect_err("no such password yet");
    assert!(!refused.is_transient(), "{refused:?}");
    server.command(&["acl", "setuser", "app", "on", ">secret", "~*", "+@all"]);
    soon("recovery", async {
        while store.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
