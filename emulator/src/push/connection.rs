//! One connection to an endpoint, and one request and response on it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection as Driver, SendRequest};
use hyper::ext::on_informational;
use hyper::{Request, Response, StatusCode, Uri};
use tokio::time::timeout;

use super::PushError;
use super::answer::{Answer, MAX_READ_TIME, read};
use super::connector::{Connector, Stream};

/// The most headers of an answer. Pub/Sub ignores headers, and this is far more than an endpoint sends.
const MAX_HEADERS: usize = 1_000;

pub(crate) type PushRequest = Request<Full<Bytes>>;

/// A connection that sends one request after another. Only the current push drives it, which saves a task. Dropping it
/// closes it, and so aborts its request. It is boxed, since it is large and moved often.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The connection, or `None` once it is closed.
    driver: Option<Driver<Stream, Full<Bytes>>>,
    /// True if the endpoint sent 102.
    is_processing: Arc<AtomicBool>,
}

/// The reason for a missing answer.
pub(super) enum Failed {
    /// The endpoint closed the connection before anything was sent. Contains the request.
    Unsent(Box<PushRequest>, PushError),
    Broken(PushError),
}

/// The answer.
pub(super) enum Answered {
    /// The interim status 102, whatever follows.
    Processing,
    Finally(Response<Incoming>),
}

impl Connection {
    pub(super) async fn open(
        connector: &Connector,
        endpoint: &Uri,
    ) -> Result<Box<Self>, PushError> {
        let stream = connector.connect(endpoint).await?;
        let handshake = Builder::new().max_headers(MAX_HEADERS).handshake(stream);
        let (sender, driver) = handshake.await.map_err(PushError::Broken)?;
        Ok(Box::new(Self {
            sender,
            driver: Some(driver),
            is_processing: Arc::default(),
        }))
    }

    /// Sends a request, and waits for the status line of its answer.
    pub(super) async fn send(&mut self, mut request: PushRequest) -> Result<Answered, Failed> {
        let Self {
            sender,
            driver,
            is_processing,
        } = self;
        if let Err(error) = driven(driver, sender.ready()).await {
            return Err(Failed::Unsent(Box::new(request), PushError::Broken(error)));
        }
        let notice = Arc::clone(is_processing);
        on_informational(&mut request, move |interim| {
            let is_processing = interim.status() == StatusCode::PROCESSING;
            notice.fetch_or(is_processing, Ordering::Relaxed);
        });
        let mut answer = pin!(sender.try_send_request(request));
        let answered = poll_fn(|context| {
            if is_processing.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(Answered::Processing));
            }
            let answer = answer.as_mut().poll(context);
            answer.map_ok(Answered::Finally)
        });
        driven(driver, answered).await.map_err(|mut error| {
            let request = error.take_message();
            let error = PushError::Broken(error.into_error());
            match request {
                Some(request) => Failed::Unsent(Box::new(request), error),
                None => Failed::Broken(error),
            }
        })
    }

    /// Reads the rest of an answer. Returns true if the connection can be reused.
    pub(super) async fn finish(
        &mut self,
        response: Response<Incoming>,
        answer: Option<&mut Answer>,
    ) -> bool {
        let reading = pin!(read(response.into_body(), answer));
        let reading = driven(&mut self.driver, reading);
        let is_read = timeout(MAX_READ_TIME, reading).await.unwrap_or(false);
        is_read && self.is_free().await
    }

    /// Returns true if the request was also sent completely. An endpoint may answer before it has read it, and the next
    /// request would wait behind the rest.
    async fn is_free(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        poll_fn(|context| {
            // Polled once more, since nothing has polled it after the end of the answer.
            drive(driver, context);
            Poll::Ready(driver.is_some() && sender.is_ready())
        })
        .await
    }
}

/// Drives the connection while `work` runs. The end of the connection wakes `work`.
async fn driven<W: Future>(driver: &mut Option<Driver<Stream, Full<Bytes>>>, work: W) -> W::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        drive(driver, context);
        work.as_mut().poll(context)
    })
    .await
}

fn drive(driver: &mut Option<Driver<Stream, Full<Bytes>>>, context: &mut Context<'_>) {
    let Some(connection) = driver else { return };
    if let Poll::Ready(ended) = Pin::new(connection).poll(context) {
        if let Err(error) = ended {
            tracing::trace!(%error, "a connection to an endpoint failed");
        }
        *driver = None;
    }
}
