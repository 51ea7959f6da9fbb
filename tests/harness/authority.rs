//! A certificate authority of one test, and a certificate of it for this machine.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::free_port;

pub(crate) struct Authority {
    folder: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let name = format!("pushgate-authority-{}-{}", std::process::id(), free_port());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        // With the same name as its certificates, OpenSSL would take them for self-signed.
        let name = "authority of a test";
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(parameters, key);
        let server_key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])
            .expect("parameters")
            .signed_by(&server_key, &issuer)
            .expect("a certificate");
        for (file, text) in [
            ("ca.pem", certificate.pem()),
            ("server.pem", server.pem()),
            ("server.key", server_key.serialize_pem()),
        ] {
            std::fs::write(folder.join(file), text).expect("a file");
        }
        Self { folder }
    }

    /// The path of `ca.pem`, `server.pem` or `server.key`.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The authority's certificate.
    pub(crate) fn pem(&self) -> Vec<u8> {
        std::fs::read(self.file("ca.pem")).expect("a file")
    }

    /// The settings of a Redis server for TLS with clients, replicas and other nodes.
    pub(crate) fn redis_settings(&self, port: u16) -> Vec<String> {
        let settings = [
            ["--tls-port", &port.to_string()],
            ["--tls-cert-file", &self.file("server.pem")],
            ["--tls-key-file", &self.file("server.key")],
            ["--tls-ca-cert-file", &self.file("ca.pem")],
            ["--tls-auth-clients", "no"],
            ["--tls-replication", "yes"],
            ["--tls-cluster", "yes"],
        ];
        settings.concat().into_iter().map(str::to_owned).collect()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
