//! A key server with TLS, whose certificate is of an authority of the test.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::authority::Authority;

/// Serves these keys, and returns the URL.
pub(crate) async fn serve(authority: &Authority, jwks: String) -> String {
    let certificate = CertificateDer::from_pem_file(authority.file("server.pem"));
    let key = PrivateKeyDer::from_pem_file(authority.file("server.key"));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("a certificate")],
            key.expect("a key"),
        )
        .expect("a server's certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(answer(acceptor.clone(), stream, jwks.clone()));
        }
    });
    format!("https://{address}/certs")
}

/// A client that rejects the certificate disconnects, which ends this answer only.
async fn answer(acceptor: TlsAcceptor, stream: TcpStream, jwks: String) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{jwks}",
        jwks.len()
    );
    stream.write_all(reply.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}
