//! The log of rejected calls. It has no error texts, since these may repeat the client's data.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tonic::{Code, Status};

/// Passes a call on, and logs at debug level if it was rejected.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    if let Some(code) = grpc_code(&response) {
        tracing::debug!(path, ?code, "a call was rejected");
    } else if status.is_client_error() || status.is_server_error() {
        tracing::debug!(%method, path, status = status.as_u16(), "a call was rejected");
    }
    response
}

/// Returns the code of a gRPC response that is only an error. The error at the end of a stream follows later.
fn grpc_code(response: &Response) -> Option<Code> {
    let status = Status::from_header_map(response.headers())?;
    (status.code() != Code::Ok).then_some(status.code())
}
