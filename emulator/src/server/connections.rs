//! Connections of clients. They end with the emulator even if the clients keep them open.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::stream::{Bytes, Port, Stream};

/// A listener whose connections are closed when `closing` is cancelled.
pub(crate) struct Connections {
    listener: TcpListener,
    closing: CancellationToken,
    port: Arc<Port>,
}

/// One connection. Its server polls it, and so notices the end of the emulator.
pub(crate) struct Connection {
    stream: Stream,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    port: Arc<Port>,
    client: Client,
}

/// The client of a connection.
#[derive(Clone, Default)]
pub(super) struct Client {
    /// True if it speaks without TLS, which is known with its first request.
    is_plain: Arc<AtomicBool>,
}

impl Client {
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain.load(Ordering::Relaxed)
    }
}

impl Connected<IncomingStream<'_, Connections>> for Client {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().client.clone()
    }
}

impl Connections {
    pub(crate) fn new(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        closing: CancellationToken,
    ) -> Self {
        let port = Port {
            tls,
            is_logged: AtomicBool::new(false),
        };
        Self {
            listener,
            closing,
            port: Arc::new(port),
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
            stream: Stream::New(Some(stream)),
            closing,
            port: Arc::clone(&self.port),
            client: Client::default(),
        };
        (connection, client)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// Returns the bytes, or an error if the connection was closed.
    fn open(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Pin<&mut Bytes>>> {
        let this = self.get_mut();
        this.check(context)?;
        if this.stream.opened().is_none() {
            ready!(this.stream.poll_open(context, &this.port))?;
            let is_plain = this.stream.is_plain();
            this.client.is_plain.store(is_plain, Ordering::Relaxed);
        }
        this.stream.poll_open(context, &this.port)
    }

    /// # Errors
    /// If the emulator has stopped.
    fn check(&mut self, context: &mut Context<'_>) -> Result<()> {
        match self.closing.as_mut().poll(context) {
            Poll::Ready(()) => Err(Error::new(
                ErrorKind::ConnectionAborted,
                "the emulator has stopped",
            )),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        ready!(self.open(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        ready!(self.open(context))?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        ready!(self.open(context))?.poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        match this.stream.opened() {
            Some(bytes) => bytes.poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        match this.stream.opened() {
            Some(bytes) => bytes.poll_shutdown(context),
            // Nothing was exchanged: the socket is closed with the connection.
            None => Poll::Ready(Ok(())),
        }
    }
}
