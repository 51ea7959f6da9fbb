//! The push endpoint. It does as little as HTTP allows, so that the emulators are measured.
//!
//! `POST /fast` is answered immediately, and `POST /slow` after a second. `GET /wait/COUNT/MILLISECONDS` returns the counts
//! after this number of pushes or this time. `GET /reset` starts a new count.

use std::convert::Infallible;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::Failure;

const SLOWNESS: Duration = Duration::from_secs(1);

/// The counts of an endpoint.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Counts {
    /// The number of answered pushes.
    pub(crate) answered: usize,
    /// The most concurrent pushes.
    pub(crate) most_at_once: usize,
}

#[derive(Default)]
struct State {
    answered: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    arrivals: Option<mpsc::UnboundedSender<Instant>>,
}

/// Serves until the process ends. Its URL is the only line of output.
pub(crate) async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind(loopback()).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    accept(listener, Arc::default()).await;
    Ok(())
}

/// Starts an endpoint in this process, which reports the arrival of each push.
pub(crate) async fn local() -> Result<(String, mpsc::UnboundedReceiver<Instant>), Failure> {
    let listener = TcpListener::bind(loopback()).await?;
    let url = format!("http://{}/fast", listener.local_addr()?);
    let (sender, arrivals) = mpsc::unbounded_channel();
    let state = State {
        arrivals: Some(sender),
        ..State::default()
    };
    tokio::spawn(accept(listener, Arc::new(state)));
    Ok((url, arrivals))
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files: other connections will be closed.
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        stream.set_nodelay(true).ok();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("wait"), Some(count), Some(limit)) => {
            let limit = Duration::from_millis(limit.parse().unwrap_or(0));
            state.wait(count.parse().unwrap_or(0), limit).await;
            let counts = serde_json::to_vec(&state.counts()).unwrap_or_default();
            Ok(Response::new(counts.into()))
        }
        (Some("reset"), ..) => {
            state.answered.store(0, Ordering::SeqCst);
            state.most_at_once.store(0, Ordering::SeqCst);
            Ok(Response::default())
        }
        (kind, ..) => {
            state.push(request.into_body(), kind == Some("slow")).await;
            let mut acked = Response::default();
            *acked.status_mut() = StatusCode::NO_CONTENT;
            Ok(acked)
        }
    }
}

impl State {
    async fn push(&self, mut body: Incoming, is_slow: bool) {
        if let Some(arrivals) = &self.arrivals {
            arrivals.send(Instant::now()).ok();
        }
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        while let Some(Ok(_)) = body.frame().await {}
        if is_slow {
            sleep(SLOWNESS).await;
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.answered.fetch_add(1, Ordering::SeqCst);
    }

    /// A check each millisecond takes less than a notification for each push.
    async fn wait(&self, count: usize, limit: Duration) {
        let began = Instant::now();
        while self.answered.load(Ordering::SeqCst) < count && began.elapsed() < limit {
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            answered: self.answered.load(Ordering::SeqCst),
            most_at_once: self.most_at_once.load(Ordering::SeqCst),
        }
    }
}
