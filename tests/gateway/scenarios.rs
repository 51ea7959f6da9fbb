//! A subscriber in Rust, and the FastAPI example behind a gateway: the same messages, the same crashes, the same results.

use std::process::Stdio;
use std::time::Duration;

use emulator::{DeadLetterPolicy, Message, PushConfig, RetryPolicy, SubscriptionConfig};
use serde_json::{Value, json};
use tokio::process::Command;

use super::Declarations;
use crate::harness::google::Google;
use crate::harness::official::option;
use crate::harness::process::{Process, settings};
use crate::harness::redis_server::RedisServer;
use crate::harness::warehouse::{HELD, Warehouse};
use crate::harness::{AUDIENCE, CALLER, PROJECT, free_port, soon};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fastapi");
const SUBSCRIPTION: &str = "projects/test-project/subscriptions/orders-fulfilment";
const TOPIC: &str = "projects/test-project/topics/orders";
const DEAD_LETTERS: &str = "orders-fulfilment-dead-letter";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
}

/// A shop whose orders are fulfilled in one of the languages.
struct Scene {
    google: Google,
    warehouse: Warehouse,
    _redis: RedisServer,
    settings: Vec<(&'static str, String)>,
    /// Receives the pushes.
    service: Process,
    /// Runs the handler, if that is not the service.
    application: Option<(Process, u16)>,
    declarations: Declarations,
}

/// Starts the example, and waits until it serves.
async fn application(port: u16, warehouse: &str) -> Process {
    let mut command = Command::new(option("PUSHGATE_TEST_FASTAPI"));
    command
        .args(["-m", "uvicorn", "app:app", "--no-access-log", "--port"])
        .arg(port.to_string())
        .current_dir(EXAMPLE)
        .env("WAREHOUSE_URL", warehouse)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let mut process = Process::start(command);
    process.line("Uvicorn running on").await;
    process
}

impl Scene {
    async fn start(language: Language) -> Self {
        let google = Google::start().await;
        let warehouse = Warehouse::start().await;
        let redis = RedisServer::start().await;
        let port = free_port();
        let example = std::fs::read_to_string(format!("{EXAMPLE}/gateway.yaml"));
        let example = example.expect("the example");
        let declarations = Declarations::new(&example.replace(":8000", &format!(":{port}")));
        let mut settings = settings(&google, &redis.url());
        settings.retain(|(name, _)| *name != "PORT");
        settings.push(("PORT", free_port().to_string()));
        settings.push(("WAREHOUSE_URL", warehouse.url.clone()));
        let ((service, url), application) = match language {
            Language::Rust => (Process::serve(&settings).await, None),
            Language::Python => {
                let application = application(port, &warehouse.url).await;
                let gateway = declarations.serve(&google, &settings).await;
                (gateway, Some((application, port)))
            }
        };
        subscribe(&google, &url);
        Self {
            google,
            warehouse,
            _redis: redis,
            settings,
            service,
            application,
            declarations,
        }
    }

    fn publish(&self, order: &str, article: &str) -> String {
        let order = json!({"orderId": order, "customerEmail": "ada@example.com", "lines": [{"article": article, "quantity": 2, "priceCents": 1999}]});
        self.publish_data(&order.to_string())
    }

    fn publish_data(&self, data: &str) -> String {
        let published = self
            .google
            .emulator
            .publish(TOPIC, Message::new(data.to_owned()));
        published.expect("published")
    }

    /// Waits for the outcome of a delivery of this message.
    async fn outcome(&mut self, id: &str, outcome: &str) -> Value {
        let is_it = |line: &Value| line["message_id"] == id && line["outcome"] == outcome;
        self.service.log(is_it).await
    }

    /// Kills the process that runs the handler, and starts it again.
    async fn crash(&mut self) {
        match self.application.take() {
            Some((running, port)) => {
                running.signal("-KILL").await;
                drop(running);
                let again = application(port, &self.warehouse.url).await;
                self.application = Some((again, port));
            }
            None => {
                self.kill_service().await;
                self.service = Process::serve(&self.settings).await.0;
            }
        }
    }

    async fn kill_service(&mut self) {
        self.service.signal("-KILL").await;
        self.service.exit().await;
    }
}

fn subscribe(google: &Google, url: &str) {
    let emulator = &google.emulator;
    let name = |kind: &str, id: &str| format!("projects/{PROJECT}/{kind}/{id}");
    let dead_letters = name("topics", DEAD_LETTERS);
    for topic in [TOPIC, &dead_letters] {
        emulator.create_topic(topic).expect("a topic");
    }
    let keeper = SubscriptionConfig::new(name("subscriptions", DEAD_LETTERS), &*dead_letters);
    emulator.create_subscription(keeper).expect("a keeper");
    let mut config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    config.push_config = Some(PushConfig::new(url).signed_as(CALLER, Some(AUDIENCE)));
    config.retry_policy = Some(RetryPolicy {
        minimum_backoff: Duration::from_millis(50),
        maximum_backoff: Duration::from_secs(1),
    });
    config.dead_letter_policy = Some(DeadLetterPolicy {
        max_delivery_attempts: 100,
        ..DeadLetterPolicy::new(dead_letters)
    });
    emulator
        .create_subscription(config)
        .expect("a subscription");
}

async fn a_duplicate_has_no_effect(language: Language) {
    let mut scene = Scene::start(language).await;
    let id = scene.publish("A-1", "teapot");
    scene.outcome(&id, "handled").await;
    let again = scene.google.emulator.deliver_again(SUBSCRIPTION, &id);
    again.expect("delivered");
    scene.outcome(&id, "duplicate").await;
    let ledger = scene.warehouse.until("a call", |_| true).await;
    assert_eq!(ledger.calls["A-1"], 1);
}

async fn a_locked_hall_is_tried_again_with_the_same_key(language: Language) {
    let mut scene = Scene::start(language).await;
    let id = scene.publish("A-1", "kayak");
    let failed = scene.outcome(&id, "failed").await;
    let text = failed.to_string();
    assert!(text.contains("the warehouse answered 423"), "{text}");
    scene.outcome(&id, "handled").await;
    let ledger = scene.warehouse.until("a call", |_| true).await;
    assert_eq!(ledger.calls["A-1"], 2);
    assert_eq!(ledger.reservations.len(), 1);
}

async fn what_can_never_succeed_is_dead_lettered(language: Language) {
    let mut scene = Scene::start(language).await;
    let unknown = scene.publish("A-1", "unicorn");
    let broken =
        scene.publish_data(r#"{"orderId": "hush", "customerEmail": "a@example.com", "lines": []}"#);
    for id in [&unknown, &broken] {
        scene.outcome(id, "dead-lettered").await;
    }
    let keeper = format!("projects/{PROJECT}/subscriptions/{DEAD_LETTERS}");
    let letters = scene.google.emulator.unacked_messages(&keeper);
    let of = |id: &str| {
        let mut of_it = letters
            .iter()
            .filter(|letter| letter.attributes[pushgate::MESSAGE_ID_ATTRIBUTE] == id);
        let letter = of_it.next();
        letter.expect("a dead letter").attributes[pushgate::ERROR_ATTRIBUTE].clone()
    };
    assert_eq!(
        of(&unknown),
        "the warehouse has no such article as in line 1"
    );
    let reason = of(&broken);
    assert!(
        reason.starts_with("payload does not fit: ") && reason.contains("lines"),
        "{reason}"
    );
    assert!(!reason.contains("hush"), "{reason}");
}

async fn a_crash_in_mid_handler_loses_nothing(language: Language) {
    let mut scene = Scene::start(language).await;
    let id = scene.publish(HELD, "teapot");
    let begun = scene
        .warehouse
        .until("the held call", |ledger| ledger.calls.contains_key(HELD));
    begun.await;
    scene.crash().await;
    scene.outcome(&id, "handled").await;
    let ledger = scene.warehouse.until("a call", |_| true).await;
    assert_eq!(ledger.calls[HELD], 2);
    assert_eq!(ledger.reservations.len(), 1, "two runs have one key");
}

async fn a_shutdown_waits_for_the_handler(language: Language) {
    let mut scene = Scene::start(language).await;
    let mut events = scene.google.emulator.delivery_events();
    let id = scene.publish(HELD, "teapot");
    let begun = scene
        .warehouse
        .until("the held call", |ledger| ledger.calls.contains_key(HELD));
    begun.await;
    scene.service.signal("-TERM").await;
    scene.service.line("shutting down").await;
    scene.warehouse.open();
    let acked = async { while !events.recv().await.expect("events").is_acked() {} };
    soon("the ack", acked).await;
    scene.outcome(&id, "handled").await;
    assert!(scene.service.exit().await.success());
}

/// Runs a scenario in both languages.
macro_rules! in_both_languages {
    ($($scenario:ident),*) => {
        mod rust {
            use super::Language;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs redis-server (./test finds or installs it)"]
                async fn $scenario() {
                    super::$scenario(Language::Rust).await;
                }
            )*
        }

        mod python {
            use super::Language;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs redis-server and FastAPI (./test finds or installs them)"]
                async fn $scenario() {
                    super::$scenario(Language::Python).await;
                }
            )*
        }
    };
}

in_both_languages!(
    a_duplicate_has_no_effect,
    a_locked_hall_is_tried_again_with_the_same_key,
    what_can_never_succeed_is_dead_lettered,
    a_crash_in_mid_handler_loses_nothing,
    a_shutdown_waits_for_the_handler
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server and FastAPI (./test finds or installs them)"]
async fn a_crash_of_the_gateway_loses_nothing() {
    let mut scene = Scene::start(Language::Python).await;
    let id = scene.publish(HELD, "teapot");
    let begun = scene
        .warehouse
        .until("the held call", |ledger| ledger.calls.contains_key(HELD));
    begun.await;
    scene.kill_service().await;
    scene.service = scene
        .declarations
        .serve(&scene.google, &scene.settings)
        .await
        .0;
    scene.outcome(&id, "handled").await;
    let ledger = scene.warehouse.until("a call", |_| true).await;
    assert_eq!((ledger.calls[HELD], ledger.reservations.len()), (2, 1));
}
