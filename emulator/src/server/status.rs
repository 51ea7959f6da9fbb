//! Refusals as gRPC and HTTP know them; nothing outside `api/` knows a status code of the API.

use axum::http::StatusCode;
use tonic::{Code, Status};

use crate::error::ApiError;

/// The most of a message that is sent: gRPC puts it into a header, and it may repeat what a client wrote.
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

/// The HTTP status of a code, and its name in JSON (*google.rpc.Code*). 499 is not a registered status.
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
