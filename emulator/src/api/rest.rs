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
use super::json::Object;
use super::path::missing;
use crate::error::ApiError;
use crate::name::ResourceName;

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
            Self::NotFound(_) | Self::NoSuchMethod(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::AlreadyExists(_) => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
            Self::InvalidArgument(_) => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
            Self::FailedPrecondition(_) => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
            Self::OutOfRange(_) => (StatusCode::BAD_REQUEST, "OUT_OF_RANGE"),
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
///
/// One that is too large has been read up to a wider bound, so that a client gets to the answer instead of a closed
/// connection.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = body.ok().filter(|body| body.len() <= MAX_BODY_BYTES);
    let body = body.ok_or_else(|| {
        ApiError::invalid(format!(
            "The request body could not be read, or has more than {MAX_BODY_BYTES} bytes"
        ))
    })?;
    let text = if body.is_empty() { b"{}" } else { &body[..] };
    let Object(read) = serde_json::from_slice(text)
        .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received: {error}")))?;
    Ok(read)
}

/// Refuses a body whose `name` is not that of the path; it may be left out.
pub(super) fn check_name(found: &str, name: &ResourceName) -> Result<(), ApiError> {
    if found.is_empty() || found == name.as_str() {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "The name {found:?} of the body is not the {name} of the path"
    )))
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
    missing(&method, path).into_response()
}
