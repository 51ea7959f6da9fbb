//! The hosts that a request or a URL names.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;

/// Returns the host of a URL, in lower case.
pub(crate) fn host(url: &str) -> Arc<str> {
    let rest = url.split_once("://").map(|(_, rest)| rest);
    let authority = rest.and_then(|rest| rest.parse::<Authority>().ok());
    let host = authority.as_ref().map_or("", Authority::host);
    host.to_ascii_lowercase().into()
}

/// Returns every host that a request names, or `None` if one cannot be read.
pub(crate) fn authorities(request: &Request) -> impl Iterator<Item = Option<Authority>> {
    let target = request.uri().authority().cloned().map(Some);
    let headers = request.headers().get_all(HOST).iter();
    let headers = headers.map(|host| host.to_str().ok()?.parse().ok());
    target.into_iter().chain(headers)
}
