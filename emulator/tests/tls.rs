//! Tests of the port with TLS.

use std::path::PathBuf;
use std::process::Stdio;

use emulator::{Emulator, Options, StartError, Tls};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Topic;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use reqwest::Version;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use crate::clients::option;
use crate::harness::TOPIC;

fn started(tls: Tls) -> Result<Emulator, StartError> {
    Emulator::start_with(Options {
        tls: Some(tls),
        ..Options::default()
    })
}

fn secure() -> Emulator {
    started(Tls::Generated).unwrap()
}

/// Returns the URL of the emulator by this host name.
fn url(emulator: &Emulator, scheme: &str, host: &str) -> String {
    format!("{scheme}://{host}:{}", emulator.address().port())
}

/// Returns a client that trusts this certificate alone.
fn trusting(certificate: &str) -> reqwest::ClientBuilder {
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes());
    reqwest::Client::builder().tls_certs_only([certificate.unwrap()])
}

fn topic() -> Topic {
    Topic {
        name: TOPIC.to_owned(),
        ..Topic::default()
    }
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("emulator-tls-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, content).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[tokio::test]
async fn rest_and_console_are_served_with_tls() {
    let emulator = secure();
    assert!(emulator.url().starts_with("https://127.0.0.1:"));
    // It sends nothing, and holds up no other client.
    let _idle = TcpStream::connect(emulator.address()).await.unwrap();
    let client = trusting(emulator.certificate().unwrap()).build().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let topic = format!("{}/v1/{TOPIC}-{host}", url(&emulator, "https", host));
        let created = client.put(&topic).json(&json!({})).send().await.unwrap();
        assert_eq!(created.status(), 200, "{host}");
        assert_eq!(created.version(), Version::HTTP_2);
    }
    let old = trusting(emulator.certificate().unwrap()).http1_only();
    let console = format!("{}/console/api/overview", emulator.url());
    let shown = old.build().unwrap().get(console).send().await.unwrap();
    assert_eq!(shown.version(), Version::HTTP_11);
    let shown: Value = shown.json().await.unwrap();
    assert_eq!(shown["topics"].as_array().unwrap().len(), 2);
    emulator.stop().await;
}

#[tokio::test]
async fn grpc_is_served_with_tls() {
    let emulator = secure();
    let certificate = Certificate::from_pem(emulator.certificate().unwrap());
    let endpoint = Channel::from_shared(url(&emulator, "https", "localhost")).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(certificate);
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let created = PublisherClient::new(channel).create_topic(topic()).await;
    assert_eq!(created.unwrap().into_inner().name, TOPIC);
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_is_not_served() {
    let (emulator, other) = (secure(), secure());
    let client = trusting(other.certificate().unwrap()).build().unwrap();
    assert!(client.get(emulator.url()).send().await.is_err());
}

#[tokio::test]
async fn a_request_without_tls_is_refused_with_the_reason() {
    let emulator = secure();
    let plain = url(&emulator, "http", "127.0.0.1");
    for path in ["", "/v1/projects/shop/topics", "/console/"] {
        let refused = reqwest::get(format!("{plain}{path}")).await.unwrap();
        assert_eq!(refused.status(), 400, "{path}");
        let answer: Value = refused.json().await.unwrap();
        assert_eq!(answer["error"]["status"], "FAILED_PRECONDITION", "{path}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("this port has TLS"), "{message}");
    }
    let endpoint = Channel::from_shared(plain).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let created = PublisherClient::new(channel).create_topic(topic()).await;
    let refused = created.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("PUBSUB_EMULATOR_HOST"));
    assert!(emulator.topic(TOPIC).is_err());
}

#[tokio::test]
async fn a_handshake_that_is_none_ends_the_connection() {
    let emulator = secure();
    let mut client = TcpStream::connect(emulator.address()).await.unwrap();
    client.write_all(&[22; 64]).await.unwrap();
    // Perhaps an alert, then the end.
    client.read_to_end(&mut Vec::new()).await.ok();
}

#[tokio::test]
async fn the_certificate_names_the_host_of_the_public_url() {
    let emulator = Emulator::start_with(Options {
        tls: Some(Tls::Generated),
        public_url: Some("https://pubsub.shop.example:8085".to_owned()),
        ..Options::default()
    });
    let emulator = emulator.unwrap();
    assert_eq!(emulator.url(), "https://pubsub.shop.example:8085");
    let client = trusting(emulator.certificate().unwrap());
    let client = client.resolve("pubsub.shop.example", emulator.address());
    let url = url(&emulator, "https", "pubsub.shop.example");
    let answer = client.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Ok");
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_served() {
    let folder = Folder::new("own");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = |certificate: &str, key: &str| Tls::Files {
        certificate: folder.write("certificate.pem", certificate),
        key: folder.write("key.pem", key),
    };
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let emulator = started(tls(&certificate, &key)).unwrap();
    assert_eq!(emulator.certificate(), None);
    let client = trusting(&certificate).build().unwrap();
    let url = url(&emulator, "https", "localhost");
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (certificate, key, words) in [
        (certificate.as_str(), "", "key.pem has no private key"),
        ("", key.as_str(), "certificate.pem has no certificate"),
        (&certificate, &other, "(--tls-cert, --tls-key)"),
    ] {
        let error = started(tls(certificate, key)).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// Publishes a message on a channel with TLS, whose roots gRPC reads from a file.
const PYTHON: &str = "
import sys, grpc
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
host, topic = sys.argv[1:]
trusted = grpc.ssl_channel_credentials()
transport = PublisherGrpcTransport(channel=grpc.secure_channel(host, trusted))
publisher = pubsub_v1.PublisherClient(transport=transport)
publisher.create_topic(name=topic)
print(publisher.publish(topic, b'one teapot').result())
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's Python client"]
async fn googles_client_trusts_the_certificate_in_the_file() {
    let folder = Folder::new("python");
    let emulator = secure();
    let file = folder.write("root.pem", emulator.certificate().unwrap());
    let python = option("PUSHGATE_TEST_PYTHON");
    let host = format!("localhost:{}", emulator.address().port());
    let command = tokio::process::Command::new(python)
        .args(["-c", PYTHON, &host, TOPIC])
        .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", file)
        .stderr(Stdio::inherit())
        .output();
    let output = command.await.unwrap();
    assert!(output.status.success());
    assert!(emulator.topic(TOPIC).is_ok());
}
