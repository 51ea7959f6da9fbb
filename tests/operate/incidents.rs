//! Each incident is played against a service in a process of its own. A metric and one log line tell it, and its page quotes both.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::mint::{Issuer, RsaKey};
use crate::harness::process::{Process, command, obedient, settings};
use crate::harness::prometheus::Samples;
use crate::harness::repository::root;
use crate::harness::{AUDIENCE, CALLER, free_port, push_to, soon};

/// The metrics before and after an incident, and the log of the service.
pub(super) struct Played {
    pub(super) before: Samples,
    pub(super) after: Samples,
    process: Process,
}

/// The signs of an incident.
struct Signs {
    /// The page of the incident in `docs/run/`.
    page: &'static str,
    /// The metric that grows, as the page quotes it.
    metric: &'static str,
    /// Its labels, as the page quotes them.
    label: (&'static str, &'static str),
    subscription: &'static str,
    /// The message of the log line.
    message: &'static str,
    status: u16,
    /// The part of the reason that the page quotes.
    reason: &'static str,
}

/// A running service, and Google's side.
struct Scene {
    process: Process,
    url: String,
    metrics: SocketAddr,
    google: Arc<Google>,
    /// A handler of the example `stuck` waits until its connection is closed.
    listener: TcpListener,
}

impl Scene {
    /// Starts the service of this repository if it is named `pushgate`, or the example `stuck`.
    async fn start(program: &str, more: &[(&'static str, String)]) -> Self {
        let google = Arc::new(Google::start().await);
        let topic = "projects/test-project/topics/orders-fulfilment-dead-letter";
        google.emulator.create_topic(topic).expect("a topic");
        let port = free_port();
        let mut settings = settings(&google, "memory:");
        settings.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        settings.extend(more.iter().cloned());
        settings.push(("OTEL_METRICS_EXPORTER", "prometheus".into()));
        settings.push(("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string()));
        let program = match program {
            "pushgate" => command(&["serve"]),
            _ => obedient(),
        };
        let (process, url) = Process::listening(program, &settings).await;
        Self {
            process,
            url,
            metrics: SocketAddr::from(([127, 0, 0, 1], port)),
            google,
            listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        }
    }

    fn token(&self) -> String {
        self.google.emulator.issuer().token(CALLER, AUDIENCE)
    }

    /// Pushes a message that the handler waits with, or that is invalid.
    async fn push(&self, subscription: &str, token: &str) -> u16 {
        let address = self.listener.local_addr().expect("an address");
        let body = TestMessage::new(subscription, address.to_string()).body();
        let url = format!("{}/push/{subscription}", self.url);
        push_to(&url, body, token).await.status
    }

    /// Reads the metrics before and after pushes with this token, and expects their status.
    async fn play(self, subscription: &str, token: &str, status: u16) -> Played {
        let before = Samples::read(self.metrics).await;
        for _ in 0..3 {
            assert_eq!(self.push(subscription, token).await, status);
        }
        Played {
            before,
            after: Samples::read(self.metrics).await,
            process: self.process,
        }
    }
}

/// A publisher sends what the type of the handler does not read.
pub(super) async fn poison() -> Played {
    let scene = Scene::start("pushgate", &[]).await;
    let token = scene.token();
    scene.play("orders-fulfilment", &token, 204).await
}

/// More messages arrive than the service takes.
pub(super) async fn flood() -> Played {
    let one = [("PUSHGATE_CONCURRENCY", "1".to_owned())];
    let scene = Scene::start("stuck", &one).await;
    let token = scene.token();
    let address = scene.listener.local_addr().expect("an address").to_string();
    let held = TestMessage::new("hangs", address).body();
    let (url, first) = (scene.url.clone(), token.clone());
    let held = tokio::spawn(async move { push_to(&url, held, &first).await });
    let handler = soon("the first handler", scene.listener.accept()).await;
    let played = scene.play("hangs", &token, 429).await;
    drop(handler);
    assert_eq!(held.await.expect("a reply").status, 204);
    played
}

/// Nothing listens where the store should be.
pub(super) async fn store_outage() -> Played {
    let address = format!("redis://127.0.0.1:{}", free_port());
    let scene = Scene::start("stuck", &[("PUSHGATE_STORE", address)]).await;
    let token = scene.token();
    scene.play("succeeds", &token, 503).await
}

/// The issuer does not serve the key any more that signed the tokens.
pub(super) async fn expired_key() -> Played {
    let issuer = Issuer::start().await;
    let scene = Scene::start("stuck", &issuer.settings()).await;
    let current = issuer.key.good();
    assert_eq!(scene.push("succeeds", &current).await, 204);
    let expired = RsaKey::new("expired").good();
    scene.play("succeeds", &expired, 401).await
}

/// The subscription's audience is not that of the service.
pub(super) async fn wrong_audience() -> Played {
    let scene = Scene::start("stuck", &[]).await;
    let issuer = scene.google.emulator.issuer();
    let token = issuer.token(CALLER, "https://other.example.com");
    scene.play("succeeds", &token, 403).await
}

/// A handler waits forever.
pub(super) async fn hung_handler() -> Played {
    let scene = Scene::start("stuck", &[]).await;
    let token = scene.token();
    scene.play("waits-past-its-limit", &token, 503).await
}

impl Played {
    async fn shows(mut self, signs: &Signs) {
        let page = format!("docs/run/{}.md", signs.page);
        let page = std::fs::read_to_string(root().join(&page)).expect(&page);
        let sum = |samples: &Samples| samples.sum(signs.metric, &[signs.label]).unwrap_or(0.0);
        assert_eq!(sum(&self.before), 0.0, "{}", signs.metric);
        assert_eq!(sum(&self.after), 3.0, "{}", signs.metric);
        let (label, value) = signs.label;
        let quoted = format!("{{{label}=\"{value}\"}}");
        assert!(
            page.contains(signs.metric) && page.contains(&quoted),
            "the page lacks {quoted}"
        );

        let line = self
            .process
            .log(|line| line["message"] == signs.message)
            .await;
        let reason = line["reason"].as_str().expect("a reason");
        assert_eq!(line["status"], signs.status, "{line}");
        assert!(reason.contains(signs.reason), "{reason}");
        let message = format!("`{}`", signs.message);
        assert!(page.contains(&message), "the page lacks {message}");
        assert!(
            page.contains(signs.reason),
            "the page lacks {:?}",
            signs.reason
        );
        let subscription = line["subscription"].as_str().expect("a subscription");
        assert!(subscription.ends_with(signs.subscription), "{line}");
        self.is_the_only_sign(signs);
    }

    /// No line of another push that failed leads astray.
    fn is_the_only_sign(&self, signs: &Signs) {
        let lines = self.process.lines();
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines.filter(|line| line["status"].as_u64() > Some(204)) {
            assert_eq!(line["message"], signs.message, "{line}");
        }
    }
}

#[tokio::test]
async fn a_poison_message_is_told_by_one_metric_and_one_line() {
    let signs = Signs {
        page: "dead-letters",
        metric: "messaging_client_sent_messages_total",
        label: ("pushgate_dead_letter_reason", "payload"),
        subscription: "orders-fulfilment",
        message: "push dead-lettered",
        status: 204,
        reason: "payload does not fit",
    };
    poison().await.shows(&signs).await;
}

#[tokio::test]
async fn a_flood_is_told_by_one_metric_and_one_line() {
    let signs = Signs {
        page: "429",
        metric: "pushgate_refusals_total",
        label: ("kind", "process_over_capacity"),
        subscription: "hangs",
        message: "push refused",
        status: 429,
        reason: "over capacity",
    };
    flood().await.shows(&signs).await;
}

#[tokio::test]
async fn a_store_outage_is_told_by_one_metric_and_one_line() {
    let signs = Signs {
        page: "store-down",
        metric: "pushgate_refusals_total",
        label: ("kind", "store_down"),
        subscription: "succeeds",
        message: "push refused",
        status: 503,
        reason: "cannot determine if the message was handled: the deduplication store does not answer",
    };
    store_outage().await.shows(&signs).await;
}

#[tokio::test]
async fn an_expired_key_is_told_by_one_metric_and_one_line() {
    let signs = Signs {
        page: "keys",
        metric: "pushgate_refusals_total",
        label: ("kind", "token_key_unknown"),
        subscription: "succeeds",
        message: "push refused",
        status: 401,
        reason: "is none of the issuer's current keys",
    };
    expired_key().await.shows(&signs).await;
}

#[tokio::test]
async fn a_wrong_audience_is_told_by_one_metric_and_one_line() {
    let signs = Signs {
        page: "401-and-403",
        metric: "pushgate_refusals_total",
        label: ("kind", "other_audience"),
        subscription: "succeeds",
        message: "push refused",
        status: 403,
        reason: "not allowed to push here",
    };
    wrong_audience().await.shows(&signs).await;
}

#[tokio::test]
async fn a_hung_handler_is_told_by_one_metric_and_one_line() {
    let signs = Signs {
        page: "slow-handler",
        metric: "pushgate_deliveries_total",
        label: ("outcome", "timed out"),
        subscription: "waits-past-its-limit",
        message: "push timed out",
        status: 503,
        reason: "the handler passed its hard limit",
    };
    hung_handler().await.shows(&signs).await;
}
