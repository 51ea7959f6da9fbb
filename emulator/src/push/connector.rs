//! Opens connections to endpoints, with TLS for `https`.

use std::io::Error;

use hyper::Uri;
use hyper::http::uri::Scheme;
use hyper::service::Service;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::PushError;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Opener = TowerToHyperService<HttpsConnector<HttpConnector>>;

/// Opens HTTP/1.1 connections.
pub(super) struct Connector {
    plain: Opener,
    /// Trusts the system's authorities. Reading them takes longer than a start of the emulator, so only the first `https`
    /// endpoint waits for it.
    secure: OnceCell<Opener>,
}

impl Connector {
    pub(super) fn new() -> Self {
        Self {
            plain: opener(trusting_nobody()),
            secure: OnceCell::new(),
        }
    }

    pub(super) async fn connect(&self, endpoint: &Uri) -> Result<Stream, PushError> {
        let opener = if endpoint.scheme() == Some(&Scheme::HTTPS) {
            self.secure.get_or_init(secure).await
        } else {
            &self.plain
        };
        let connecting = opener.call(endpoint.clone());
        connecting.await.map_err(PushError::Unreachable)
    }
}

async fn secure() -> Opener {
    let read = || ClientConfig::builder().with_native_roots();
    let read = tokio::task::spawn_blocking(read).await;
    let trusting = read.unwrap_or_else(|error| Err(Error::other(error)));
    opener(trusting.map_or_else(no_roots, |trusting| trusting.with_no_client_auth()))
}

fn no_roots(error: Error) -> ClientConfig {
    tracing::warn!(%error, "no TLS roots: endpoints must be plain http");
    trusting_nobody()
}

fn trusting_nobody() -> ClientConfig {
    let trusting = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    trusting.with_no_client_auth()
}

fn opener(trusting: ClientConfig) -> Opener {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // Nagle's algorithm would delay the end of a request until the endpoint has acknowledged its beginning.
    tcp.set_nodelay(true);
    let builder = HttpsConnectorBuilder::new().with_tls_config(trusting);
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    TowerToHyperService::new(connector)
}
