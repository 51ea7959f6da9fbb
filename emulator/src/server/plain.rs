//! The refusal of requests without TLS on a port with TLS. The other side would otherwise see nothing but a closed connection.

use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use tonic::Status;

use super::places::Client;
use super::status::precondition;

const REFUSAL: &str = "this port has TLS: use https://, or in gRPC a channel with TLS, and trust the emulator's certificate; \
     clients that find the emulator by PUBSUB_EMULATOR_HOST have no TLS and need one that is started without it";

/// Passes a request with TLS on, and refuses the others in the form of their API.
pub(super) async fn refuse(
    ConnectInfo(client): ConnectInfo<Client>,
    request: Request,
    next: Next,
) -> Response {
    if !client.is_plain() {
        return next.run(request).await;
    }
    let kind = request.headers().get(CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return Status::failed_precondition(REFUSAL).into_http();
    }
    precondition(REFUSAL)
}
