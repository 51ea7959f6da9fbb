//! A proxy before a gRPC server that counts calls and fails some of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Uri};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

/// The failure of a call, with its status (gRPC, *Status codes*).
#[derive(Clone, Copy, Debug)]
pub(crate) enum RpcFault {
    /// The server does not receive it.
    Refused(u8),
    /// The server executes it, but the answer is lost.
    Lost(u8),
}

pub(crate) struct RpcProxy {
    pub(crate) host: String,
    inner: Arc<Inner>,
}

struct Inner {
    server: String,
    client: Client<HttpConnector, Body>,
    /// The calls of each method.
    calls: Mutex<HashMap<String, usize>>,
    /// The failures still to come, by method.
    faults: Mutex<HashMap<String, (RpcFault, usize)>>,
}

impl RpcProxy {
    pub(crate) async fn before(server: &str) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = socket.local_addr().expect("an address").to_string();
        let inner = Arc::new(Inner {
            server: server.to_owned(),
            client: Client::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http(),
            calls: Mutex::default(),
            faults: Mutex::default(),
        });
        let router = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { host, inner }
    }

    /// Lets `method` fail `times` times from now on.
    pub(crate) fn fail(&self, method: &str, fault: RpcFault, times: usize) {
        let mut faults = self.inner.faults.lock().expect("faults");
        faults.insert(method.to_owned(), (fault, times));
    }

    /// Returns the calls of each method since the last call of this function.
    pub(crate) fn take_calls(&self) -> HashMap<String, usize> {
        std::mem::take(&mut *self.inner.calls.lock().expect("calls"))
    }
}

impl Inner {
    fn fault_of(&self, method: &str) -> Option<RpcFault> {
        let mut faults = self.faults.lock().expect("faults");
        let (fault, times) = faults.get_mut(method).filter(|(_, times)| *times > 0)?;
        *times -= 1;
        Some(*fault)
    }
}

async fn forward(State(inner): State<Arc<Inner>>, mut request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    let method = path.rsplit('/').next().expect("a method").to_owned();
    let fault = inner.fault_of(&method);
    *inner
        .calls
        .lock()
        .expect("calls")
        .entry(method)
        .or_default() += 1;
    if let Some(RpcFault::Refused(status)) = fault {
        return failed(status);
    }
    *request.uri_mut() = format!("http://{}{path}", inner.server)
        .parse::<Uri>()
        .expect("a URI");
    let answer = inner.client.request(request).await;
    match (answer, fault) {
        (Ok(_), Some(RpcFault::Lost(status))) => failed(status),
        (Ok(answer), _) => answer.into_response(),
        (Err(_), _) => failed(14),
    }
}

fn failed(status: u8) -> Response {
    let headers = [
        ("content-type", "application/grpc".to_owned()),
        ("grpc-status", status.to_string()),
    ];
    (headers, ()).into_response()
}
