//! Algorithms other than RS256, in headers and in published keys.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use serde_json::{Value, json};

use super::{Case, accepted, check, refused};
use crate::harness::key_server::Answer;
use crate::harness::mint::{Issuer, RsaKey, claims, encode, header, join, unsigned, with, without};

/// Returns the parts to be signed, with this algorithm and key id.
fn parts(alg: impl Into<Value>, kid: &str) -> String {
    unsigned(&with(&header(kid), "alg", alg), &claims())
}

/// A published elliptic-curve key with a valid token of it.
fn elliptic(name: &str, curve: &str, how: &'static EcdsaSigningAlgorithm) -> (Value, Vec<Case>) {
    let pair = EcdsaKeyPair::generate(how).expect("a key");
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(point.len() / 2);
    let jwk = json!({
        "kty": "EC", "use": "sig", "alg": name, "crv": curve, "kid": name, "x": encode(x), "y": encode(y),
    });
    let sign = |signed: String| {
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes());
        join(&signed, signature.expect("a signature"))
    };
    let cases = vec![
        refused(name, sign(parts(name, name))),
        refused(format!("{name} as RS256"), sign(parts("RS256", name))),
        refused(
            format!("{name} under the RSA key's id"),
            sign(parts(name, "good")),
        ),
    ];
    (jwk, cases)
}

fn edwards() -> (Value, Vec<Case>) {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let jwk = json!({
        "kty": "OKP", "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "kid": "EdDSA",
        "x": encode(pair.public_key()),
    });
    let sign = |signed: String| join(&signed, pair.sign(signed.as_bytes()));
    let cases = vec![
        refused("EdDSA", sign(parts("EdDSA", "EdDSA"))),
        refused("Ed25519", sign(parts("Ed25519", "EdDSA"))),
        refused("EdDSA as RS256", sign(parts("RS256", "EdDSA"))),
    ];
    (jwk, cases)
}

/// Known secrets, among them one that the issuer publishes.
fn shared_secrets(key: &RsaKey) -> (Value, Vec<Case>) {
    let mut cases = Vec::new();
    let pem = key.public_pem();
    for (name, secret) in [
        ("nothing", Vec::new()),
        ("the modulus", key.modulus()),
        (
            "the modulus in base64url",
            encode(key.modulus()).into_bytes(),
        ),
        ("the public key", key.public_der()),
        ("the public key as PEM", pem.clone().into_bytes()),
        ("the trimmed PEM", pem.trim().as_bytes().to_vec()),
        ("the JWK", key.jwk().to_string().into_bytes()),
        ("the key id", key.id.clone().into_bytes()),
        ("a published secret", b"published".to_vec()),
    ] {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let sign = |signed: String| join(&signed, hmac::sign(&secret, signed.as_bytes()));
        for (alg, kid) in [
            ("HS256", "good"),
            ("RS256", "good"),
            ("HS256", "oct"),
            ("RS256", "oct"),
        ] {
            let name = format!("{alg} of {kid} with {name} as HMAC secret");
            cases.push(refused(name, sign(parts(alg, kid))));
        }
    }
    let jwk =
        json!({"kty": "oct", "use": "sig", "alg": "HS256", "kid": "oct", "k": encode("published")});
    (jwk, cases)
}

/// Valid signatures of other algorithms by the published RSA key, and algorithms that are only claimed.
fn rsa(key: &RsaKey) -> Vec<Case> {
    let others: [(&str, &'static dyn RsaEncoding); 5] = [
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let mut cases = Vec::new();
    for (name, how) in others {
        let sign = |signed: String| join(&signed, key.sign(how, &signed));
        cases.push(refused(name, sign(parts(name, "good"))));
        cases.push(refused(
            format!("{name} as RS256"),
            sign(parts("RS256", "good")),
        ));
    }
    for claimed in [
        "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "none",
        "None", "NONE", "", " RS256", "RS256 ", "rs256", "Rs256", "RS256\0", "RSA-OAEP", "dir",
    ] {
        let name = format!("RS256 as {claimed:?}");
        cases.push(refused(name, key.seal(&parts(claimed, "good"))));
    }
    for claimed in [
        json!(null),
        json!(256),
        json!(true),
        json!(["RS256"]),
        json!({"RS256": 1}),
    ] {
        let name = format!("RS256 as {claimed}");
        cases.push(refused(name, key.seal(&parts(claimed, "good"))));
    }
    let nameless = unsigned(&without(&header("good"), "alg"), &claims());
    cases.push(refused("no alg", key.seal(&nameless)));
    cases
}

fn unsigned_ones(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    let good = key.good();
    let signature = good.rsplit('.').next().expect("a signature");
    for alg in ["none", "None", "NONE", "nOnE", "", "RS256"] {
        let parts = parts(alg, "good");
        cases.push(refused(
            format!("{alg:?} without a signature"),
            format!("{parts}."),
        ));
        cases.push(refused(
            format!("{alg:?} with another's signature"),
            format!(
                "{}.{signature}",
                unsigned(
                    &with(&header("good"), "alg", alg),
                    &with(&claims(), "jti", "1")
                )
            ),
        ));
        let keyless = unsigned(&json!({"alg": alg, "typ": "JWT"}), &claims());
        cases.push(refused(
            format!("{alg:?} without key or signature"),
            format!("{keyless}."),
        ));
    }
    cases
}

/// RSA keys that are published for something else.
fn other_uses() -> (Vec<Value>, Vec<Case>) {
    let mut published = Vec::new();
    let mut cases = Vec::new();
    for (name, value) in [
        ("use", "enc"),
        ("alg", "RS384"),
        ("alg", "PS256"),
        ("alg", "RSA-OAEP"),
    ] {
        let key = RsaKey::new(&format!("{name} {value}"));
        cases.push(refused(format!("a key of {name} {value}"), key.good()));
        published.push(with(&key.jwk(), name, value));
    }
    (published, cases)
}

#[tokio::test]
async fn a_token_of_another_algorithm_is_refused() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let (p256, mut cases) = elliptic("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
    let (p384, more) = elliptic("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING);
    cases.extend(more);
    let (ed25519, more) = edwards();
    cases.extend(more);
    let (secret, more) = shared_secrets(key);
    cases.extend(more);
    let (mut published, more) = other_uses();
    cases.extend(more);
    cases.extend(rsa(key));
    cases.extend(unsigned_ones(key));
    cases.push(accepted("RS256", key.good()));
    published.extend([p256, p384, ed25519, secret, key.jwk()]);
    issuer.server.set_answer(Answer::keys(&published));
    check(&issuer.service().await, key, cases).await;
}
