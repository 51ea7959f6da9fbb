//! Serves the published surface until the emulator stops.

mod connections;
mod frames;
pub(crate) mod front_door;
pub(crate) mod hosts;
mod in_use;
mod places;
mod plain;
pub(crate) mod status;
mod stream;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::connections::Connections;
use self::places::Client;
pub(crate) use self::tls::PortTls;
pub use self::tls::{Tls, TlsError};

/// The time that clients have to read the rest of their responses at shutdown. Then their connections are closed.
const STOP_TIME: Duration = Duration::from_secs(2);
/// The most connections that wait to be accepted. Linux drops further ones, whose clients try again after a second, and lowers it to
/// `net.core.somaxconn`, by default 4,096.
const BACKLOG: u32 = 4_096;

/// Binds the address synchronously, so that plain functions can start an emulator too.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Otherwise the port is taken for a minute after connections of an earlier emulator.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stopping` is cancelled and all connections have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    stopping: CancellationToken,
) {
    let closing = CancellationToken::new();
    let router = match tls {
        Some(_) => router.layer(from_fn(plain::refuse)),
        None => router,
    };
    let router = router.layer(from_fn(in_use::count));
    let router = router.into_make_service_with_connect_info::<Client>();
    let connections = Connections::new(listener, tls, closing.clone());
    let served = axum::serve(connections, router)
        .with_graceful_shutdown(stopping.clone().cancelled_owned())
        .into_future();
    // This future never completes: `serve` completes once all connections are closed.
    let patience = async {
        stopping.cancelled().await;
        sleep(STOP_TIME).await;
        closing.cancel();
        std::future::pending::<()>().await;
    };
    let served = tokio::select! {
        served = served => served,
        () = patience => return,
    };
    if let Err(error) = served {
        tracing::error!(%error, "the emulator stopped listening");
    }
}

/// Returns the scheme of the port.
fn scheme(is_tls: bool) -> &'static str {
    if is_tls { "https" } else { "http" }
}

/// Returns the URL by which a client on this machine reaches the address.
pub(crate) fn url(address: SocketAddr, is_tls: bool) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, address.port());
    format!("{}://{address}", scheme(is_tls))
}

/// Returns the URL by which others reach the emulator, without a final slash. It has no path, since clients derive the URLs
/// of documents from it (OpenID Connect Discovery 1.0, section 4), and the scheme of the port.
pub(crate) fn public_url(given: &str, is_tls: bool) -> Option<String> {
    let url = Url::parse(given).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_named = url.username().is_empty() && url.password().is_none();
    if url.scheme() == scheme(is_tls) && url.has_host() && is_bare && is_named {
        Some(url.as_str().trim_end_matches('/').to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: Option<&str>) {
        let url = public_url(given, false);
        assert_eq!(url.as_deref(), expected, "{given}");
    }

    #[test]
    fn a_public_url_has_the_scheme_of_the_port() {
        let url = public_url("https://emulator:8085/", true);
        assert_eq!(url.as_deref(), Some("https://emulator:8085"));
        assert_eq!(public_url("http://emulator:8085", true), None);
    }

    #[test]
    fn a_public_url_is_a_host_with_or_without_a_port() {
        let own = "http://emulator:8085";
        check(own, Some(own));
        check("http://emulator:8085/", Some(own));
        check("http://emulator", Some("http://emulator"));
        check("http://[fd00::1]:8085", Some("http://[fd00::1]:8085"));
        for given in [
            "",
            "emulator:8085",
            "https://emulator:8085",
            "http://",
            "http://:8085",
            "http://emulator/#a",
            "http://emulator:99999",
            "http://emulator:8085/pubsub",
            "http://emulator:8085?a=b",
            "http://user:word@emulator",
            "http://two words",
        ] {
            check(given, None);
        }
    }
}
