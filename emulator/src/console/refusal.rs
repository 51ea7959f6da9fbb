//! Refusals of the API, as the page is told of them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tonic::Status;

use crate::api::status::http;
use crate::error::ApiError;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = Status::from(self);
        let (code, name) = http(status.code());
        let error = json!({"code": code.as_u16(), "message": status.message(), "status": name});
        (code, Json(json!({"error": error}))).into_response()
    }
}
