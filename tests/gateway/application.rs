//! An application behind a gateway, which answers by the data of the message.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

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
use crate::harness::{AUDIENCE, CALLER, Reply, push_to, soon};

/// An application that answers by the data of the message.
#[derive(Clone, Default)]
pub(super) struct Application(pub(super) Arc<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    pub(super) requests: watch::Sender<Vec<Received>>,
    pub(super) cut_off: watch::Sender<usize>,
    pub(super) connections: Mutex<HashSet<SocketAddr>>,
}

#[derive(Clone)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
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
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The data of a wrapped push, or else the body.
    pub(super) fn data(&self) -> Vec<u8> {
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
    pub(super) async fn start(&self) -> SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(self.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(socket, service).await });
        address
    }

    pub(super) async fn received(&self, count: usize) -> Vec<Received> {
        let mut requests = self.0.requests.subscribe();
        let enough = requests.wait_for(|all| all.len() >= count);
        soon("a request", enough).await.expect("requests").clone()
    }
}

/// A gateway before an application.
pub(super) struct Scene {
    pub(super) google: Google,
    pub(super) application: Application,
    pub(super) gateway: Process,
    pub(super) url: String,
    _declarations: Declarations,
}

impl Scene {
    /// Starts it with more fields of the subscription `probe`, whose path is `/handle`.
    pub(super) async fn start(fields: &str) -> Self {
        let application = Application::default();
        let address = application.start().await;
        Self::before(application, address, fields).await
    }

    /// Starts it before an application that runs at this address.
    pub(super) async fn before(
        application: Application,
        address: SocketAddr,
        fields: &str,
    ) -> Self {
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

    pub(super) fn token(&self) -> String {
        self.google.emulator.issuer().token(CALLER, AUDIENCE)
    }

    pub(super) async fn push(&self, message: &TestMessage) -> Reply {
        push_to(&self.url, message.body(), &self.token()).await
    }
}

/// Starts an application that dies in the middle of each request, after it has sent this.
pub(super) async fn dying_application(sent: &'static str) -> SocketAddr {
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
