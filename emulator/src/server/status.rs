//! Errors as gRPC and HTTP statuses.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tonic::{Code, Status};

use crate::error::ApiError;

/// The most bytes of a message that are sent. gRPC puts it into a header, and it may repeat input of the client.
const MAX_MESSAGE_CHARS: usize = 1_000;

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let message: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
        match error {
            ApiError::NotFound(_) => Self::not_found(message),
            ApiError::AlreadyExists(_) => Self::already_exists(message),
            ApiError::InvalidArgument(_) => Self::invalid_argument(message),
            ApiError::Unimplemented(_) => Self::unimplemented(message),
            ApiError::FailedPrecondition(_) => Self::failed_precondition(message),
            ApiError::OutOfRange(_) => Self::out_of_range(message),
            ApiError::ResourceExhausted(_) => Self::resource_exhausted(message),
            ApiError::Aborted(_) => Self::aborted(message),
            ApiError::Unavailable(_) => Self::unavailable(message),
            ApiError::Internal(_) => Self::internal(message),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = Status::from(self);
        error_response(status.code(), status.message())
    }
}

/// Returns an error with the code NOT_FOUND.
pub(crate) fn not_found(message: &str) -> Response {
    error_response(Code::NotFound, message)
}

/// Returns an error with the code PERMISSION_DENIED.
pub(crate) fn permission_denied(message: &str) -> Response {
    error_response(Code::PermissionDenied, message)
}

/// Returns an error with the code FAILED_PRECONDITION.
pub(super) fn precondition(message: &str) -> Response {
    error_response(Code::FailedPrecondition, message)
}

/// Returns an error with the code UNAVAILABLE.
pub(crate) fn unavailable(message: &str) -> Response {
    error_response(Code::Unavailable, message)
}

/// Returns an error for the content type of a request.
pub(crate) fn unsupported_media_type(message: &str) -> Response {
    let status = "INVALID_ARGUMENT";
    response(StatusCode::UNSUPPORTED_MEDIA_TYPE, status, message)
}

fn error_response(code: Code, message: &str) -> Response {
    let (code, status) = http(code);
    response(code, status, message)
}

/// Returns an error in Google's form (Google, *Errors*, "HTTP mapping").
fn response(code: StatusCode, status: &str, message: &str) -> Response {
    let error = json!({"code": code.as_u16(), "message": message, "status": status});
    (code, Json(json!({"error": error}))).into_response()
}

/// Returns the HTTP status of a code and its name in JSON (*google.rpc.Code*). 499 is not a registered status.
pub(crate) fn http(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::Ok => (StatusCode::OK, "OK"),
        Code::Cancelled => (
            StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            "CANCELLED",
        ),
        Code::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
        Code::Aborted => (StatusCode::CONFLICT, "ABORTED"),
        Code::OutOfRange => (StatusCode::BAD_REQUEST, "OUT_OF_RANGE"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Code::DataLoss => (StatusCode::INTERNAL_SERVER_ERROR, "DATA_LOSS"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
    }
}
