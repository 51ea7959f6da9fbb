//! Connections of clients that end when the emulator does, whatever the clients do.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A listener whose connections break when `closing` is cancelled.
pub(crate) struct Connections {
    listener: TcpListener,
    closing: CancellationToken,
}

/// One connection. Its server polls it for as long as it serves it, and so learns of the end.
pub(crate) struct Connection {
    stream: TcpStream,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connections {
    pub(crate) fn new(listener: TcpListener, closing: CancellationToken) -> Self {
        Self { listener, closing }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // Errors, such as too many open files, are waited out there.
        let (stream, client) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let closing = Box::pin(self.closing.clone().cancelled_owned());
        (Connection { stream, closing }, client)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// The stream, unless it is over.
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

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.open(context)?.poll_read(context, buffer)
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
