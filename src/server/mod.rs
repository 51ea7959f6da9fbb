//! Listens, answers health checks, and runs each push in its own task, so that a disconnected client does not abort it.

pub(crate) mod connections;
mod http;
mod operate;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
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
use crate::loggable::excerpt;
use crate::push::PushReceiver;
use crate::push::refusal::{NoEndpoint, Refusal};
use crate::server::connections::Connections;
use crate::server::http::{listen, serve_connection};
use crate::server::status::Watched;
use crate::shutdown::SETTLING_TIME;
use crate::telemetry::export::Telemetry;

/// The time for connections to write the last replies and close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);
/// The connections that read metrics.
const METRICS_CONNECTIONS: usize = 16;

/// A service that listens.
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    receiver: Arc<PushReceiver>,
    telemetry: Arc<Telemetry>,
    grace: Duration,
    accepting: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Returns the address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the metrics for Prometheus, if `OTEL_METRICS_EXPORTER` names it.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    #[cfg(feature = "dev")]
    pub(crate) async fn ping_store(&self) -> Result<(), StoreError> {
        self.receiver.readiness.store.ping().await
    }

    /// Shuts down: rejects new pushes, waits for running ones within the grace period, aborts the others and releases their claims.
    pub async fn shut_down(self) {
        tracing::info!(
            pushes = self.receiver.deliveries.shutdown.deliveries.len(),
            "shutting down: new pushes are rejected"
        );
        self.receiver.deliveries.shutdown.run(self.grace).await;
        if let Ok(Err(_panic)) = timeout(2 * CLOSE_TIMEOUT, self.accepting).await {
            tracing::error!(
                "the task that accepts connections panicked: new pushes got no response"
            );
        }
        self.receiver.replies.log_limit.flush();
        self.telemetry.shut_down().await;
        tracing::info!("shut down");
    }
}

/// The error of an address on which the service cannot listen.
#[derive(Debug)]
pub(crate) struct ListenError {
    pub(crate) address: SocketAddr,
    /// The setting with its port.
    pub(crate) setting: &'static str,
    pub(crate) source: std::io::Error,
}

/// Listens and serves until shut down.
pub(crate) fn serve(
    config: &Config,
    receiver: PushReceiver,
    telemetry: Telemetry,
    connections: usize,
) -> Result<Running, ListenError> {
    let (socket, address) = bound(config.listen, "PORT")?;
    let receiver = Arc::new(receiver);
    receiver.export_gauges(&telemetry.recorder.metrics);
    let telemetry = Arc::new(telemetry);
    let watched = Watched {
        receiver: Arc::clone(&receiver),
        telemetry: Arc::clone(&telemetry),
    };
    let metrics_address = match config.exporters.prometheus {
        Some(address) => Some(serve_metrics(address, watched.clone())?),
        None => None,
    };
    let status = match receiver.operators {
        Some(_) => operate::routes(watched),
        None => Router::new(),
    };
    let router = Router::new()
        .route("/", post(receive_any))
        .route("/push/{subscription}", post(receive_for))
        // A success has no body, which a client could leave unread for ever.
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Arc::clone(&receiver))
        .merge(status);
    let accepting = tokio::spawn(accept(socket, router, Arc::clone(&receiver), connections));
    let first = Arc::clone(&receiver);
    tokio::spawn(async move {
        // Logs at the start if something is missing. The result is cached for a second, so this waits for the first keys.
        let _ = first.authentication.is_ready().await;
        first.is_ready().await
    });
    Ok(Running {
        address,
        metrics_address,
        receiver,
        telemetry,
        grace: config.grace,
        accepting,
    })
}

fn bound(
    address: SocketAddr,
    setting: &'static str,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    let listening = listen(address).and_then(|socket| {
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    listening.map_err(|source| ListenError {
        address,
        setting,
        source,
    })
}

/// Serves the metrics for Prometheus, beside the pushes and until the same end.
fn serve_metrics(address: SocketAddr, watched: Watched) -> Result<SocketAddr, ListenError> {
    let (socket, address) = bound(address, "OTEL_EXPORTER_PROMETHEUS_PORT")?;
    let receiver = Arc::clone(&watched.receiver);
    let router = status::routes()
        .route("/metrics", get(metrics))
        .with_state(watched);
    tokio::spawn(accept(socket, router, receiver, METRICS_CONNECTIONS));
    tracing::info!(%address, "metrics for Prometheus are at /metrics, and the status at /");
    Ok(address)
}

async fn metrics(State(Watched { telemetry, .. }): State<Watched>) -> Response {
    match telemetry.prometheus() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::warn!(%error, "cannot write the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn receive_any(
    State(receiver): State<Arc<PushReceiver>>,
    request: Request<Body>,
) -> Response {
    receive(receiver, None, request).await
}

async fn receive_for(
    State(receiver): State<Arc<PushReceiver>>,
    path: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    // A path that is not UTF-8 names no subscription, so the envelope's check rejects it.
    let path = path.map_or_else(|_| String::new(), |Path(subscription)| subscription);
    receive(receiver, Some(path), request).await
}

/// Rejects a request to an unknown path, with a log line: a mistyped push endpoint uses up the delivery attempts of each message.
async fn no_such_path(
    State(receiver): State<Arc<PushReceiver>>,
    method: Method,
    uri: Uri,
) -> Response {
    let path = excerpt(uri.path());
    let refusal = match method == Method::POST {
        true => NoEndpoint::Path(path),
        false => NoEndpoint::Nothing(path),
    };
    receiver.replies.refuse(Instant::now(), refusal.into())
}

async fn no_such_method(State(receiver): State<Arc<PushReceiver>>, method: Method) -> Response {
    let refusal = NoEndpoint::Method(excerpt(method.as_str()));
    receiver.replies.refuse(Instant::now(), refusal.into())
}

/// Receives a push in a task, which a disconnect does not abort.
async fn receive(
    receiver: Arc<PushReceiver>,
    path: Option<String>,
    request: Request<Body>,
) -> Response {
    let arrival = Instant::now();
    let task = Arc::clone(&receiver);
    let push = async move { task.receive(path.as_deref(), request, arrival).await };
    let pushes = &receiver.deliveries.shutdown.deliveries;
    pushes
        .spawn(push)
        .await
        .unwrap_or_else(|_panic| receiver.replies.refuse(arrival, Refusal::Defect))
}

async fn live(State(receiver): State<Arc<PushReceiver>>) -> Response {
    match receiver.deliveries.pools.watchdog.check() {
        Ok(()) => StatusCode::OK.into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn ready(State(receiver): State<Arc<PushReceiver>>) -> StatusCode {
    match receiver.is_ready().await {
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
    let _ = timeout(
        SETTLING_TIME,
        receiver.deliveries.shutdown.deliveries.wait(),
    )
    .await;
    closing.cancel();
    tasks.close();
    let _ = timeout(CLOSE_TIMEOUT, tasks.wait()).await;
}
