//! The warnings about a Redis that may lose its records.

use std::time::Duration;

use crate::harness::backend::Server;
use crate::harness::google::Google;
use crate::harness::process::{Process, settings};
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_server::{RedisServer, redis_store};

const EVICTION: &str = "set its maxmemory-policy to noeviction";
const FORGETS: &str = "keeps nothing over a restart";

async fn check(settings: &[&str], expected: &[&str]) {
    let server = RedisServer::with(settings).await;
    let advice = server.store().advice().await.expect("advice");
    assert_eq!(advice.len(), expected.len(), "{settings:?}: {advice:?}");
    for expected in expected {
        assert!(
            advice.iter().any(|sentence| sentence.contains(expected)),
            "{settings:?}: {advice:?}"
        );
    }
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_redis_that_keeps_everything_is_not_advised() {
    check(&["--appendonly", "yes"], &[]).await;
    check(&["--save", "3600 1"], &[]).await;
    let bounded = ["--appendonly", "yes", "--maxmemory", "100mb"];
    check(&bounded, &[]).await;
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn every_policy_that_drops_records_is_named() {
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] {
        let settings = ["--appendonly", "yes", "--maxmemory-policy", policy];
        check(&settings, &[]).await;
        let bounded = [&settings[..], &["--maxmemory", "100mb"]].concat();
        check(&bounded, &[&format!("{EVICTION}, now {policy}")]).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_redis_without_persistence_is_logged() {
    check(&[], &[FORGETS]).await;
    let both = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    check(&both, &[FORGETS, EVICTION]).await;
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_redis_that_hides_its_settings_is_logged() {
    let server = RedisServer::start().await;
    server.command(&["acl", "setuser", "default", "-info"]);
    let advice = server.store().advice().await.expect("advice");
    assert!(
        advice.len() == 1 && advice[0].contains("permit +info"),
        "{advice:?}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn every_master_of_a_cluster_is_looked_at() {
    let cluster = RedisCluster::start(false, Duration::from_secs(600)).await;
    let store = redis_store(&cluster.url());
    assert_eq!(store.advice().await.expect("advice"), Vec::<String>::new());
    let odd = &cluster.nodes[2];
    odd.command(&["config", "set", "maxmemory", "100mb"]);
    odd.command(&["config", "set", "maxmemory-policy", "volatile-ttl"]);
    let advice = store.advice().await.expect("advice");
    let address = format!("the Redis at 127.0.0.1:{} ", cluster.networks[2].port());
    assert!(
        advice.len() == 1 && advice[0].starts_with(&address),
        "{advice:?}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn serve_logs_the_advice_once_the_store_answers() {
    let mut server = RedisServer::with(&[]).await;
    server.kill();
    let google = Google::start().await;
    let (mut process, _) = Process::serve(&settings(&google, &server.url())).await;
    let _away = process.log(|line| line["message"] == "not ready").await;
    server.restart().await;
    let is_advice = |line: &serde_json::Value| {
        let message = line["message"].as_str();
        line["severity"] == "WARNING" && message.is_some_and(|text| text.contains(FORGETS))
    };
    process.log(is_advice).await;
}
