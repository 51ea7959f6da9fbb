//! Tokens with any header, claims and signature, made with keys of the test.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::key_server::{Answer, KeyServer};
use super::probe::task;
use super::{AUDIENCE, CALLER, Service, Setup};

pub(crate) const ISSUER: &str = "https://issuer.example.com";

/// An issuer whose key and key server belong to the test.
pub(crate) struct Issuer {
    pub(crate) key: RsaKey,
    pub(crate) server: KeyServer,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let key = RsaKey::new("good");
        let server = KeyServer::start(Answer::keys(&[key.jwk()])).await;
        Self { key, server }
    }

    /// The settings of a service that trusts this issuer.
    pub(crate) fn settings(&self) -> [(&'static str, String); 2] {
        [
            ("PUSHGATE_ISSUER", ISSUER.to_owned()),
            ("PUSHGATE_KEYS_URL", self.server.url()),
        ]
    }

    pub(crate) fn setup(&self) -> Setup {
        let setup = Setup::new();
        self.settings()
            .into_iter()
            .fold(setup, |setup, (name, value)| setup.setting(name, value))
    }

    /// Starts a service, and lets it fetch the keys and accept a push.
    pub(crate) async fn service(&self) -> Service {
        let service = self.setup().start().await;
        let first = service.message(task::SUCCEED);
        let reply = service.push_with(&first, &self.key.good()).await;
        assert_eq!(reply.status, 204, "the first push");
        service
    }
}

/// An RSA key of 2048 bits.
pub(crate) struct RsaKey {
    pub(crate) id: String,
    pub(crate) pair: KeyPair,
}

impl RsaKey {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            pair: KeyPair::generate(KeySize::Rsa2048).expect("a key"),
        }
    }

    pub(crate) fn modulus(&self) -> Vec<u8> {
        let modulus = self.pair.public_key().modulus();
        modulus.big_endian_without_leading_zero().to_vec()
    }

    /// The public half, as published.
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": encode(self.modulus()), "e": "AQAB",
        })
    }

    /// The public half in X.509's form.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let der = self.pair.public_key().as_der().expect("a public key");
        der.as_ref().to_vec()
    }

    /// The public half in PEM.
    pub(crate) fn public_pem(&self) -> String {
        let base64 = STANDARD.encode(self.public_der());
        let lines: Vec<&str> = (0..base64.len())
            .step_by(64)
            .map(|start| &base64[start..base64.len().min(start + 64)])
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }

    pub(crate) fn sign(&self, how: &'static dyn RsaEncoding, text: &str) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("a signature");
        signature
    }

    /// Adds the RS256 signature of `signed`.
    pub(crate) fn seal(&self, signed: &str) -> String {
        join(signed, self.sign(&RSA_PKCS1_SHA256, signed))
    }

    /// Returns a token signed by RS256 with any header.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        self.seal(&unsigned(header, claims))
    }

    /// Returns a token that must be accepted.
    pub(crate) fn good(&self) -> String {
        self.token(&header(&self.id), &claims())
    }
}

pub(crate) fn header(kid: &str) -> Value {
    json!({"alg": "RS256", "kid": kid, "typ": "JWT"})
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "azp": "123456789012345678901", "sub": "123456789012345678901",
        "email": CALLER, "email_verified": true, "iat": now(), "exp": now() + 3600,
    })
}

/// The same object with one field set.
pub(crate) fn with(object: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut object = object.clone();
    object[name] = value.into();
    object
}

/// The same object with one field left out.
pub(crate) fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    let fields = object.as_object_mut().expect("an object");
    fields.remove(name).expect("the field");
    object
}

pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a time after 1970").as_secs()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The first two parts of a token.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}

pub(crate) fn join(signed: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{signed}.{}", encode(signature))
}
