//! Opens connections to endpoints, with TLS where the URL asks for it.

use hyper::Uri;
use hyper::service::Service;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

use super::PushError;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Opens connections of HTTP/1.1.
pub(super) struct Connector(TowerToHyperService<HttpsConnector<HttpConnector>>);

impl Connector {
    /// Trusts whom the system trusts. Where there are no roots, only plain http works.
    pub(super) fn new() -> Self {
        let builder = HttpsConnectorBuilder::new();
        let builder = builder.with_native_roots().unwrap_or_else(|error| {
            tracing::warn!(%error, "no TLS roots: endpoints must be plain http");
            let trusting_nobody = ClientConfig::builder()
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(trusting_nobody)
        });
        let connector = builder.https_or_http().enable_http1();
        Self(TowerToHyperService::new(connector.wrap_connector(tcp())))
    }

    pub(super) async fn connect(&self, endpoint: &Uri) -> Result<Stream, PushError> {
        let connecting = self.0.call(endpoint.clone());
        connecting.await.map_err(PushError::Unreachable)
    }
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    // Nagle's algorithm would hold back the end of a request until the endpoint has acknowledged its beginning.
    connector.set_nodelay(true);
    connector
}
