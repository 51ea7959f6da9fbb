//! Connections of clients. They end with the emulator even if the clients keep them open, and earlier if they send no request.

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
use tokio::time::{Sleep, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::frames::{Frames, TooManyFrames};
use super::places::{Client, HEAD_TIME, Place, Places, limit};
use super::stream::{Bytes, Port, Stream};
use crate::clock::machine_instant;

/// A listener whose connections are closed when `closing` is cancelled.
pub(crate) struct Connections {
    listener: TcpListener,
    closing: CancellationToken,
    port: Arc<Port>,
    places: Arc<Places>,
}

/// One connection. Its server polls it, and so notices the end of the emulator.
pub(crate) struct Connection {
    stream: Stream,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The end of the time for the head of the first request; `None` after it.
    head_end: Option<Pin<Box<Sleep>>>,
    frames: Frames,
    port: Arc<Port>,
    client: Client,
    _place: Place,
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
            is_flood_logged: AtomicBool::new(false),
        };
        Self {
            listener,
            closing,
            port: Arc::new(port),
            places: Places::new(limit()),
        }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // `accept` itself waits after errors such as too many open files.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let (place, client) = self.places.take(&self.closing).await;
        let connection = Connection {
            stream: Stream::New(Some(stream)),
            closing: Box::pin(client.closing().clone().cancelled_owned()),
            head_end: Some(Box::pin(sleep_until(machine_instant() + HEAD_TIME))),
            frames: Frames::new(),
            port: Arc::clone(&self.port),
            client,
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// Returns the bytes, or an error if the connection was closed.
    fn open(&mut self, context: &mut Context<'_>) -> Poll<Result<Pin<&mut Bytes>>> {
        self.check(context)?;
        if self.stream.opened().is_none() {
            ready!(self.stream.poll_open(context, &self.port))?;
            self.client.set_plain(self.stream.is_plain());
        }
        self.stream.poll_open(context, &self.port)
    }

    /// # Errors
    /// If the emulator has stopped, if the place of the connection is needed, or if it had no request in time.
    fn check(&mut self, context: &mut Context<'_>) -> Result<()> {
        if self.closing.as_mut().poll(context).is_ready() {
            let reason = "the emulator has stopped, or needs the place of the connection";
            return Err(Error::new(ErrorKind::ConnectionAborted, reason));
        }
        if self.head_end.is_some() && self.client.has_begun() {
            self.head_end = None;
        }
        let head_end = self.head_end.as_mut();
        if head_end.is_some_and(|end| end.as_mut().poll(context).is_ready()) {
            let reason = "the connection had no complete request in time";
            return Err(Error::new(ErrorKind::TimedOut, reason));
        }
        Ok(())
    }

    /// Returns the error that closes the connection, after a line in the log.
    fn end_flood(&self, error: TooManyFrames) -> Error {
        if !self.port.is_flood_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!("{error}: its connection is closed, as are those of later ones");
        }
        Error::new(ErrorKind::ConnectionAborted, error)
    }

    /// Records sent bytes.
    fn written(&mut self, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.frames.written(bytes);
        }
        written
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(ready!(this.open(context))?.poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let counted = this.frames.read(read);
        Poll::Ready(counted.map_err(|error| this.end_flood(error)))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let written = ready!(this.open(context))?.poll_write(context, bytes);
        this.written(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let written = ready!(this.open(context))?.poll_write_vectored(context, bytes);
        this.written(written)
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
