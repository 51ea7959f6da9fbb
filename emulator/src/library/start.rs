//! The parts of a starting emulator.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::options::{MAX_HISTORY_MESSAGES, Options, StartError};
use crate::api;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::console::{self, Source};
use crate::history::History;
use crate::issuer::Issuer;
use crate::journal::data_folder::OptionalDataFolder;
use crate::server::{self, PortTls, listen, url};

/// Stops all tasks when it is dropped.
pub(super) struct Stopping(pub(super) CancellationToken);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Closes the data folder when it is dropped, even if handles of the emulator remain.
pub(super) struct Closing(pub(super) OptionalDataFolder);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            folder.finish();
        }
    }
}

/// Returns Google's interfaces and the console, for one port.
pub(super) fn surface(
    broker: &Arc<Broker>,
    issuer: &Arc<Issuer>,
    (history, address): (Arc<History>, SocketAddr),
    stopping: CancellationToken,
) -> Router {
    let source = Source::new(Arc::clone(broker), Arc::clone(issuer), history, address);
    let page = console::router(source, stopping.clone());
    api::router(Arc::clone(broker), Arc::clone(issuer), stopping).merge(page)
}

pub(super) fn history_of(clock: &Clock, messages: usize) -> Arc<History> {
    let messages = messages.min(MAX_HISTORY_MESSAGES);
    Arc::new(History::new(clock.clone(), messages))
}

/// Runs an endless future until the emulator stops.
pub(super) async fn until(stopping: CancellationToken, work: impl Future<Output = ()>) {
    stopping.run_until_cancelled(work).await;
}

/// Logs that the data folder has failed. Clients receive the error, too.
pub(super) async fn watch(data_folder: OptionalDataFolder) {
    if let Some(folder) = data_folder {
        let error = folder.failed().await;
        tracing::error!(%error, "the data folder can no longer be written: later changes are lost when the emulator exits");
    }
}

/// Generates the issuer's first key, so that the first push does not wait for it.
pub(super) async fn make_first_key(issuer: Arc<Issuer>) {
    issuer.ready().await;
}

/// An open port, with the parts that depend on its address.
pub(super) struct OpenPort {
    pub(super) listener: tokio::net::TcpListener,
    /// The actual address, in case the port was 0.
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsAcceptor>,
    /// The generated certificate, if there is one.
    pub(super) certificate: Option<String>,
    /// Its URL is the public URL, or the listening address.
    pub(super) issuer: Arc<Issuer>,
}

impl OpenPort {
    /// Binds the address.
    pub(super) fn bind(options: &Options) -> Result<Self, StartError> {
        let (address, tls) = (options.address, options.tls.as_ref());
        if !options.allow_remote && !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let listener = listen(address).map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let url = match &options.public_url {
            Some(given) => server::public_url(given, tls.is_some())
                .ok_or_else(|| StartError::PublicUrl(given.clone()))?,
            None => url(address, tls.is_some()),
        };
        let tls = tls.map(|tls| PortTls::of(tls, &url)).transpose()?;
        let (tls, certificate) = tls.map(|tls| (tls.acceptor, tls.generated)).unzip();
        Ok(Self {
            listener,
            address,
            tls,
            certificate: certificate.flatten(),
            issuer: Arc::new(Issuer::new(url)),
        })
    }
}

/// Installs the provider of cryptography, unless the process has installed one.
pub(super) fn install_cryptography() {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().ok();
}
