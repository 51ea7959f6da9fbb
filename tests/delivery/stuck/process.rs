//! Stuck handlers of `serve` in a separate process.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, obedient, settings};
use crate::harness::{AUDIENCE, CALLER, PATIENCE, Reply, get, push_to, soon};

/// The running example `stuck`.
struct Stuck {
    process: Process,
    url: String,
    google: Arc<Google>,
    /// Handlers connect to it, and wait until the connection is closed.
    listener: TcpListener,
}

impl Stuck {
    async fn serve(more: &[(&'static str, &str)]) -> Self {
        let google = Arc::new(Google::start().await);
        let mut settings = settings(&google, "memory:");
        settings.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let (process, url) = Process::listening(obedient(), &settings).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self {
            process,
            url,
            google,
            listener,
        }
    }

    fn push(&self, subscription: &str) -> JoinHandle<Reply> {
        let address = self.listener.local_addr().expect("an address").to_string();
        let body = TestMessage::new(subscription, address).body();
        let token = self.google.emulator.issuer().token(CALLER, AUDIENCE);
        let url = self.url.clone();
        tokio::spawn(async move { push_to(&url, body, &token).await })
    }

    /// Waits for this number of stuck handlers. They end when their connections are dropped.
    async fn stuck(&self, handlers: usize) -> Vec<TcpStream> {
        let mut stuck = Vec::new();
        for _ in 0..handlers {
            let accepted = soon("a handler", self.listener.accept()).await;
            stuck.push(accepted.expect("a connection").0);
        }
        stuck
    }

    async fn live(&self) -> Reply {
        let response = get(format!("{}/health/live", self.url)).await;
        crate::harness::reply(response.expect("an answer")).await
    }
}

async fn status(push: JoinHandle<Reply>) -> u16 {
    soon("a reply", push).await.expect("a reply").status
}

#[tokio::test]
async fn async_handlers_that_block_stop_nothing_else() {
    let mut service = Stuck::serve(&[("PUSHGATE_GRACE_SECONDS", "1")]).await;
    let pushes: Vec<_> = (0..100).map(|_| service.push("blocks")).collect();
    let _stuck = service.stuck(3).await;
    assert_eq!(service.live().await.status, 200);
    assert_eq!(status(service.push("succeeds")).await, 204);
    let named = |line: &serde_json::Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("a handler blocks its thread") && line["message_id"].is_string()
    };
    let line = service.process.log(named).await;
    assert_eq!(
        line["subscription"],
        "projects/test-project/subscriptions/blocks"
    );
    let start = tokio::time::Instant::now();
    service.process.signal("-TERM").await;
    assert!(service.process.exit().await.success());
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    for push in pushes {
        assert_eq!(status(push).await, 503);
    }
}

#[tokio::test]
async fn hung_handlers_leave_a_thread_to_other_subscriptions() {
    let service = Stuck::serve(&[]).await;
    let _pushes: Vec<_> = (0..40).map(|_| service.push("hangs")).collect();
    let _stuck = service.stuck(3).await;
    assert_eq!(status(service.push("succeeds-on-thread")).await, 204);
    assert_eq!(service.live().await.status, 200);
}

#[tokio::test]
async fn too_many_threads_past_their_limit_end_liveness() {
    let mut service = Stuck::serve(&[("PUSHGATE_CONCURRENCY", "4")]).await;
    let replaced = [(); 2].map(|()| service.push("hangs-past-its-limit"));
    let _two = service.stuck(2).await;
    for push in replaced {
        assert_eq!(status(push).await, 503);
    }
    assert_eq!(service.live().await.status, 200);
    let one_more = service.push("hangs-past-its-limit");
    let _third = service.stuck(1).await;
    assert_eq!(status(one_more).await, 503);
    let dead = service.live().await;
    assert_eq!(dead.status, 503);
    let reason = dead.body;
    assert!(reason.contains("hangs-past-its-limit (3)"), "{reason}");
    let dead = |line: &serde_json::Value| line["severity"] == "ERROR" && line["reason"].is_string();
    let line = service
        .process
        .log(|line| dead(line) && line["message"] == "not live: this instance must be restarted")
        .await;
    assert_eq!(line["reason"], reason.trim_end());
    let still = service
        .process
        .log(|line| line["outcome"] == "still running")
        .await;
    let reason = still["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("hard limit of 2s") && reason.contains(".hard_limit("),
        "{reason}"
    );
}

#[tokio::test]
async fn a_push_without_a_thread_is_logged_with_its_reason() {
    let mut service = Stuck::serve(&[]).await;
    let _pushes: Vec<_> = (0..40)
        .map(|_| service.push("hangs-past-its-limit"))
        .collect();
    let is_not_begun = |line: &serde_json::Value| line["outcome"] == "not begun";
    let line = service.process.log(is_not_begun).await;
    let reason = line["reason"].as_str().expect("a reason");
    for part in [
        "no thread of the blocking pool",
        "hard limit of 2s",
        "hangs-past-its-limit (",
        ".concurrency(",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn a_timed_out_push_is_logged_with_its_limit() {
    let mut service = Stuck::serve(&[]).await;
    assert_eq!(status(service.push("waits-past-its-limit")).await, 503);
    let timed_out = |line: &serde_json::Value| line["outcome"] == "timed out";
    let line = service.process.log(timed_out).await;
    let reason = line["reason"].as_str().expect("a reason");
    for part in ["hard limit of 2s", ".ack_deadline(", ".hard_limit("] {
        assert!(reason.contains(part), "{reason}");
    }
}
