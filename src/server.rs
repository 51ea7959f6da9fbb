//! Listens, answers health checks, and gives each push a task of its own, so that a vanished client cannot cut it short.

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
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::dedup::DedupStore;
use crate::drain::LAST_WORDS;
use crate::excerpt::excerpt;
use crate::push::Gate;
use crate::reply::{Listener, NoEndpoint, Refusal, Report, Reports};

/// For the head of a request, and between two requests of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Cloud Run sends at most 1,000 requests at once to an instance.
const CONNECTIONS: usize = 4096;
const STREAMS: u32 = 1024;
/// For connections to end after the last push has: the replies are written then.
const GOODBYE: Duration = Duration::from_millis(250);
/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The head of a request; a token of Google has about 1 KB. Attributes that are headers (`no_wrapper`) may be longer than this;
/// such a message is refused, since every connection of a stranger may need as much memory.
const HEAD_LIMIT_BYTES: u32 = 64 * 1024;
/// An unwrapped push has a header for each of up to 100 attributes (Google, *Quotas and limits*), and those of every request.
const HEADERS: usize = 160;

#[derive(Clone)]
struct Served {
    gate: Arc<Gate>,
    reports: Arc<Reports>,
}

/// A service that listens.
pub struct Running {
    address: SocketAddr,
    gate: Arc<Gate>,
    reports: Arc<Reports>,
    grace: Duration,
    accepting: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn store(&self) -> Arc<dyn DedupStore> {
        Arc::clone(&self.gate.store)
    }

    /// Leaves: refuses new pushes, lets running ones finish within the grace period, stops the others and releases their claims.
    pub async fn drain(self) {
        tracing::info!(
            pushes = self.gate.means.drain.pushes.len(),
            "leaving: new pushes are refused"
        );
        self.gate.means.drain.run(self.grace).await;
        let _ = timeout(2 * GOODBYE, self.accepting).await;
        self.reports.refusals.sum_up();
        tracing::info!("left");
    }
}

/// Listens and serves until drained.
pub(crate) async fn serve(
    address: SocketAddr,
    gate: Gate,
    grace: Duration,
    listener: Option<Listener>,
) -> std::io::Result<Running> {
    let socket = TcpListener::bind(address).await?;
    let address = socket.local_addr()?;
    let gate = Arc::new(gate);
    let reports = Arc::new(Reports {
        listener,
        ..Reports::default()
    });
    let router = Router::new()
        .route("/", post(receive_any))
        .route("/push/{subscription}", post(receive_for))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Served {
            gate: Arc::clone(&gate),
            reports: Arc::clone(&reports),
        });
    let accepting = tokio::spawn(accept(socket, router, Arc::clone(&gate)));
    let first = Arc::clone(&gate);
    tokio::spawn(async move { first.is_ready().await }); // so that the log says at once what is missing
    Ok(Running {
        address,
        gate,
        reports,
        grace,
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
    // A path that is no text names no subscription; the envelope's check says so.
    let path = path.map_or_else(|_| String::new(), |Path(subscription)| subscription);
    receive(served, Some(path), request).await
}

/// A mistyped endpoint would otherwise burn every message's attempts without a trace.
async fn no_such_path(State(served): State<Served>, method: Method, uri: Uri) -> Response {
    let path = excerpt(uri.path());
    let refusal = if method == Method::POST {
        NoEndpoint::Path(path)
    } else {
        NoEndpoint::Nothing(path)
    };
    Report::new(Instant::now(), None).close(Err(refusal.into()), &served.reports)
}

async fn no_such_method(State(served): State<Served>, method: Method) -> Response {
    let refusal = NoEndpoint::Method(excerpt(method.as_str()));
    Report::new(Instant::now(), None).close(Err(refusal.into()), &served.reports)
}

/// A disconnect drops this function, but not the task.
async fn receive(served: Served, path: Option<String>, request: Request<Body>) -> Response {
    let gate = Arc::clone(&served.gate);
    let arrival = Instant::now();
    let reports = Arc::clone(&served.reports);
    let push = gate.means.drain.pushes.clone().spawn(async move {
        let mut report = Report::new(arrival, path.as_deref());
        let result = gate.receive(path.as_deref(), request, &mut report).await;
        report.close(result, &reports)
    });
    push.await.unwrap_or_else(|_panic| {
        Report::new(arrival, None).close(Err(Refusal::Defect), &served.reports)
    })
}

async fn live(State(served): State<Served>) -> Response {
    match served.gate.means.pools.watchdog.check() {
        Ok(()) => "live\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn ready(State(served): State<Served>) -> Response {
    match served.gate.is_ready().await {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// Accepts until the last push has been answered: while the service leaves, new pushes still hear that it does.
async fn accept(socket: TcpListener, router: Router, gate: Arc<Gate>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            socket.accept().await.map(|(stream, _)| (stream, place))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = gate.means.drain.leaving.cancelled() => break,
        };
        let Ok((stream, place)) = accepted else {
            // Out of file descriptors, most likely: connections that end will free some.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let watcher = connections.watcher();
        let router = router.clone();
        tokio::spawn(async move {
            let _place = place;
            if begins(&stream).await {
                let _ = stream.set_nodelay(true);
                let builder = connection_builder();
                let connection = builder
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!(error, "connection ended");
                }
            }
        });
    }
    let _ = timeout(LAST_WORDS, gate.means.drain.pushes.wait()).await;
    let _ = timeout(GOODBYE, connections.shutdown()).await;
}

/// HTTP/1.1 and HTTP/2 without TLS on one port, told apart by their first bytes (RFC 9113, 3.3).
fn connection_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_LIMIT_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_LIMIT_BYTES)
        .keep_alive_interval(HEAD_TIMEOUT)
        .keep_alive_timeout(HEAD_TIMEOUT);
    builder
}

/// Waits until the first bytes tell the protocol; the builder itself would wait for ever for the rest of a preface.
async fn begins(stream: &TcpStream) -> bool {
    let mut first = [0; PREFACE.len()];
    let enough = async {
        loop {
            match stream.peek(&mut first).await {
                Ok(0) | Err(_) => return false,
                Ok(read)
                    if read == PREFACE.len()
                        || !PREFACE.starts_with(first.get(..read).unwrap_or_default()) =>
                {
                    return true;
                }
                // They are readable at once from now on, so only time can bring more.
                Ok(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(HEAD_TIMEOUT, enough).await.unwrap_or(false)
}
