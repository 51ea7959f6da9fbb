//! Serves the published surface until the emulator stops.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::connections::Connections;

/// How long clients have to take the end of their answers when the emulator stops, before their connections are cut.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Binds without waiting, so that an emulator can be started from plain functions too.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Serves until `stopping` is cancelled and all connections have ended.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    stopping: CancellationToken,
) {
    let closing = CancellationToken::new();
    let connections = Connections::new(listener, closing.clone());
    let served = axum::serve(connections, router)
        .with_graceful_shutdown(stopping.clone().cancelled_owned())
        .into_future();
    // This never ends: once their connections are cut, serving does.
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

/// How a client on this machine reaches the address.
pub(crate) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
