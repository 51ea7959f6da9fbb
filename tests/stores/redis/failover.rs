//! The master of Redis dies while a claim is held, and its replica takes its place.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{DedupStore, MessageKey};

use crate::harness::backend::Server;
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_server::{RedisServer, redis_store, redis_store_within};
use crate::harness::{Service, Setup, soon, subscriber};

/// Time without an answer after which a server counts as dead.
const PATIENCE: Duration = Duration::from_millis(700);

async fn service_on(store: Arc<dyn DedupStore>) -> Service {
    Setup::new()
        .store(store)
        .subscriber(subscriber("probe").lease(Duration::from_secs(2)))
        .start()
        .await
}

/// Kills `master` while a handler runs, after the claim has reached the replica.
async fn push_while(
    service: &Service,
    message: &TestMessage,
    lose_the_master: impl Future<Output = ()>,
) {
    let reply = service.push_held(message, lose_the_master).await;
    assert_eq!(reply.status, 204);
    assert_eq!(
        service.push(message).await.status,
        204,
        "the new master knows that it is done"
    );
    assert_eq!(service.runs(), 1, "the new master knows that it is done");
    let next = service.message(task::SUCCEED);
    soon("the next message", async {
        while service.push(&next).await.status != 204 {}
    })
    .await;
    assert_eq!(service.probe.runs_of(&next.id), 1);
}

struct Watched {
    master: RedisServer,
    replica: RedisServer,
    sentinel: RedisServer,
}

impl Watched {
    async fn start() -> Self {
        let master = RedisServer::start().await;
        let of = format!("127.0.0.1 {}", master.port);
        let replica = RedisServer::with(&["--appendonly", "yes", "--replicaof", &of]).await;
        replica
            .answers(&["info", "replication"], |answer| {
                answer.contains("master_link_status:up")
            })
            .await;
        let sentinel = RedisServer::sentinel(master.port, PATIENCE, "").await;
        let port = replica.port.to_string();
        sentinel
            .answers(&["sentinel", "replicas", "main"], |answer| {
                answer.contains(&port)
            })
            .await;
        Self {
            master,
            replica,
            sentinel,
        }
    }

    fn store(&self) -> Arc<dyn DedupStore> {
        redis_store(&format!(
            "redis-sentinel://127.0.0.1:{}/main",
            self.sentinel.port
        ))
    }

    async fn promoted(&self) {
        self.replica
            .answers(&["role"], |answer| answer.starts_with("master"))
            .await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server and redis-sentinel (./test installs them)"]
async fn a_claim_outlives_the_master_that_sentinels_know() {
    let mut redis = Watched::start().await;
    let service = service_on(redis.store()).await;
    let message = service.message(task::HOLD);
    push_while(&service, &message, async {
        redis
            .replica
            .answers(&["dbsize"], |answer| answer == "1")
            .await;
        redis.master.kill();
    })
    .await;
    redis.promoted().await;
}

#[tokio::test]
#[ignore = "needs redis-server and redis-sentinel (./test installs them)"]
async fn a_master_that_became_a_replica_is_left_at_its_first_refusal() {
    let redis = Watched::start().await;
    let store = redis.store();
    let service = service_on(Arc::clone(&store)).await;
    let message = service.message(task::HOLD);
    push_while(&service, &message, async {
        redis
            .replica
            .answers(&["dbsize"], |answer| answer == "1")
            .await;
        redis.sentinel.command(&["sentinel", "failover", "main"]);
        redis.promoted().await;
        redis
            .master
            .answers(&["role"], |answer| answer.starts_with("slave"))
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis-server and redis-sentinel (./test installs them)"]
async fn a_sentinel_that_is_frozen_delays_nobody() {
    let redis = Watched::start().await;
    let frozen = RedisServer::sentinel(redis.master.port, PATIENCE, "").await;
    frozen.freeze();
    let (first, second) = (frozen.port, redis.sentinel.port);
    let url = format!("redis-sentinel://127.0.0.1:{first},127.0.0.1:{second}/main");
    redis_store(&url)
        .ping()
        .await
        .expect("the other Sentinel answers");
    frozen.thaw();
}

#[tokio::test]
#[ignore = "needs redis-server and redis-sentinel (./test installs them)"]
async fn a_replica_that_a_sentinel_takes_for_a_master_is_not_used() {
    let redis = Watched::start().await;
    let mistaken = RedisServer::sentinel(redis.replica.port, Duration::from_secs(600), "").await;
    let store = redis_store(&format!(
        "redis-sentinel://127.0.0.1:{}/main",
        mistaken.port
    ));
    let error = store.ping().await.expect_err("not a master");
    assert!(error.is_transient(), "it may become one: {error:?}");
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_claim_outlives_its_master_in_a_cluster() {
    let mut cluster = RedisCluster::start(true, PATIENCE).await;
    let service = service_on(redis_store(&cluster.url())).await;
    let message = service.message(task::HOLD);
    push_while(&service, &message, async {
        let (master, _) = cluster.holders().await;
        cluster.nodes[master].kill();
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_claim_outlives_a_master_of_a_cluster_that_freezes() {
    let cluster = RedisCluster::start(true, PATIENCE).await;
    let service = service_on(redis_store(&cluster.url())).await;
    let message = service.message(task::HOLD);
    push_while(&service, &message, async {
        let (master, _) = cluster.holders().await;
        cluster.nodes[master].freeze();
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_frozen_node_of_a_cluster_stops_no_other() {
    let cluster = RedisCluster::start(false, Duration::from_secs(600)).await;
    cluster.nodes[2].freeze();
    let store = redis_store_within(&cluster.url(), Duration::from_millis(800));
    let looks = (0..24).map(|number| {
        let key = MessageKey {
            subscription: "projects/test/subscriptions/frozen".into(),
            epoch: 0,
            id: number.to_string(),
        };
        let store = Arc::clone(&store);
        async move { store.look(&key).await.is_ok() }
    });
    let answered = futures_util::future::join_all(looks).await;
    let answered = answered
        .into_iter()
        .filter(|is_answered| *is_answered)
        .count();
    assert!((8..24).contains(&answered), "{answered} of 24");
    store.ping().await.expect("two of three answer");
    cluster.nodes[2].thaw();
}
