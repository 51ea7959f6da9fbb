//! The requests to an application, and the meaning of its responses.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Declarations;
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::Process;
use crate::harness::{AUDIENCE, CALLER, PROJECT, Reply, client, push_to, reply, soon};

/// An application that answers by the data of the message.
#[derive(Clone, Default)]
struct Application(Arc<Inner>);

#[derive(Default)]
struct Inner {
    requests: watch::Sender<Vec<Received>>,
    cut_off: watch::Sender<usize>,
    connections: Mutex<HashSet<SocketAddr>>,
}

#[derive(Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Counts a request that ends before its response.
struct Unanswered<'a>(Option<&'a Inner>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.0 {
            inner.cut_off.send_modify(|count| *count += 1);
        }
    }
}

impl Received {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The data of a wrapped push, or else the body.
    fn data(&self) -> Vec<u8> {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match json["message"]["data"].as_str() {
            Some(data) => BASE64_STANDARD.decode(data).expect("base64"),
            None => self.body.to_vec(),
        }
    }
}

async fn answer(
    State(application): State<Application>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let inner = &*application.0;
    inner.connections.lock().expect("connections").insert(peer);
    let (head, body) = request.into_parts();
    let received = Received {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.expect("a body"),
    };
    let data = received.data();
    inner.requests.send_modify(|all| all.push(received));
    let mut unanswered = Unanswered(Some(inner));
    if data == b"hang" {
        std::future::pending::<()>().await;
    }
    unanswered.0 = None;
    let status = StatusCode::OK;
    match data.as_slice() {
        b"teapot" => (StatusCode::IM_A_TEAPOT, "hush").into_response(),
        b"moved" => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        b"dead" => {
            let headers = [
                ("pushgate-outcome", "dead-letter"),
                ("pushgate-reason", "no caf%C3%A9"),
            ];
            (status, headers).into_response()
        }
        b"long answer" => (status, vec![b'x'; 100_000]).into_response(),
        _ => status.into_response(),
    }
}

impl Application {
    /// Starts it, and returns its address.
    async fn start(&self) -> SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(self.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(socket, service).await });
        address
    }

    async fn received(&self, count: usize) -> Vec<Received> {
        let mut requests = self.0.requests.subscribe();
        let enough = requests.wait_for(|all| all.len() >= count);
        soon("a request", enough).await.expect("requests").clone()
    }
}

/// A gateway before an application.
struct Scene {
    google: Google,
    application: Application,
    gateway: Process,
    url: String,
    _declarations: Declarations,
}

impl Scene {
    /// Starts it with more fields of the subscription `probe`, whose path is `/handle`.
    async fn start(fields: &str) -> Self {
        let application = Application::default();
        let address = application.start().await;
        Self::before(application, address, fields).await
    }

    /// Starts it before an application that runs at this address.
    async fn before(application: Application, address: SocketAddr, fields: &str) -> Self {
        let declarations = Declarations::new(&format!(
            "application: http://{address}\nsubscriptions:\n  - {{id: probe, topic: tests, purpose: Tells a test what happens., \
             producers: [the test], idempotency: {{kind: messageId}}, path: /handle, deadLetterTopic: probe-dead-letter, {fields}}}\n"
        ));
        let google = Google::start().await;
        let timeout = ("PUSHGATE_STORE_TIMEOUT_MILLISECONDS", "300".into());
        let (gateway, url) = declarations.serve(&google, &[timeout]).await;
        Self {
            google,
            application,
            gateway,
            url,
            _declarations: declarations,
        }
    }

    fn token(&self) -> String {
        self.google.emulator.issuer().token(CALLER, AUDIENCE)
    }

    async fn push(&self, message: &TestMessage) -> Reply {
        push_to(&self.url, message.body(), &self.token()).await
    }
}

#[tokio::test]
async fn the_application_gets_the_push_of_pubsub_once() {
    let scene = Scene::start("").await;
    let mut message = TestMessage::new("probe", "one teapot").attribute("source", "checkout");
    message.ordering_key = Some("customer-7".into());
    message.delivery_attempt = Some(3);
    for outcome in ["handled", "duplicate"] {
        let reply = scene.push(&message).await;
        assert_eq!(
            (reply.status, reply.outcome.as_deref()),
            (204, Some(outcome))
        );
    }
    let received = scene.application.received(1).await;
    let [request] = &*received else {
        panic!("{} requests", received.len());
    };
    assert_eq!(request.path, "/handle");
    assert_eq!(request.json(), message.json());
    assert_eq!(request.header("content-type"), "application/json");
    let length = request.header("content-length");
    assert_eq!(length, request.body.len().to_string());
    let key = request.header("idempotency-key");
    assert!(
        key.len() == 32 && key.bytes().all(|each| each.is_ascii_hexdigit()),
        "{key}"
    );
    let left: u64 = request
        .header("pushgate-time-left-ms")
        .parse()
        .expect("a number");
    assert!((40_000..=55_000).contains(&left), "{left}");
    assert_eq!(
        request.header("authorization"),
        "",
        "the token is for the gateway"
    );
}

#[tokio::test]
async fn the_trace_of_the_message_goes_on() {
    let scene = Scene::start("").await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let message = TestMessage::new("probe", "traced")
        .attribute("googclient_traceparent", trace)
        .attribute("googclient_tracestate", "vendor=1");
    scene.push(&message).await;
    let received = scene.application.received(1).await;
    assert_eq!(received[0].header("traceparent"), trace);
    assert_eq!(received[0].header("tracestate"), "vendor=1");
}

#[tokio::test]
async fn an_unwrapped_message_stays_unwrapped() {
    let scene = Scene::start("form: unwrapped").await;
    let request = client()
        .post(format!("{}/push/probe", scene.url))
        .bearer_auth(scene.token())
        .header("content-type", "text/csv")
        .header(
            "x-goog-pubsub-subscription-name",
            format!("projects/{PROJECT}/subscriptions/probe"),
        )
        .header("x-goog-pubsub-message-id", "17")
        .header("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.678Z")
        .header("source", "checkout")
        .body("a;b");
    let reply = reply(request.send().await.expect("an answer")).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let received = scene.application.received(1).await;
    assert_eq!(received[0].body, "a;b");
    for (name, value) in [
        ("content-type", "text/csv"),
        ("source", "checkout"),
        ("x-goog-pubsub-message-id", "17"),
        ("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.678Z"),
        (
            "x-goog-pubsub-subscription-name",
            "projects/test-project/subscriptions/probe",
        ),
    ] {
        assert_eq!(received[0].header(name), value, "{name}");
    }
}

#[tokio::test]
async fn an_event_of_eventarc_stays_an_event() {
    let scene = Scene::start("form: eventarc").await;
    let message = TestMessage::new("eventarc-europe-west1-probe-sub-123", "an event");
    let request = client()
        .post(format!("{}/push/probe", scene.url))
        .bearer_auth(scene.token())
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-type", "google.cloud.pubsub.topic.v1.messagePublished")
        .body(message.body());
    let reply = reply(request.send().await.expect("an answer")).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let received = scene.application.received(1).await;
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "google.cloud.pubsub.topic.v1.messagePublished"),
        (
            "ce-source",
            "//pubsub.googleapis.com/projects/test-project/topics/tests",
        ),
        ("ce-id", message.id.as_str()),
        ("ce-time", "2030-01-02T03:04:05.678Z"),
    ] {
        assert_eq!(received[0].header(name), value, "{name}");
    }
    assert_eq!(received[0].data(), b"an event");
}

#[tokio::test]
async fn the_response_decides() {
    let mut scene = Scene::start("").await;
    scene.google.keep_dead_letters();
    for (data, status, outcome) in [
        ("teapot", 503, "failed"),
        ("moved", 503, "failed"),
        ("long answer", 204, "handled"),
        ("dead", 204, "dead-lettered"),
    ] {
        let reply = scene.push(&TestMessage::new("probe", data)).await;
        let found = (reply.status, reply.outcome.as_deref());
        assert_eq!(found, (status, Some(outcome)), "{data}");
    }
    let letters = scene.google.dead_letters();
    assert_eq!(letters[0].attributes[pushgate::ERROR_ATTRIBUTE], "no café");
    let failed = scene.gateway.log(|line| line["outcome"] == "failed").await;
    let text = failed.to_string();
    assert!(text.contains("the application answered 418"), "{text}");
    let lines = scene.gateway.lines().concat();
    assert!(!lines.contains("hush"), "a body was logged: {lines}");
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let scene = Scene::start("").await;
    let data: Vec<u8> = (0..9_800_001_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let reply = scene.push(&TestMessage::new("probe", data.clone())).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let received = scene.application.received(1).await;
    assert!(received[0].data() == data, "other data");
    assert_eq!(
        received[0].header("content-length"),
        received[0].body.len().to_string()
    );
}

#[tokio::test]
async fn connections_are_kept() {
    let scene = Scene::start("").await;
    for number in 0..20 {
        let reply = scene
            .push(&TestMessage::new("probe", format!("{number}")))
            .await;
        assert_eq!(reply.status, 204);
    }
    let connections = scene.application.0.connections.lock().expect("connections");
    assert!(connections.len() < 5, "{connections:?}");
}

#[tokio::test]
async fn the_hard_limit_closes_the_connection() {
    let scene = Scene::start("ackDeadlineSeconds: 10, hardLimit: 1s").await;
    let reply = scene.push(&TestMessage::new("probe", "hang")).await;
    assert_eq!(
        (reply.status, reply.outcome.as_deref()),
        (503, Some("timed-out"))
    );
    let mut cut_off = scene.application.0.cut_off.subscribe();
    let closed = cut_off.wait_for(|count| *count == 1);
    soon("the end of the connection", closed)
        .await
        .expect("the application");
}

/// Starts an application that dies in the middle of each request, after it has sent this.
async fn dying_application(sent: &'static str) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = socket.accept().await.expect("a connection");
            let mut begin = [0; 16];
            connection.read_exact(&mut begin).await.expect("a request");
            let written = connection.write_all(sent.as_bytes()).await;
            written.expect("a beginning");
        }
    });
    address
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_parked_if_declared() {
    const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    for (sent, fields, second) in [
        ("", "", "panicked"),
        (HALF, "", "panicked"),
        (HALF, "afterCrash: park, lease: 1s", "dead-lettered"),
    ] {
        let address = dying_application(sent).await;
        let mut scene = Scene::before(Application::default(), address, fields).await;
        let message = TestMessage::new("probe", "one teapot");
        let reply = scene.push(&message).await;
        assert_eq!(
            (reply.status, reply.outcome.as_deref()),
            (500, Some("panicked"))
        );
        let cut_off = scene
            .gateway
            .log(|line| line["outcome"] == "panicked")
            .await;
        let text = cut_off.to_string();
        assert!(
            text.contains("closed the connection before the end of its response"),
            "{text}"
        );
        let again = async {
            loop {
                let reply = scene.push(&message).await;
                if reply.outcome.as_deref() != Some("in-progress-elsewhere") {
                    return reply.outcome;
                }
            }
        };
        assert_eq!(
            soon("the end of the lease", again).await.as_deref(),
            Some(second)
        );
    }
}

#[tokio::test]
async fn an_application_that_does_not_run_is_named() {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    drop(socket);
    let mut scene = Scene::before(Application::default(), address, "").await;
    let reply = scene.push(&TestMessage::new("probe", "one teapot")).await;
    assert_eq!(
        (reply.status, reply.outcome.as_deref()),
        (503, Some("failed"))
    );
    let failed = scene.gateway.log(|line| line["outcome"] == "failed").await;
    let expected = format!("the application at http://{address}/handle cannot be reached");
    assert!(failed.to_string().contains(&expected), "{failed}");
}
