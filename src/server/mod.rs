//! Listens, answers health checks, and runs each push in its own task, so that a disconnected client does not abort it.

pub(crate) mod connections;
mod http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
#[cfg(feature = "dev")]
use crate::dedup::StoreError;
use crate::delivery::shutdown::SETTLING_TIME;
use crate::loggable::excerpt;
use crate::push::PushReceiver;
use crate::push::refusal::{NoEndpoint, Refusal};
use crate::push::reply::Replies;
use crate::push::report::{Listener, Report};
use crate::server::connections::Connections;
use crate::server::http::{listen, serve_connection};

/// The time for connections to write the last replies and close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

#[derive(Clone)]
struct Served {
    receiver: Arc<PushReceiver>,
    replies: Arc<Replies>,
}

impl Served {
    /// Replies to a request that is not a push.
    fn reject(&self, refusal: NoEndpoint) -> Response {
        let report = Report::new(Instant::now(), None);
        self.replies.reply(report, Err(refusal.into()))
    }
}

/// A service that listens.
pub struct Running {
    address: SocketAddr,
    receiver: Arc<PushReceiver>,
    replies: Arc<Replies>,
    grace: Duration,
    accepting: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Returns the address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(feature = "dev")]
    pub(crate) async fn ping_store(&self) -> Result<(), StoreError> {
        self.receiver.store.ping().await
    }

    /// Shuts down: rejects new pushes, waits for running ones within the grace period, aborts the others and releases their claims.
    pub async fn shut_down(self) {
        tracing::info!(
            pushes = self.receiver.deliveries.shutdown.pushes.len(),
            "shutting down: new pushes are rejected"
        );
        self.receiver.deliveries.shutdown.run(self.grace).await;
        let _ = timeout(2 * CLOSE_TIMEOUT, self.accepting).await;
        self.replies.refusals.flush();
        tracing::info!("shut down");
    }
}

/// Listens and serves until shut down.
pub(crate) async fn serve(
    config: &Config,
    receiver: PushReceiver,
    connections: usize,
    listener: Option<Listener>,
) -> std::io::Result<Running> {
    let socket = listen(config.listen)?;
    let address = socket.local_addr()?;
    let receiver = Arc::new(receiver);
    let replies = Arc::new(Replies {
        listener,
        ..Replies::default()
    });
    let router = Router::new()
        .route("/", post(receive_any))
        .route("/push/{subscription}", post(receive_for))
        // A success has no body, which a client could leave unread for ever.
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Served {
            receiver: Arc::clone(&receiver),
            replies: Arc::clone(&replies),
        });
    let accepting = tokio::spawn(accept(socket, router, Arc::clone(&receiver), connections));
    let first = Arc::clone(&receiver);
    tokio::spawn(async move {
        // Logs at the start if something is missing. The result is cached for a second, so this waits for the first keys.
        let _ = first.authentication.is_ready().await;
        first.is_ready().await
    });
    Ok(Running {
        address,
        receiver,
        replies,
        grace: config.grace,
        accepting,
    })
}

async fn receive_any(State(served): State<Served>, request: Request<Body>) -> Response {
    receive(served, None, request).await
}

async fn receive_for(
    State(served): State<Served>,
    path: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    // A path that is not UTF-8 names no subscription, so the envelope's check rejects it.
    let path = path.map_or_else(|_| String::new(), |Path(subscription)| subscription);
    receive(served, Some(path), request).await
}

/// Rejects a request to an unknown path, with a log line: a mistyped push endpoint uses up the delivery attempts of each message.
async fn no_such_path(State(served): State<Served>, method: Method, uri: Uri) -> Response {
    let path = excerpt(uri.path());
    served.reject(match method == Method::POST {
        true => NoEndpoint::Path(path),
        false => NoEndpoint::Nothing(path),
    })
}

async fn no_such_method(State(served): State<Served>, method: Method) -> Response {
    served.reject(NoEndpoint::Method(excerpt(method.as_str())))
}

/// Receives a push in a task, which a disconnect does not abort.
async fn receive(served: Served, path: Option<String>, request: Request<Body>) -> Response {
    let Served { receiver, replies } = served.clone();
    let arrival = Instant::now();
    let push = receiver
        .deliveries
        .shutdown
        .pushes
        .clone()
        .spawn(async move {
            let mut report = Report::new(arrival, path.as_deref());
            let result = receiver
                .receive(path.as_deref(), request, &mut report)
                .await;
            replies.reply(report, result)
        });
    push.await.unwrap_or_else(|_panic| {
        let report = Report::new(arrival, None);
        served.replies.reply(report, Err(Refusal::Defect))
    })
}

async fn live(State(served): State<Served>) -> Response {
    match served.receiver.deliveries.pools.watchdog.check() {
        Ok(()) => StatusCode::OK.into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn ready(State(served): State<Served>) -> StatusCode {
    match served.receiver.is_ready().await {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Accepts connections until the last push is answered, so that pushes during a shutdown are answered, too.
async fn accept(socket: TcpListener, router: Router, receiver: Arc<PushReceiver>, limit: usize) {
    let connections = Connections::new(limit);
    let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
    let accepting = async {
        loop {
            let Ok((stream, peer)) = socket.accept().await else {
                // Most likely no file descriptor is free.
                connections.make_room();
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let entry = connections.enter(peer.ip()).await;
            tasks.spawn(serve_connection(
                stream,
                entry,
                router.clone(),
                closing.clone(),
            ));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = receiver.deliveries.shutdown.aborting.cancelled() => {}
    }
    drop(socket);
    let _ = timeout(SETTLING_TIME, receiver.deliveries.shutdown.pushes.wait()).await;
    closing.cancel();
    tasks.close();
    let _ = timeout(CLOSE_TIMEOUT, tasks.wait()).await;
}
