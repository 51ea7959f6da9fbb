//! Google's side: our emulator as issuer and Pub/Sub, and a key server that counts fetches and fails on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use emulator::{Emulator, Options, Pace};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The answer of the key server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    Served,
    /// No answer until another value is set.
    Withheld,
    Status(u16),
    Garbage,
}

pub(crate) struct Google {
    pub(crate) emulator: Emulator,
    keys: Arc<KeyServer>,
    keys_url: String,
}

struct KeyServer {
    issuer: String,
    fetches: AtomicUsize,
    keys: watch::Sender<Keys>,
}

impl Google {
    pub(crate) async fn start() -> Self {
        Self::with_keys(Keys::Served).await
    }

    pub(crate) async fn with_keys(keys: Keys) -> Self {
        let emulator = Emulator::start_with(Options {
            pace: Pace::Eager,
            ..Options::default()
        })
        .expect("an emulator");
        let server = Arc::new(KeyServer {
            issuer: emulator.issuer().keys_url(),
            fetches: AtomicUsize::new(0),
            keys: watch::Sender::new(keys),
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let keys_url = format!("http://{}/certs", socket.local_addr().expect("an address"));
        let router = Router::new()
            .route("/certs", get(serve_keys))
            .with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(socket, router).await });
        emulator
            .create_topic(&format!(
                "projects/{}/topics/probe-dead-letter",
                super::PROJECT
            ))
            .expect("a topic");
        Self {
            emulator,
            keys: server,
            keys_url,
        }
    }

    pub(crate) fn keys_url(&self) -> String {
        self.keys_url.clone()
    }

    /// The number of fetches of the keys.
    pub(crate) fn fetches(&self) -> usize {
        self.keys.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn set_keys(&self, keys: Keys) {
        self.keys.keys.send_replace(keys);
    }

    /// Creates a subscription that keeps all dead letters.
    pub(crate) fn keep_dead_letters(&self) {
        let name = |kind: &str| format!("projects/{}/{kind}/probe-dead-letter", super::PROJECT);
        let keeper = emulator::SubscriptionConfig::new(name("subscriptions"), name("topics"));
        self.emulator
            .create_subscription(keeper)
            .expect("a subscription");
    }

    /// The dead letters so far.
    pub(crate) fn dead_letters(&self) -> Vec<emulator::ReceivedMessage> {
        let name = format!(
            "projects/{}/subscriptions/probe-dead-letter",
            super::PROJECT
        );
        self.emulator.unacked_messages(&name)
    }
}

async fn serve_keys(State(server): State<Arc<KeyServer>>) -> Response {
    server.fetches.fetch_add(1, Ordering::SeqCst);
    let mut keys = server.keys.subscribe();
    let keys = *keys
        .wait_for(|keys| *keys != Keys::Withheld)
        .await
        .expect("the server");
    match keys {
        Keys::Status(status) => StatusCode::from_u16(status)
            .expect("a status")
            .into_response(),
        Keys::Garbage => "<html>".into_response(),
        Keys::Served | Keys::Withheld => {
            let jwks = super::get(&server.issuer)
                .await
                .expect("keys")
                .text()
                .await
                .expect("keys");
            ([(header::CACHE_CONTROL, "public, max-age=3600")], jwks).into_response()
        }
    }
}
