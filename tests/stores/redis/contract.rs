//! Redis in each of its forms keeps the contract.

use std::time::Duration;

use pushgate::dedup::contract;

use crate::harness::backend::{Backend, Server};
use crate::harness::probe::task;
use crate::harness::redis_server::{RedisServer, redis_store};
use crate::harness::{Service, Setup, push_to, soon, subscriber};

const ROUNDS: u32 = 100;
const TIMEOUT: Duration = Duration::from_secs(2);

fn pair(backend: &Backend) -> contract::Pair {
    [backend.store(TIMEOUT), backend.store(TIMEOUT)]
}

macro_rules! keeps_the_contract {
    ($($store:ident, $needs:literal;)*) => {$(
        mod $store {
            use super::{Backend, ROUNDS, contract, pair};

            #[tokio::test]
            #[ignore = $needs]
            async fn keeps_the_contract() {
                let backend = Backend::$store().await;
                contract::every_rule(pair(&backend)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            #[ignore = $needs]
            async fn keeps_the_contract_in_races() {
                let backend = Backend::$store().await;
                contract::races(pair(&backend), ROUNDS).await;
            }
        }
    )*};
}

keeps_the_contract! {
    redis_single, "needs redis-server (./test installs it)";
    redis_sentinel, "needs redis-server and redis-sentinel (./test installs them)";
    redis_cluster, "needs redis-server (./test installs it)";
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
async fn two_instances_run_each_message_once() {
    let server = RedisServer::start().await;
    let service = service_on(&server).await;
    let (_other, url) = service.instance().await;
    for round in 1..=ROUNDS {
        let message = service.message(task::SUCCEED);
        let (one, other, again) = tokio::join!(
            service.push(&message),
            async { push_to(&url, message.body(), &service.token()).await },
            service.push(&message)
        );
        assert_eq!(one.status, 204, "round {round}");
        assert_eq!(other.status, 204, "round {round}");
        assert_eq!(again.status, 204, "round {round}");
        assert_eq!(service.probe.runs_of(&message.id), 1, "round {round}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_forgotten_claim_is_still_recorded_as_done() {
    let mut server = RedisServer::with(&["--appendonly", "no"]).await;
    let service = service_on(&server).await;
    let message = service.message(task::HOLD);
    assert_eq!(
        service.push_held(&message, server.restart()).await.status,
        204
    );
    assert_eq!(service.push(&message).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn readiness_follows_the_store() {
    let mut server = RedisServer::start().await;
    let service = service_on(&server).await;
    soon("readiness", async { while service.ready().await != 200 {} }).await;
    server.kill();
    soon("no readiness", async {
        while service.ready().await != 503 {}
    })
    .await;
    server.restart().await;
    soon("readiness", async { while service.ready().await != 200 {} }).await;
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn one_that_refused_the_password_for_a_while_is_used_again() {
    let server = RedisServer::start().await;
    let store = redis_store(&format!("redis://app:secret@127.0.0.1:{}", server.port));
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
