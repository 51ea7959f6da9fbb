//! The answer at `/`.

use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

/// The path of the console.
pub(crate) const CONSOLE: &str = "/console/";

/// Answers `/` as Google's emulator does, for programs that wait for it. A browser is redirected to the console.
pub(crate) async fn front_door(headers: HeaderMap) -> Response {
    let accepted = headers
        .get(ACCEPT)
        .and_then(|accepted| accepted.to_str().ok());
    let vary = [(VARY, "accept")];
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        return (vary, Redirect::temporary(CONSOLE)).into_response();
    }
    (StatusCode::OK, vary, "Ok").into_response()
}
