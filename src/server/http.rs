//! One connection of HTTP/1.1 or HTTP/2, and the socket that accepts it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::push::reply::ToKnownCaller;
use crate::server::CLOSE_TIMEOUT;
use crate::server::connections::{Entry, IDLE};

const STREAMS: u32 = 250;
/// The kernel's buffer of a connection. Replies are short.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;
const BACKLOG: u32 = 1024;
/// The limit of a request's head; a token of Google has about 1 KB. A message whose attributes are longer headers (`no_wrapper`) is
/// rejected, since every connection may need as much memory.
const HEAD_LIMIT_BYTES: u32 = 64 * 1024;
/// The limit of headers. An unwrapped push has one for each of up to 100 attributes (Google, *Quotas and limits*).
const HEADERS: usize = 160;

/// Serves a connection until its client closes it, its place is needed, it is idle for too long, or the service has shut down.
pub(super) async fn serve_connection(
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
        biased; // reads received data before the connection counts as idle
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
    let _ = timeout(CLOSE_TIMEOUT, served).await;
}

/// Builds connections of HTTP/1.1 and HTTP/2 without TLS on one port, distinguished by their first bytes (RFC 9113, 3.3). The
/// builder waits for these without a time-out, so a connection counts as idle from its start.
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

/// Binds a socket with small buffers for clients that do not read: connections inherit both options (Linux, *tcp(7)*).
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
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
