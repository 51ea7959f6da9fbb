//! What all REST handlers share: reading a request and refusing one, in Google's forms.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::MAX_BODY_BYTES;
use crate::error::ApiError;

/// A request body as axum hands it over: whole, or refused for its size.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// Google's form of an error (Google, *Errors*, "HTTP mapping").
#[derive(Serialize)]
struct ErrorBody {
    error: ErrorStatus,
}

#[derive(Serialize)]
struct ErrorStatus {
    code: u16,
    message: String,
    status: &'static str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status) = match &self {
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::AlreadyExists(_) => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
            Self::InvalidArgument(_) => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
            Self::Unimplemented(_) => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
            Self::ResourceExhausted(_) => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        };
        let error = ErrorStatus {
            code: code.as_u16(),
            message: self.to_string(),
            status,
        };
        (code, Json(ErrorBody { error })).into_response()
    }
}

/// Reads a JSON body; an empty one stands for an empty object.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = body.map_err(|_| {
        ApiError::invalid(format!(
            "The request body could not be read, or has more than {MAX_BODY_BYTES} bytes"
        ))
    })?;
    let text = if body.is_empty() { b"{}" } else { &body[..] };
    serde_json::from_slice(text)
        .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received: {error}")))
}

/// Splits the last part of a path, such as `orders:publish`, into id and method.
pub(super) fn split_method(segment: &str) -> (&str, Option<&str>) {
    match segment.split_once(':') {
        Some((id, method)) => (id, Some(method)),
        None => (segment, None),
    }
}

/// Refuses a method of a resource that the emulator does not have.
pub(super) fn unknown_method(method: Option<&str>) -> ApiError {
    ApiError::unimplemented(match method {
        Some(method) => format!("The emulator does not have the method {method:?}"),
        None => "The emulator does not have this method".to_owned(),
    })
}

/// Answers what no route takes, each kind of client in its own form.
pub(super) async fn unknown(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let is_grpc = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc {
        let status = Status::unimplemented(format!("The emulator does not have {path}"));
        return status.into_http::<axum::body::Body>();
    }
    ApiError::unimplemented(format!("The emulator does not have {method} {path}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::split_method;

    #[test]
    fn a_method_follows_a_colon() {
        assert_eq!(split_method("orders"), ("orders", None));
        assert_eq!(split_method("orders:publish"), ("orders", Some("publish")));
    }
}
