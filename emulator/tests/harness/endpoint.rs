//! A push endpoint.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::PATIENCE;

/// The reaction of the endpoint to one push.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// This status, with the endpoint's outcome and a body.
    Outcome(u16, &'static str, &'static str),
    /// 204, with the endpoint's outcome and its reason as it is in the header.
    Reason(&'static str, &'static str),
    /// 301 to a path that would answer 204.
    Redirect,
    /// 204, after `Endpoint::release`.
    Withheld,
    /// No answer.
    Never,
}

/// A received push.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The body, if it is JSON.
    pub(crate) body: Value,
    pub(crate) bytes: Bytes,
    pub(crate) arrived: Instant,
    /// The pusher's end of the connection.
    pub(crate) from: SocketAddr,
}

impl Push {
    pub(crate) fn id(&self) -> &str {
        self.body["message"]["messageId"].as_str().unwrap()
    }

    pub(crate) fn attempt(&self) -> Option<u64> {
        self.body["deliveryAttempt"].as_u64()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub(crate) struct Endpoint {
    address: String,
    pushes: mpsc::UnboundedReceiver<Push>,
    script: Script,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Script {
    pushes: mpsc::UnboundedSender<Push>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    releases: Arc<Semaphore>,
    /// Counts the pushes that the emulator aborted.
    abandoned: watch::Sender<usize>,
}

/// Reports that the pusher closed its connection: then the handler is dropped.
struct Unanswered(watch::Sender<usize>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count += 1);
    }
}

impl Endpoint {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let (sender, pushes) = mpsc::unbounded_channel();
        let script = Script {
            pushes: sender,
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            releases: Arc::new(Semaphore::new(0)),
            abandoned: watch::Sender::new(0),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(receive).with_state(script.clone());
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            pushes,
            script,
            server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/push?token=1", self.address)
    }

    pub(crate) async fn next(&mut self) -> Push {
        let push = timeout(PATIENCE, self.pushes.recv()).await;
        push.expect("no push arrived").unwrap()
    }

    /// Returns an arrived push that was not read, if there is one.
    pub(crate) fn arrived(&mut self) -> Option<Push> {
        self.pushes.try_recv().ok()
    }

    /// Returns true if no unread push has arrived.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.pushes.try_recv().is_err()
    }

    /// Returns true if no push arrives within five seconds, which is less than any ack deadline. The clock must be paused:
    /// it jumps only when every task waits, so that no push is in flight.
    pub(crate) async fn stays_idle(&mut self) -> bool {
        let quiet = Duration::from_secs(5);
        timeout(quiet, self.pushes.recv()).await.is_err()
    }

    /// Answers one waiting push.
    pub(crate) fn release(&self) {
        self.script.releases.add_permits(1);
    }

    /// Waits until the pusher has aborted an unanswered push.
    pub(crate) async fn abandoned(&self) {
        let mut abandoned = self.script.abandoned.subscribe();
        let one = abandoned.wait_for(|count| *count > 0);
        timeout(PATIENCE, one)
            .await
            .expect("no push was given up")
            .unwrap();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    State(script): State<Script>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = script.answers.lock().unwrap().pop_front();
    let push = Push {
        method,
        uri,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        bytes: body,
        arrived: Instant::now(),
        from,
    };
    script.pushes.send(push).ok();
    match answer.unwrap_or(Answer::Status(204)) {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Outcome(status, outcome, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("pushgate-outcome", outcome)], body).into_response()
        }
        Answer::Reason(outcome, reason) => {
            let headers = [("pushgate-outcome", outcome), ("pushgate-reason", reason)];
            (StatusCode::NO_CONTENT, headers).into_response()
        }
        Answer::Redirect => {
            (StatusCode::MOVED_PERMANENTLY, [("location", "/elsewhere")]).into_response()
        }
        Answer::Withheld => {
            script.releases.acquire().await.unwrap().forget();
            StatusCode::NO_CONTENT.into_response()
        }
        Answer::Never => {
            let _unanswered = Unanswered(script.abandoned);
            std::future::pending().await
        }
    }
}
