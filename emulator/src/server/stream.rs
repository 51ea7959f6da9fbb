//! The bytes of one connection, whose first one shows if the client speaks TLS.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};
use tokio_util::either::Either;

/// The first byte of a TLS client (RFC 8446, section 5.1). No HTTP method starts with it.
const TLS_HANDSHAKE: u8 = 22;

/// The part that all connections of a port share.
pub(super) struct Port {
    /// TLS of the port; `None` for a plain port.
    pub(super) tls: Option<TlsAcceptor>,
    /// True if the log has a line about a client with the other protocol. Such clients retry endlessly.
    pub(super) is_logged: AtomicBool,
    /// True if the log has a line about a flood of frames.
    pub(super) is_flood_logged: AtomicBool,
}

/// The bytes, without those of TLS.
pub(super) type Bytes = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// The state of a connection.
pub(super) enum Stream {
    /// Nothing was read.
    New(Option<TcpStream>),
    Handshake(Box<Accept<TcpStream>>),
    Open(Bytes),
    Failed,
}

impl Stream {
    /// Returns the bytes once it is known if they are TLS, and the handshake is done.
    pub(super) fn poll_open(
        &mut self,
        context: &mut Context<'_>,
        port: &Port,
    ) -> Poll<Result<Pin<&mut Bytes>>> {
        while !matches!(self, Self::Open(_)) {
            let next = ready!(self.poll_next(context, port));
            *self = next.inspect_err(|_| *self = Self::Failed)?;
        }
        match self {
            Self::Open(bytes) => Poll::Ready(Ok(Pin::new(bytes))),
            _ => Poll::Ready(Err(closed())),
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>, port: &Port) -> Poll<Result<Self>> {
        match self {
            Self::New(stream) => {
                let first = match stream.as_ref() {
                    Some(stream) => ready!(poll_first(stream, context))?,
                    None => return Poll::Ready(Err(closed())),
                };
                let next = stream.take().map(|stream| port.begin(stream, first));
                Poll::Ready(next.ok_or_else(closed))
            }
            Self::Handshake(accept) => {
                let accepted = ready!(Pin::new(accept).poll(context));
                let accepted = accepted.inspect_err(|error| port.warn_of_handshake(error));
                Poll::Ready(accepted.map(|stream| Self::Open(Either::Right(Box::new(stream)))))
            }
            Self::Open(_) | Self::Failed => Poll::Ready(Err(closed())),
        }
    }

    /// Returns the bytes, if they were exchanged already.
    pub(super) fn opened(&mut self) -> Option<Pin<&mut Bytes>> {
        match self {
            Self::Open(bytes) => Some(Pin::new(bytes)),
            _ => None,
        }
    }

    /// Returns true if the client does not use TLS.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Open(Either::Left(_)))
    }
}

impl Port {
    /// Returns the next state of a connection with this first byte, if it has one.
    fn begin(&self, stream: TcpStream, first: Option<u8>) -> Stream {
        let is_tls = first == Some(TLS_HANDSHAKE);
        match &self.tls {
            Some(acceptor) if is_tls => {
                return Stream::Handshake(Box::new(acceptor.accept(stream)));
            }
            Some(_) if first.is_some() => self.warn(
                "a client speaks without TLS, and this port has TLS: use https://, and no PUBSUB_EMULATOR_HOST, which means a plain port to Google's clients",
            ),
            None if is_tls => self.warn(
                "a client speaks TLS, and this port is plain: set PUBSUB_EMULATOR_HOST for Google's clients, without https://, or start the emulator with --tls",
            ),
            _ => {}
        }
        Stream::Open(Either::Left(stream))
    }

    fn warn_of_handshake(&self, error: &Error) {
        self.warn(&format!(
            "a client ended its TLS handshake ({error}): it must trust the certificate, and use a name in it"
        ));
    }

    fn warn(&self, text: &str) {
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!("{text}");
        }
    }
}

/// Returns the first byte, which stays unread, or `None` at the end.
fn poll_first(stream: &TcpStream, context: &mut Context<'_>) -> Poll<Result<Option<u8>>> {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    ready!(stream.poll_peek(context, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().first().copied()))
}

fn closed() -> Error {
    Error::new(ErrorKind::ConnectionAborted, "the connection is closed")
}
