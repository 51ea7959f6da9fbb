//! Keeps other web pages out. Any page in a developer's browser can send requests to loopback. A foreign name in `Host` may
//! have been pointed to this machine (DNS rebinding), so it is rejected. A request that changes something must come from
//! the console's own page or from a program.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::server::hosts::{authorities, host};
use crate::server::status::{permission_denied, unsupported_media_type};

const FETCH_SITE: &str = "sec-fetch-site";

/// The content security policy: everything is loaded from the emulator itself, and no other page may embed this one.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// The address and the public name of the emulator.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    address: SocketAddr,
    /// The host of the public URL.
    public: Arc<str>,
}

/// The reason for rejecting a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Rejection {
    #[error(
        "the console accepts localhost and IP addresses of this machine only: open it as http://127.0.0.1:PORT/console/, or \
         start the emulator with --public-url http://NAME:PORT"
    )]
    ForeignHost,
    #[error(
        "the emulator accepts requests of programs and of its own page, not of other web pages"
    )]
    ForeignPage,
    #[error("the content type of a change must be application/json")]
    NotJson,
}

/// Passes a valid request for the page on, and adds the security headers to the response.
pub(super) async fn page(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check_host(&request) {
        Ok(()) => dress(next.run(request).await),
        Err(rejection) => rejection.into_response(),
    }
}

/// Passes a valid request to the console's interface on, and adds the security headers to the response.
pub(super) async fn api(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if let Err(rejection) = guard.check(&request) {
        return dress(rejection.into_response());
    }
    let mut response = dress(next.run(request).await);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

impl Guard {
    pub(super) fn new(address: SocketAddr, public_url: &str) -> Self {
        let public = host(public_url);
        Self { address, public }
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.check_host(request)?;
        check_page(request)?;
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
        if !is_safe && !is_json(request.headers()) {
            return Err(Rejection::NotJson);
        }
        Ok(())
    }

    /// Checks the host, which HTTP/2 has in the request's target and HTTP/1.1 in a header. If there are both, both must be
    /// valid.
    fn check_host(&self, request: &Request) -> Result<(), Rejection> {
        let mut hosts = authorities(request).peekable();
        let is_known = hosts.peek().is_some();
        let all_fit = hosts.all(|host| host.is_some_and(|host| self.is_own(&host)));
        if is_known && all_fit {
            Ok(())
        } else {
            Err(Rejection::ForeignHost)
        }
    }

    /// Returns true if a host is an address or a name of this machine. A foreign page can resolve its own name to any
    /// address, but cannot send an address as `Host`.
    fn is_own(&self, authority: &Authority) -> bool {
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host();
        if host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(&self.public) {
            return true;
        }
        let listening = self.address.ip();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
        ip.is_ok_and(|ip: IpAddr| ip.is_loopback() || ip == listening || listening.is_unspecified())
    }
}

/// Checks the origin that browsers send. No page can forge it, and programs send none.
fn check_page(request: &Request) -> Result<(), Rejection> {
    let headers = request.headers();
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let is_own_site = matches!(site, None | Some(b"same-origin" | b"none"));
    let is_own_origin = headers.get_all(ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let host = origin
            .split_once("://")
            .and_then(|(_, host)| host.parse().ok());
        host.is_some_and(|host: Authority| {
            authorities(request).all(|own| own.as_ref() == Some(&host))
        })
    });
    if is_own_site && is_own_origin {
        Ok(())
    } else {
        Err(Rejection::ForeignPage)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn dress(mut response: Response) -> Response {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        let value = HeaderValue::from_static(value);
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Self::ForeignHost | Self::ForeignPage => permission_denied(&self.to_string()),
            Self::NotJson => unsupported_media_type(&self.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::header::HOST;

    const PUBLIC: &str = "http://pubsub.shop.example:8085";

    fn own(listening: &str, host: &str) -> bool {
        let guard = Guard::new(listening.parse().unwrap(), PUBLIC);
        let request = Request::builder().uri("/console/").header(HOST, host);
        guard
            .check_host(&request.body(Body::empty()).unwrap())
            .is_ok()
    }

    #[test]
    fn only_this_machine_is_an_own_host() {
        for host in [
            "127.0.0.1:8085",
            "127.0.0.1",
            "localhost:8085",
            "LocalHost",
            "[::1]:8085",
            "127.9.9.9:1",
            "pubsub.shop.example",
        ] {
            assert!(own("127.0.0.1:8085", host), "{host}");
        }
        for host in [
            "evil.example:8085",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.5:8085",
            "evil.example:80@127.0.0.1",
            "",
            "127.0.0.1:8085, evil.example",
            "localhost.",
        ] {
            assert!(!own("127.0.0.1:8085", host), "{host}");
        }
        assert!(own("192.168.1.5:8085", "192.168.1.5:8085"));
        assert!(own("0.0.0.0:8085", "192.168.1.5:8085"));
        assert!(!own("0.0.0.0:8085", "laptop.example:8085"));
    }

    #[test]
    fn a_request_without_a_host_or_with_two_is_rejected() {
        let guard = Guard::new("127.0.0.1:8085".parse().unwrap(), PUBLIC);
        let none = Request::builder()
            .uri("/console/")
            .body(Body::empty())
            .unwrap();
        assert!(guard.check_host(&none).is_err());
        let two = Request::builder()
            .uri("http://127.0.0.1:8085/console/")
            .header(HOST, "evil.example");
        assert!(guard.check_host(&two.body(Body::empty()).unwrap()).is_err());
        let http2 = Request::builder().uri("http://127.0.0.1:8085/console/");
        assert!(
            guard
                .check_host(&http2.body(Body::empty()).unwrap())
                .is_ok()
        );
    }

    const JSON: (&str, &str) = ("content-type", "application/json");

    fn check(method: Method, headers: &[(&str, &str)], expected: Result<(), Rejection>) {
        let guard = Guard::new("127.0.0.1:8085".parse().unwrap(), PUBLIC);
        let mut request = Request::builder()
            .method(method)
            .uri("/console/api/overview");
        request = request.header(HOST, "127.0.0.1:8085");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let found = guard.check(&request.body(Body::empty()).unwrap());
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn a_program_may_change_anything_with_json() {
        check(Method::GET, &[], Ok(()));
        check(Method::POST, &[JSON], Ok(()));
        check(
            Method::POST,
            &[("content-type", "Application/JSON; charset=utf-8")],
            Ok(()),
        );
    }

    #[test]
    fn the_consoles_own_page_may_change_anything() {
        check(
            Method::POST,
            &[
                JSON,
                ("origin", "http://127.0.0.1:8085"),
                (FETCH_SITE, "same-origin"),
            ],
            Ok(()),
        );
    }

    #[test]
    fn a_change_that_is_no_json_is_rejected() {
        check(Method::POST, &[], Err(Rejection::NotJson));
        check(
            Method::POST,
            &[("content-type", "text/plain")],
            Err(Rejection::NotJson),
        );
        check(Method::DELETE, &[], Err(Rejection::NotJson));
    }

    #[test]
    fn a_foreign_page_is_rejected() {
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:3000"),
            ("origin", ""),
            ("origin", "http://localhost:8085"),
            (FETCH_SITE, "cross-site"),
            (FETCH_SITE, "same-site"),
        ] {
            check(Method::POST, &[JSON, foreign], Err(Rejection::ForeignPage));
            check(Method::GET, &[foreign], Err(Rejection::ForeignPage));
        }
    }
}
