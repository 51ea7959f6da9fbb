//! Connections of clients. They end with the emulator even if the clients keep them open.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The first byte of a TLS client (RFC 8446, section 5.1). No HTTP method starts with it.
const TLS_HANDSHAKE: u8 = 22;

/// A listener whose connections are closed when `closing` is cancelled.
pub(crate) struct Connections {
    listener: TcpListener,
    closing: CancellationToken,
    /// True if the log has a line about a TLS client. Such clients retry endlessly.
    tls_log: Arc<AtomicBool>,
}

/// One connection. Its server polls it, and so notices the end of the emulator.
pub(crate) struct Connection {
    stream: TcpStream,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The log of TLS clients; `None` once the first byte was read.
    tls_log: Option<Arc<AtomicBool>>,
}

impl Connections {
    pub(crate) fn new(listener: TcpListener, closing: CancellationToken) -> Self {
        Self {
            listener,
            closing,
            tls_log: Arc::default(),
        }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // `accept` itself waits after errors such as too many open files.
        let (stream, client) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let closing = Box::pin(self.closing.clone().cancelled_owned());
        let connection = Connection {
            stream,
            closing,
            tls_log: Some(Arc::clone(&self.tls_log)),
        };
        (connection, client)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// Returns the stream, or an error if the connection was closed.
    fn open(self: Pin<&mut Self>, context: &mut Context<'_>) -> Result<Pin<&mut TcpStream>> {
        let this = self.get_mut();
        match this.closing.as_mut().poll(context) {
            Poll::Ready(()) => Err(Error::new(
                ErrorKind::ConnectionAborted,
                "the emulator has stopped",
            )),
            Poll::Pending => Ok(Pin::new(&mut this.stream)),
        }
    }
}

/// Logs once that a client uses TLS. The client only notices that its connection is closed.
fn warn_of_tls(first: u8, is_logged: &AtomicBool) {
    if first == TLS_HANDSHAKE && !is_logged.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "a client speaks TLS, and this port is plain: set PUBSUB_EMULATOR_HOST for Google's clients, without https://"
        );
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = self.as_mut().open(context)?.poll_read(context, buffer);
        let first = buffer.filled().get(before).copied();
        if let Some(first) = first
            && let Some(is_logged) = self.tls_log.take()
        {
            warn_of_tls(first, &is_logged);
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.open(context)?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.open(context)?.poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.open(context)?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.open(context)?.poll_shutdown(context)
    }
}
