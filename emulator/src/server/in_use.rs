//! Counts the requests in progress of each connection, up to the end of their responses.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::places::{Client, InUse};

/// The body of a response, which may be an endless stream.
struct CountedBody {
    body: Body,
    _in_use: InUse,
}

/// Passes a request on, and counts it until its response was sent.
pub(super) async fn count(
    ConnectInfo(client): ConnectInfo<Client>,
    request: Request,
    next: Next,
) -> Response {
    let in_use = client.begin();
    let response = next.run(request).await;
    response.map(|body| {
        Body::new(CountedBody {
            body,
            _in_use: in_use,
        })
    })
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
