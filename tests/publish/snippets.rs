//! The snippets of `m2m/README.md`: each publishes an order that fits its subscriber's type.

use m2m::orders::OrderPlaced;
use pushgate::{Config, Context, Environment, Idempotency, Message, Service, State, Subscriber};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::harness::google::Google;
use crate::harness::official::option;
use crate::harness::process::{pushgate, settings};
use crate::harness::{AUDIENCE, CALLER, PROJECT, soon};

#[path = "publish_order.rs"]
#[expect(
    dead_code,
    clippy::print_stdout,
    reason = "a program of its own, whose main is not run here"
)]
mod publish_order;

const README: &str = include_str!("../../m2m/README.md");
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Received = (OrderPlaced, Context);

/// Hands every order to the test.
async fn receive(
    order: Message<OrderPlaced>,
    context: Context,
    test: State<mpsc::Sender<Received>>,
) {
    let _ = test.send((order.0, context)).await;
}

/// The code block below a heading.
fn snippet(heading: &str) -> &'static str {
    let (_, section) = README
        .split_once(&format!("\n### {heading}\n"))
        .expect("the heading");
    let (_, block) = section.split_once("\n```").expect("a block");
    let (_, code) = block.split_once('\n').expect("a language");
    code.split_once("```").expect("its end").0
}

struct Scene {
    google: Google,
    _running: pushgate::Running,
    received: mpsc::Receiver<Received>,
}

impl Scene {
    /// A service whose only subscriber is pushed to from the topic `orders`.
    async fn start() -> Self {
        let google = Google::start().await;
        let environment: Environment = settings(&google, "memory:").into_iter().collect();
        let config = Config::read(&environment).expect("settings").on_loopback(0);
        let (sender, received) = mpsc::channel(10);
        let subscriber = Subscriber::new("watch", receive)
            .topic("orders")
            .purpose("Hands orders to a test.")
            .producers(["the snippets"])
            .idempotency(Idempotency::by_attribute("event-id"));
        let service = Service::new()
            .state(move |_| std::future::ready(Ok::<_, std::io::Error>(sender.clone())))
            .subscriber(subscriber);
        let running = service.start(&config).await.expect("the service starts");
        let topic = format!("projects/{PROJECT}/topics/orders");
        google.emulator.create_topic(&topic).expect("a topic");
        let name = format!("projects/{PROJECT}/subscriptions/watch");
        let endpoint = format!("http://{}/push/watch", running.address());
        let push = emulator::PushConfig::new(endpoint).signed_as(CALLER, Some(AUDIENCE));
        let mut subscription = emulator::SubscriptionConfig::new(name, topic);
        subscription.push_config = Some(push);
        google
            .emulator
            .create_subscription(subscription)
            .expect("a subscription");
        Self {
            google,
            _running: running,
            received,
        }
    }

    fn host(&self) -> String {
        self.google.emulator.address().to_string()
    }

    /// Runs a program with the snippet as its last argument, and returns its output.
    async fn run(&self, program: &str, arguments: &[&str], heading: &str) -> String {
        let output = Command::new(program)
            .args(arguments)
            .arg(snippet(heading))
            .env("GOOGLE_CLOUD_PROJECT", PROJECT)
            .env("PUBSUB_EMULATOR_HOST", self.host())
            .env("TRACEPARENT", TRACEPARENT)
            .output();
        let output = soon("the end", output).await.expect(program);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Checks that the printed order has arrived, and returns its context.
    async fn receives(mut self, printed: &str) -> Context {
        let (order, context) = soon("an order", self.received.recv())
            .await
            .expect("an order");
        assert_eq!(order.order_id, "A-1001");
        assert_eq!(order.lines.len(), 1);
        assert!(printed.contains(&*context.message_id), "{printed}");
        assert_eq!(context.ordering_key.as_deref(), Some("A-1001"));
        assert!(!context.attributes["event-id"].is_empty());
        context
    }
}

#[tokio::test]
#[ignore = "needs Google's official client for Python (./test installs it)"]
async fn the_snippet_for_python_publishes_by_the_official_client() {
    let scene = Scene::start().await;
    let printed = scene
        .run(&option("PUSHGATE_TEST_PYTHON"), &["-c"], "Python")
        .await;
    let context = scene.receives(&printed).await;
    assert_eq!(context.attributes["traceparent"], TRACEPARENT);
}

#[tokio::test]
#[ignore = "needs Google's official client for Node (./test installs it)"]
async fn the_snippet_for_node_publishes_by_the_official_client() {
    let scene = Scene::start().await;
    let modules = format!("NODE_PATH={}/node_modules", option("PUSHGATE_TEST_NODE"));
    let printed = scene.run("env", &[&modules, "node", "-e"], "Node").await;
    let context = scene.receives(&printed).await;
    assert_eq!(context.attributes["traceparent"], TRACEPARENT);
}

#[tokio::test]
#[ignore = "needs curl (./test installs it)"]
async fn the_snippet_for_curl_publishes_an_order() {
    let scene = Scene::start().await;
    let printed = scene.run("sh", &["-c"], "curl").await;
    let context = scene.receives(&printed).await;
    assert_eq!(context.attributes["traceparent"], TRACEPARENT);
}

#[tokio::test]
#[ignore = "needs the official command line gcloud, of the Google Cloud SDK"]
async fn the_snippet_for_the_official_gcloud_publishes_an_order() {
    let scene = Scene::start().await;
    let printed = scene.run("bash", &["-c"], "gcloud").await;
    let context = scene.receives(&printed).await;
    assert_eq!(context.attributes["traceparent"], TRACEPARENT);
}

#[tokio::test]
async fn the_snippet_for_pushgate_itself_publishes_an_order() {
    let scene = Scene::start().await;
    let pushgate = pushgate();
    let folder = pushgate.parent().expect("a folder");
    let path = format!("PATH={}:/usr/bin:/bin", folder.display());
    let printed = scene.run("env", &[&path, "sh", "-c"], "pushgate").await;
    let context = scene.receives(&printed).await;
    assert_eq!(&*context.attributes["event-id"], "A-1001-placed");
}

#[tokio::test]
async fn the_snippet_for_rust_publishes_an_order() {
    let scene = Scene::start().await;
    let host = scene.host();
    let environment = [
        ("GOOGLE_CLOUD_PROJECT", PROJECT),
        ("PUBSUB_EMULATOR_HOST", &host),
    ];
    let id = publish_order::publish(environment.into_iter().collect())
        .await
        .expect("an id");
    let context = scene.receives(&id).await;
    assert_eq!(&*context.attributes["event-id"], "A-1001-placed");
    assert!(context.trace().is_some());
}

#[test]
fn the_snippet_for_rust_is_the_compiled_program() {
    assert_eq!(snippet("Rust"), include_str!("publish_order.rs"));
}
