//! Access to Redis: TLS with a private authority, passwords, a user with few rights.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{DedupStore, RedisAddress, RedisStore, contract};

use crate::harness::authority::Authority;
use crate::harness::google::Google;
use crate::harness::process::{Process, settings};
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_server::{RedisServer, redis_store};
use crate::harness::{free_port, get, soon};

/// Long enough for a TLS handshake on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The rights of pushgate's user, as documented.
const USER: &str = "acl setuser app on >hu%sh ~pushgate:* +eval +evalsha +get +set +del +time +pttl +ping +info +role +cluster|slots +asking";

fn permit(server: &RedisServer) {
    server.command(&USER.split(' ').collect::<Vec<_>>());
}

/// A server with TLS, and the port for it.
async fn with_tls(authority: &Authority) -> (RedisServer, u16) {
    let port = free_port();
    let settings = authority.redis_settings(port);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    (RedisServer::with(&settings).await, port)
}

fn trusting_store(url: &str, authority: &Authority) -> Arc<dyn DedupStore> {
    let address: RedisAddress = url.parse().expect(url);
    let address = address.trusting(authority.pem()).expect("TLS");
    Arc::new(RedisStore::new(&address, TIMEOUT).expect("a store"))
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_user_with_few_rights_keeps_the_contract_over_tls() {
    let authority = Authority::new();
    let (server, port) = with_tls(&authority).await;
    permit(&server);
    let url = format!("rediss://app:hu%25sh@127.0.0.1:{port}");
    let [one, other] = [&url, &url].map(|url| trusting_store(url, &authority));
    contract::every_rule([Arc::clone(&one), other]).await;
    let advice = one.advice().await.expect("advice");
    assert!(
        advice.len() == 1 && advice[0].contains("CONFIG GET is not permitted"),
        "{advice:?}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_user_who_may_do_little_keeps_the_contract_in_a_cluster() {
    let cluster = RedisCluster::start(false, Duration::from_secs(600)).await;
    cluster.nodes.iter().for_each(permit);
    let url = cluster.url().replace("://", "://app:hu%25sh@");
    contract::every_rule([redis_store(&url), redis_store(&url)]).await;
}

#[tokio::test]
#[ignore = "needs redis-server and redis-sentinel (./test installs them)"]
async fn sentinels_have_passwords_of_their_own() {
    let server = RedisServer::start().await;
    permit(&server);
    let passwords =
        "user default on >guard ~* &* +@all\nuser watch on >hush +sentinel|get-master-addr-by-name";
    let sentinel = RedisServer::sentinel(server.port, Duration::from_secs(600), passwords).await;
    let url = |query: &str| {
        format!(
            "redis-sentinel://app:hu%25sh@127.0.0.1:{}/main?{query}",
            sentinel.port
        )
    };
    let login = "sentinel_username=watch&sentinel_password=hush";
    let (one, other) = (redis_store(&url(login)), redis_store(&url(login)));
    contract::every_rule([one, other]).await;
    let error = redis_store(&url("sentinel_password=wrong")).ping().await;
    assert!(!error.expect_err("a wrong password").is_transient());
    let nobody = url(login).replace("/main", "/nobody");
    let error = redis_store(&nobody)
        .ping()
        .await
        .expect_err("no such master");
    assert!(format!("{error:?}").contains("nobody"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn an_authority_that_is_not_trusted_is_refused() {
    let authority = Authority::new();
    let (_server, port) = with_tls(&authority).await;
    let url = format!("rediss://127.0.0.1:{port}");
    assert!(redis_store(&url).ping().await.is_err());
    let store = trusting_store(&url, &Authority::new());
    assert!(store.ping().await.is_err());
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn the_nodes_of_a_cluster_are_reached_by_tls() {
    let authority = Authority::new();
    let cluster = RedisCluster::over_tls(&authority).await;
    let url = cluster.url().replace("redis-", "rediss-");
    let [one, other] = [&url, &url].map(|url| trusting_store(url, &authority));
    contract::every_rule([one, other]).await;
    assert!(
        redis_store(&url).ping().await.is_err(),
        "nobody else's authority"
    );
}

#[tokio::test]
#[ignore = "needs redis-server and redis-sentinel (./test installs them)"]
async fn sentinels_are_reached_by_tls() {
    let authority = Authority::new();
    let (_server, port) = with_tls(&authority).await;
    let tls = free_port();
    let settings: String = authority
        .redis_settings(tls)
        .chunks(2)
        .map(|setting| format!("{} {}\n", &setting[0][2..], setting[1]))
        .collect();
    let _sentinel = RedisServer::sentinel(port, Duration::from_secs(600), &settings).await;
    let url = format!("rediss-sentinel://127.0.0.1:{tls}/main");
    let [one, other] = [&url, &url].map(|url| trusting_store(url, &authority));
    contract::every_rule([one, other]).await;
    assert!(
        redis_store(&url).ping().await.is_err(),
        "nobody else's authority"
    );
}

#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn serve_reads_the_stores_password_from_its_own_setting() {
    let authority = Authority::new();
    let (server, port) = with_tls(&authority).await;
    permit(&server);
    let google = Google::start().await;
    let mut settings = settings(&google, &format!("rediss://app@127.0.0.1:{port}"));
    settings.push(("PUSHGATE_STORE_PASSWORD", "hu%sh".into()));
    settings.push(("PUSHGATE_STORE_CA_FILE", authority.file("ca.pem")));
    let (process, url) = Process::serve(&settings).await;
    soon("readiness", async {
        let ready = || get(format!("{url}/health/ready"));
        while ready().await.expect("an answer").status() != 200 {}
    })
    .await;
    assert!(process.lines().iter().all(|line| !line.contains("hu%sh")));
}
