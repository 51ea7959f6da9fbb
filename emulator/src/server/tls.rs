//! The certificate of the port.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::hosts::host;
use crate::issuer::certificate::parameters;

/// The protocols of the port, of which gRPC needs the first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate of a port with TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tls {
    /// A self-signed certificate that is generated at each start, for `localhost`, `127.0.0.1`, `::1`, and the host of the
    /// emulator's URL. Clients must trust it: [`Emulator::certificate`](crate::Emulator::certificate).
    Generated,
    /// A certificate from PEM files.
    Files {
        /// The certificate, and those between it and its authority.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// An error of the certificate or its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or has not the expected content.
    #[error("{} has no {expected} in PEM form ({setting})", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The expected content.
        expected: &'static str,
        /// The flag that names the file.
        setting: &'static str,
        /// The error of the reader.
        source: pem::Error,
    },
    /// The key is not that of the certificate, or a key of an unsupported kind.
    #[error("the certificate and its key cannot be used (--tls-cert, --tls-key)")]
    Unusable(#[from] rustls::Error),
    /// No certificate can be generated for the host of the URL.
    #[error("no certificate can be generated for {0} (--tls)")]
    Generate(String, #[source] rcgen::Error),
}

/// TLS of a port, and the generated certificate.
pub(crate) struct PortTls {
    pub(crate) acceptor: TlsAcceptor,
    /// The certificate that clients must trust, as PEM. `None` for one from files.
    pub(crate) generated: Option<String>,
}

impl PortTls {
    /// Returns TLS for the port of this URL.
    ///
    /// # Errors
    /// If a file cannot be read, or if the key does not belong to the certificate.
    pub(crate) fn of(tls: &Tls, url: &str) -> Result<Self, TlsError> {
        let (chain, key, generated) = match tls {
            Tls::Generated => {
                let (certificate, key) =
                    generate(url).map_err(|error| TlsError::Generate(url.to_owned(), error))?;
                let chain = vec![certificate.der().clone()];
                (chain, key, Some(certificate.pem()))
            }
            Tls::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?, None),
        };
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(chain, key)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            generated,
        })
    }
}

fn generate(url: &str) -> Result<(rcgen::Certificate, PrivateKeyDer<'static>), rcgen::Error> {
    let host = host(url);
    let own = host.trim_start_matches('[').trim_end_matches(']');
    let mut parameters = parameters("a local emulator");
    for name in ["localhost", "127.0.0.1", "::1", own] {
        let name = match name.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(name.try_into()?),
        };
        if !parameters.subject_alt_names.contains(&name) {
            parameters.subject_alt_names.push(name);
        }
    }
    // It has no key usage: gRPC's libraries would not take it for the authority of itself if it only signs handshakes.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((certificate, key.into()))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let rejected = |source| TlsError::File {
        path: path.to_owned(),
        expected: "certificate",
        setting: "--tls-cert",
        source,
    };
    let chain = CertificateDer::pem_file_iter(path).map_err(rejected)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(rejected)?;
    if chain.is_empty() {
        return Err(rejected(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        expected: "private key",
        setting: "--tls-key",
        source,
    })
}
