//! Listens, answers health checks, and gives each push a task of its own, so that a vanished client cannot cut it short.

pub(crate) mod connections;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
#[cfg(feature = "dev")]
use crate::dedup::StoreError;
use crate::delivery::drain::LAST_WORDS;
use crate::loggable::excerpt;
use crate::push::Gate;
use crate::push::refusal::{NoEndpoint, Refusal};
use crate::push::reply::{Replies, ToKnownCaller};
use crate::push::report::{Listener, Report};
use crate::server::connections::{Connections, Entry, IDLE};

const STREAMS: u32 = 250;
/// The kernel's buffer for a client that does not read. Replies are short.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;
const BACKLOG: u32 = 1024;
/// For connections to end after the last push has: the replies are written then.
const GOODBYE: Duration = Duration::from_millis(250);
/// The head of a request; a token of Google has about 1 KB. Attributes that are headers (`no_wrapper`) may be longer than this;
/// such a message is refused, since every connection of a stranger may need as much memory.
const HEAD_LIMIT_BYTES: u32 = 64 * 1024;
/// An unwrapped push has a header for each of up to 100 attributes (Google, *Quotas and limits*), and those of every request.
const HEADERS: usize = 160;

#[derive(Clone)]
struct Served {
    gate: Arc<Gate>,
    replies: Arc<Replies>,
}

/// A service that listens.
pub struct Running {
    address: SocketAddr,
    gate: Arc<Gate>,
    replies: Arc<Replies>,
    grace: Duration,
    accepting: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(feature = "dev")]
    pub(crate) async fn ping_store(&self) -> Result<(), StoreError> {
        self.gate.store.ping().await
    }

    /// Leaves: refuses new pushes, lets running ones finish within the grace period, stops the others and releases their claims.
    pub async fn drain(self) {
        tracing::info!(
            pushes = self.gate.deliveries.drain.pushes.len(),
            "leaving: new pushes are refused"
        );
        self.gate.deliveries.drain.run(self.grace).await;
        let _ = timeout(2 * GOODBYE, self.accepting).await;
        self.replies.refusals.sum_up();
        tracing::info!("left");
    }
}

/// Listens and serves until drained.
pub(crate) async fn serve(
    config: &Config,
    gate: Gate,
    connections: usize,
    listener: Option<Listener>,
) -> std::io::Result<Running> {
    let socket = listen(config.listen)?;
    let address = socket.local_addr()?;
    let gate = Arc::new(gate);
    let replies = Arc::new(Replies {
        listener,
        ..Replies::default()
    });
    let router = Router::new()
        .route("/", post(receive_any))
        .route("/push/{subscription}", post(receive_for))
        // Success has no body, which a stranger could leave unread for ever.
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Served {
            gate: Arc::clone(&gate),
            replies: Arc::clone(&replies),
        });
    let accepting = tokio::spawn(accept(socket, router, Arc::clone(&gate), connections));
    let first = Arc::clone(&gate);
    tokio::spawn(async move {
        // Logs at the start what is missing. The answer is kept for a second, so the first keys are waited for.
        let _ = first.authentication.is_ready().await;
        first.is_ready().await
    });
    Ok(Running {
        address,
        gate,
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
    served
        .replies
        .reply(Report::new(Instant::now(), None), Err(refusal.into()))
}

async fn no_such_method(State(served): State<Served>, method: Method) -> Response {
    let refusal = NoEndpoint::Method(excerpt(method.as_str()));
    served
        .replies
        .reply(Report::new(Instant::now(), None), Err(refusal.into()))
}

/// A disconnect drops this function, but not the task.
async fn receive(served: Served, path: Option<String>, request: Request<Body>) -> Response {
    let Served { gate, replies } = served.clone();
    let arrival = Instant::now();
    let push = gate.deliveries.drain.pushes.clone().spawn(async move {
        let mut report = Report::new(arrival, path.as_deref());
        let result = gate.receive(path.as_deref(), request, &mut report).await;
        replies.reply(report, result)
    });
    push.await.unwrap_or_else(|_panic| {
        served
            .replies
            .reply(Report::new(arrival, None), Err(Refusal::Defect))
    })
}

async fn live(State(served): State<Served>) -> Response {
    match served.gate.deliveries.pools.watchdog.check() {
        Ok(()) => StatusCode::OK.into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn ready(State(served): State<Served>) -> StatusCode {
    match served.gate.is_ready().await {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Accepts until the last push has been answered: while the service leaves, new pushes still hear that it does.
async fn accept(socket: TcpListener, router: Router, gate: Arc<Gate>, limit: usize) {
    let connections = Connections::new(limit);
    let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
    let accepting = async {
        loop {
            let Ok((stream, peer)) = socket.accept().await else {
                // Out of file descriptors, most likely.
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
        () = gate.deliveries.drain.leaving.cancelled() => {}
    }
    drop(socket);
    let _ = timeout(LAST_WORDS, gate.deliveries.drain.pushes.wait()).await;
    closing.cancel();
    tasks.close();
    let _ = timeout(GOODBYE, tasks.wait()).await;
}

/// Serves a connection until its client ends it, its place is needed, it is idle for too long, or the service has left.
async fn serve_connection(
    stream: TcpStream,
    entry: Entry,
    router: Router,
    closing: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let (builder, router) = (connection_builder(), TowerToHyperService::new(router));
    let connection = Arc::clone(&entry.connection);
    let service = service_fn(move |request| {
        let (router, connection) = (router.clone(), Arc::clone(&connection));
        async move {
            // Counted when polled: hyper does not poll a request while the client reads no replies.
            let _in_use = connection.begin();
            let response = router.call(request).await;
            if let Ok(response) = &response
                && response.extensions().get::<ToKnownCaller>().is_some()
            {
                connection.trust();
            }
            response
        }
    });
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased; // what has arrived is read before the connection counts as idle
        ended = served.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(error, "connection ended");
            }
            return;
        }
        () = entry.connection.evicted.cancelled() => return,
        () = entry.connection.idled() => {}
        () = closing.cancelled() => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = timeout(GOODBYE, served).await;
}

/// HTTP/1.1 and HTTP/2 without TLS on one port, told apart by their first bytes (RFC 9113, 3.3). The builder waits for them
/// without a time-out, so a connection counts as idle from its start.
fn connection_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_LIMIT_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_LIMIT_BYTES)
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(IDLE);
    builder
}

/// Binds a socket that keeps little for clients that do not read: its connections inherit both options (Linux, *tcp(7)*).
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    SockRef::from(&socket).set_tcp_user_timeout(Some(IDLE))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
