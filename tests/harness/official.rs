//! Google's own Pub/Sub emulator and Python client, and a proxy that adds the token which that emulator lacks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::free_port;
use super::google::Google;
use super::{AUDIENCE, CALLER, PROJECT, soon};

/// The emulator of the Google Cloud SDK, at the path in `PUBSUB_EMULATOR_JAR`.
pub(crate) struct OfficialEmulator {
    child: Child,
    port: u16,
}

impl OfficialEmulator {
    pub(crate) async fn start() -> Self {
        let jar = PathBuf::from(option("PUBSUB_EMULATOR_JAR"));
        let port = free_port();
        let child = Command::new("java")
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar"])
            .arg(jar)
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("java starts");
        let emulator = Self { child, port };
        soon("the official emulator", async {
            while super::get(emulator.url("")).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
        emulator
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.host())
    }

    pub(crate) async fn put(&self, resource: &str, body: Value) {
        let url = self.url(&format!("v1/projects/{PROJECT}/{resource}"));
        let answer = super::client()
            .put(url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert!(
            answer.status().is_success(),
            "{resource}: {}",
            answer.text().await.unwrap_or_default()
        );
    }

    /// Publishes one message over REST, and returns its id.
    pub(crate) async fn publish(&self, topic: &str, message: Value) -> String {
        let url = self.url(&format!("v1/projects/{PROJECT}/topics/{topic}:publish"));
        let request = super::client()
            .post(url)
            .json(&json!({"messages": [message]}));
        let answer = request.send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let id = answer["messageIds"][0].as_str();
        id.unwrap_or_else(|| panic!("{topic}: {answer}")).to_owned()
    }

    /// Waits for a message of this subscription.
    pub(crate) async fn pull(&self, subscription: &str) -> Value {
        let pull = self.call(subscription, "pull", json!({"maxMessages": 1}));
        let mut answer = soon("a message", pull).await;
        answer["receivedMessages"][0]["message"].take()
    }

    /// Waits for a message of this subscription, and acknowledges it.
    pub(crate) async fn take(&self, subscription: &str) -> Value {
        let pull = self.call(subscription, "pull", json!({"maxMessages": 1}));
        let mut received = soon("a message", pull).await["receivedMessages"][0].take();
        let ack = json!({"ackIds": [received["ackId"]]});
        self.call(subscription, "acknowledge", ack).await;
        received["message"].take()
    }

    async fn call(&self, subscription: &str, what: &str, body: Value) -> Value {
        let url = self.url(&format!(
            "v1/projects/{PROJECT}/subscriptions/{subscription}:{what}"
        ));
        let answer = super::client().post(url).json(&body).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// Publishes with Google's Python client; `PUSHGATE_TEST_PYTHON` is an interpreter that has it.
    pub(crate) async fn publish_orders(&self, first: usize, count: usize, article: &str) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/google/publish_orders.py");
        let output = tokio::process::Command::new(option("PUSHGATE_TEST_PYTHON"))
            .arg(script)
            .arg(format!("projects/{PROJECT}/topics/orders"))
            .args([first.to_string(), count.to_string(), article.to_owned()])
            .env("PUBSUB_EMULATOR_HOST", self.host())
            .output()
            .await
            .expect("python starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            printed.trim(),
            count.to_string(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for OfficialEmulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the outside tools are is set by ./test"
)]
pub(crate) fn option(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run ./test, which finds it"))
}

/// Headers that the proxy drops: those of the connection (RFC 9110, 7.6.1), and those that it writes itself.
const NOT_FORWARDED: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Adds the token, and sends each push to one instance in turn, with its path and headers.
pub(crate) struct TokenProxy {
    pub(crate) url: String,
    served: Arc<Served>,
}

struct Served {
    google: Arc<Google>,
    instances: Mutex<Vec<String>>,
    /// The last instance of each order.
    sent: Mutex<HashMap<String, String>>,
    /// The paths with the statuses of their replies.
    answers: watch::Sender<Vec<(String, u16)>>,
    client: reqwest::Client,
}

impl TokenProxy {
    pub(crate) async fn start(google: &Arc<Google>, instances: Vec<String>) -> Self {
        let served = Arc::new(Served {
            google: Arc::clone(google),
            instances: Mutex::new(instances),
            sent: Mutex::default(),
            answers: watch::Sender::default(),
            client: super::client(),
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        let router = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { url, served }
    }

    /// Returns the instance that runs this order.
    pub(crate) fn instance_of(&self, order: &str) -> String {
        self.served
            .sent
            .lock()
            .expect("sent")
            .get(order)
            .expect("it was sent")
            .clone()
    }

    /// Waits for a push to this path with this status.
    pub(crate) async fn answered(&self, path: &str, status: u16) {
        let mut answers = self.served.answers.subscribe();
        let is_there = |answers: &Vec<(String, u16)>| {
            answers
                .iter()
                .any(|(to, answer)| to == path && *answer == status)
        };
        soon("an answer", answers.wait_for(is_there))
            .await
            .expect("the proxy");
    }

    /// Stops sending to this instance.
    pub(crate) fn forget(&self, instance: &str) {
        self.served
            .instances
            .lock()
            .expect("instances")
            .retain(|other| other != instance);
    }
}

async fn forward(
    State(served): State<Arc<Served>>,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let instance = {
        let mut instances = served.instances.lock().expect("instances");
        instances.rotate_left(1);
        instances.first().expect("an instance").clone()
    };
    if let Some(order) = order_of(&body) {
        let mut sent = served.sent.lock().expect("sent");
        sent.insert(order, instance.clone());
    }
    for name in NOT_FORWARDED {
        headers.remove(name);
    }
    let forwarded = served
        .client
        .post(format!("{instance}{}", uri.path()))
        .headers(headers)
        .bearer_auth(served.google.emulator.issuer().token(CALLER, AUDIENCE))
        .body(body);
    let status = match forwarded.send().await {
        Ok(answer) => answer.status(),
        Err(_) => StatusCode::BAD_GATEWAY,
    };
    let answer = (uri.path().to_owned(), status.as_u16());
    served.answers.send_modify(|answers| answers.push(answer));
    status
}

/// Returns the order of a push, if it has one.
fn order_of(body: &[u8]) -> Option<String> {
    let push: Value = serde_json::from_slice(body).ok()?;
    let data = STANDARD.decode(push["message"]["data"].as_str()?).ok()?;
    let order: Value = serde_json::from_slice(&data).ok()?;
    Some(order["orderId"].as_str()?.to_owned())
}
