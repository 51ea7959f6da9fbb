//! Keeps web pages of other machines away from Google's API and the emulator's own, since any page in a developer's browser
//! can send requests to loopback. Programs and pages on this machine are allowed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    CONTENT_TYPE, ORIGIN, VARY,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::reject;
use crate::server::hosts::{authorities, host};

/// Suffixes of names that cannot be registered, so that no foreign page has such a name (RFC 6761, RFC 6762, RFC 8375;
/// ICANN has reserved `internal`). Names of Kubernetes services end with `svc` or `svc.cluster.local`.
const LOCAL_ENDS: [&str; 6] = [
    ".home.arpa",
    ".internal",
    ".local",
    ".localhost",
    ".svc",
    ".test",
];
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
/// The longest time for which Chromium caches it.
const TWO_HOURS: HeaderValue = HeaderValue::from_static("7200");

/// The public host name of the emulator, besides those of this machine and its network.
#[derive(Clone)]
pub(super) struct Gate {
    public: Arc<str>,
}

/// The reason for rejecting a request.
#[derive(Debug, thiserror::Error)]
enum Rejection {
    #[error(
        "the emulator accepts requests of programs and of its own page, not of other web pages"
    )]
    ForeignPage,
    #[error(
        "the emulator rejects this host name, which a web page could have resolved to this machine: use an IP address or \
         localhost, or start it with --public-url http://NAME:PORT"
    )]
    ForeignName,
}

impl Gate {
    pub(super) fn new(public_url: &str) -> Self {
        Self {
            public: host(public_url),
        }
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        // A browser that reached this machine by a foreign name sends no origin, as it takes the page for the emulator's
        // own.
        if !authorities(request).all(|host| host.is_some_and(|host| self.answers_to(&host))) {
            return Err(Rejection::ForeignName);
        }
        // The browser sends the page's origin with every request that changes something, and hides the responses to others
        // from the page.
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
        let mut origins = request.headers().get_all(ORIGIN).iter();
        if is_safe || origins.all(is_of_this_machine) {
            Ok(())
        } else {
            Err(Rejection::ForeignPage)
        }
    }

    fn answers_to(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let is_public = *host == *self.public;
        let is_local = is_container(host) || LOCAL_ENDS.iter().any(|end| host.ends_with(end));
        !authority.as_str().contains('@') && (is_public || is_local || ip(host).is_some())
    }
}

/// Returns true if a name belongs to this machine or its network: without a dot, or with a last part that is not a
/// top-level domain, as `emulator.my_network` of Docker and `ghcr.io-shop-emulator` of GitLab. Top-level domains have
/// letters only, or start with `xn--` (RFC 3696, section 2, and ICANN's rules for new ones).
fn is_container(host: &str) -> bool {
    let Some((_, last)) = host.rsplit_once('.') else {
        return true;
    };
    last.contains('_') || (last.contains('-') && !last.starts_with("xn--"))
}

/// Passes a request on, or rejects it in the form of its API.
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let origin = own_origin(request.headers());
    let mut response = match gate.check(&request) {
        Err(rejection) => rejected(&rejection, request.headers()),
        Ok(()) if origin.is_some() && is_preflight(&request) => preflight(request.headers()),
        Ok(()) => next.run(request).await,
    };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// Returns the origin of a page on this machine, which may read the response, as with Google's emulator.
fn own_origin(headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN).filter(|each| is_of_this_machine(each));
    origin.cloned()
}

/// Returns true for a browser's preflight request (Fetch, "CORS-preflight request").
fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, TWO_HOURS);
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

fn rejected(rejection: &Rejection, headers: &HeaderMap) -> Response {
    let status = Status::permission_denied(rejection.to_string());
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        status.into_http()
    } else {
        reject(&status)
    }
}

fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let host = origin.split_once("://").map(|(_, host)| host);
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| {
        let name = host.host();
        let is_loopback = ip(name).is_some_and(|ip| ip.is_loopback());
        // Names below `localhost` cannot be registered, and browsers resolve them to this machine (RFC 6761).
        let is_localhost = name.eq_ignore_ascii_case("localhost");
        is_localhost || name.to_ascii_lowercase().ends_with(".localhost") || is_loopback
    })
}

fn ip(host: &str) -> Option<IpAddr> {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
    ip.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, is_good: bool) {
        let gate = Gate::new("http://Pubsub.shop.example:8085");
        let authority: Authority = host.parse().unwrap();
        assert_eq!(gate.answers_to(&authority), is_good, "{host}");
    }

    #[test]
    fn names_that_a_foreign_page_can_have_are_rejected() {
        for host in [
            "localhost:8085",
            "127.0.0.1:8085",
            "[::1]:8085",
            "192.168.1.5",
            "emulator:8085",
            "Google__cloud-sdk",
            "localhost.",
            "shop.localhost",
            "host.docker.internal:8085",
            "emulator.my_network:8085",
            "ghcr.io__shop__emulator:8085",
            "ghcr.io-shop-emulator",
            "laptop.local",
            "emulator.shop.svc:8085",
            "emulator.shop.svc.cluster.local:8085",
            "pubsub.shop.example:8085",
        ] {
            check(host, true);
        }
        for host in [
            "evil.example:8085",
            "evil.example.",
            "local.evil.example",
            "127.0.0.1.evil.example",
            "shop.example",
            "shop.xn--p1ai",
            "shop-emulator.dev",
            "evil.example@127.0.0.1",
            "127.0.0.1@evil.example",
        ] {
            check(host, false);
        }
    }
}
