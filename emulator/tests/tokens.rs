//! Tests of push tokens with another implementation and the published keys.

use std::collections::BTreeMap;

use emulator::{Emulator, Forgery, Message, Options, Pace, PushConfig};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::{Endpoint, SUBSCRIPTION, Scene, emulator};

const EMAIL: &str = "push@shop.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://billing.example";

#[derive(Debug, Deserialize)]
struct Claims {
    azp: String,
    sub: String,
    email: String,
    email_verified: bool,
    iat: u64,
    exp: u64,
}

async fn keys(emulator: &Emulator) -> JwkSet {
    let response = reqwest::get(emulator.issuer().keys_url()).await.unwrap();
    let cache = response.headers()["cache-control"].to_str().unwrap();
    // A restarted emulator has other keys, which receivers must soon fetch.
    assert_eq!(cache, "public, max-age=1, must-revalidate");
    response.json().await.unwrap()
}

/// Makes all checks of a careful receiver.
async fn verify(emulator: &Emulator, token: &str, audience: &str) -> Option<Claims> {
    verify_by(&keys(emulator).await, emulator, token, audience)
}

fn verify_by(keys: &JwkSet, emulator: &Emulator, token: &str, audience: &str) -> Option<Claims> {
    let key = keys.find(&decode_header(token).ok()?.kid?)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[emulator.issuer().url()]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let key = DecodingKey::from_jwk(key).ok()?;
    let claims = decode::<Claims>(token, &key, &validation).ok()?.claims;
    let now = time::OffsetDateTime::now_utc()
        .unix_timestamp()
        .unsigned_abs();
    let is_good = claims.email == EMAIL && claims.email_verified && claims.iat <= now + 5;
    is_good.then_some(claims)
}

async fn signed(audience: Option<&str>) -> Scene {
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.push_config = config
            .push_config
            .take()
            .map(|push| push.signed_as(EMAIL, audience));
    });
    scene.await
}

async fn pushed_token(endpoint: &mut Endpoint) -> String {
    let push = endpoint.next().await;
    let header = push.header("authorization").unwrap();
    header.strip_prefix("Bearer ").unwrap().to_owned()
}

/// Requests a token as Google's libraries do it.
async fn generate(emulator: &Emulator, body: &Value) -> (u16, Value) {
    let account = format!("/v1/projects/-/serviceAccounts/{EMAIL}:generateIdToken");
    let request = reqwest::Client::new()
        .post(format!("http://{}{account}", emulator.address()))
        .json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_program_gets_a_token_by_googles_call() {
    let emulator = emulator(Pace::Eager);
    let body = json!({"audience": AUDIENCE, "includeEmail": true});
    let (status, answer) = generate(&emulator, &body).await;
    assert_eq!(status, 200);
    let token = answer["token"].as_str().unwrap();
    assert!(verify(&emulator, token, AUDIENCE).await.is_some());
    for wrong in [json!({"audience": AUDIENCE}), json!({"includeEmail": true})] {
        let (status, answer) = generate(&emulator, &wrong).await;
        assert_eq!(status, 400);
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn a_push_carries_a_token_that_the_served_keys_verify() {
    let mut scene = signed(Some(AUDIENCE)).await;
    scene.publish(Message::new("hi"));
    let token = pushed_token(&mut scene.endpoint).await;
    let claims = verify(&scene.emulator, &token, AUDIENCE).await.unwrap();
    assert_eq!(claims.exp - claims.iat, 3600);
    assert_eq!(claims.azp, claims.sub);
    assert!(claims.sub.bytes().all(|byte| byte.is_ascii_digit()));
    scene.publish(Message::new("hi"));
    assert_eq!(pushed_token(&mut scene.endpoint).await, token);
}

#[tokio::test]
async fn the_audience_is_the_endpoint_unless_another_is_set() {
    let mut scene = signed(None).await;
    scene.publish(Message::new("hi"));
    let token = pushed_token(&mut scene.endpoint).await;
    let endpoint = scene.endpoint.url();
    assert!(verify(&scene.emulator, &token, &endpoint).await.is_some());
}

#[tokio::test]
async fn old_tokens_stay_valid_until_the_second_rotation() {
    let mut scene = signed(Some(AUDIENCE)).await;
    let before = scene.emulator.issuer().token(EMAIL, AUDIENCE);
    scene.emulator.issuer().rotate();
    scene.publish(Message::new("hi"));
    let after = pushed_token(&mut scene.endpoint).await;
    let kid = |token: &str| decode_header(token).unwrap().kid;
    assert_ne!(kid(&before), kid(&after));
    for token in [&before, &after] {
        assert!(verify(&scene.emulator, token, AUDIENCE).await.is_some());
    }
    scene.emulator.issuer().rotate();
    assert!(verify(&scene.emulator, &before, AUDIENCE).await.is_none());
    assert!(verify(&scene.emulator, &after, AUDIENCE).await.is_some());
}

#[tokio::test]
async fn a_receiver_with_cached_keys_survives_a_rotation() {
    let emulator = emulator(Pace::Eager);
    for _ in 0..2 {
        let kept = keys(&emulator).await;
        let before = emulator.issuer().token(EMAIL, AUDIENCE);
        emulator.issuer().rotate();
        let after = emulator.issuer().token(EMAIL, AUDIENCE);
        assert_ne!(before, after);
        for token in [&before, &after] {
            let verified = verify_by(&kept, &emulator, token, AUDIENCE);
            assert!(verified.is_some());
        }
    }
}

#[tokio::test]
async fn every_forgery_is_rejected_by_a_careful_receiver() {
    let emulator = emulator(Pace::Eager);
    let genuine = emulator.issuer().token(EMAIL, AUDIENCE);
    assert!(verify(&emulator, &genuine, AUDIENCE).await.is_some());
    for forgery in Forgery::ALL {
        let token = emulator.issuer().forged(forgery, EMAIL, AUDIENCE);
        assert_eq!(token.split('.').count(), 3);
        let verified = verify(&emulator, &token, AUDIENCE).await;
        assert!(verified.is_none(), "{forgery:?} was accepted");
    }
}

#[tokio::test]
async fn the_public_url_is_the_issuer_everywhere() {
    let emulator = Emulator::start_with(Options {
        public_url: Some("http://pubsub.shop.example:8085".to_owned()),
        ..Options::default()
    })
    .unwrap();
    let local = format!("http://{}", emulator.address());
    let client = reqwest::Client::new();
    let request = client.get(format!("{local}/.well-known/openid-configuration"));
    let request = request.header("host", "pubsub.shop.example:8085");
    let document: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], "http://pubsub.shop.example:8085");
    let keys = "http://pubsub.shop.example:8085/oauth2/v3/certs";
    assert_eq!(document["jwks_uri"], keys);
    let keys = reqwest::get(format!("{local}/oauth2/v3/certs"));
    let keys = keys.await.unwrap().json().await.unwrap();
    let token = emulator.issuer().token(EMAIL, AUDIENCE);
    assert_eq!(emulator.issuer().url(), document["issuer"]);
    assert!(verify_by(&keys, &emulator, &token, AUDIENCE).is_some());
}

#[tokio::test]
async fn the_discovery_document_leads_to_the_keys() {
    let emulator = emulator(Pace::Eager);
    let url = format!(
        "{}/.well-known/openid-configuration",
        emulator.issuer().url()
    );
    let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], emulator.issuer().url());
    assert_eq!(document["jwks_uri"], emulator.issuer().keys_url());
    assert!(document["authorization_endpoint"].is_string());
    for (field, value) in [
        ("response_types_supported", "id_token"),
        ("subject_types_supported", "public"),
        ("id_token_signing_alg_values_supported", "RS256"),
    ] {
        assert_eq!(document[field], json!([value]));
    }
}

/// Returns the account of a token if Google's library for Python verifies it by the keys at `url`.
#[expect(
    clippy::disallowed_methods,
    reason = "the interpreter is given from outside"
)]
async fn verify_in_python(token: &str, audience: &str, url: &str) -> Option<String> {
    let python = std::env::var("PUSHGATE_TEST_PYTHON").expect("PUSHGATE_TEST_PYTHON");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/verify_token.py");
    let mut command = std::process::Command::new(python);
    command.args([script, token, audience, url]);
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.unwrap().expect("python starts");
    let text = String::from_utf8(output.stdout).unwrap();
    let is_import_error = String::from_utf8_lossy(&output.stderr).contains("ImportError");
    assert!(!is_import_error, "install google-auth, requests and pyjwt");
    output.status.success().then(|| text.trim().to_owned())
}

#[tokio::test]
#[ignore = "needs Google's Python client"]
async fn googles_library_verifies_tokens() {
    let mut scene = signed(Some(AUDIENCE)).await;
    scene.publish(Message::new("hi"));
    let token = pushed_token(&mut scene.endpoint).await;
    let issuer = scene.emulator.issuer();
    let foreign = issuer.forged(Forgery::ForeignKey, EMAIL, AUDIENCE);
    for url in [issuer.certificates_url(), issuer.keys_url()] {
        let good = verify_in_python(&token, AUDIENCE, &url).await;
        assert_eq!(good.as_deref(), Some(EMAIL), "{url}");
        assert_eq!(verify_in_python(&token, "another", &url).await, None);
        assert_eq!(verify_in_python(&foreign, AUDIENCE, &url).await, None);
    }
}

#[tokio::test]
async fn the_certificates_are_those_of_the_published_keys() {
    let emulator = emulator(Pace::Eager);
    let certificates = || async {
        let response = reqwest::get(emulator.issuer().certificates_url())
            .await
            .unwrap();
        assert!(
            response.headers()["cache-control"]
                .to_str()
                .unwrap()
                .contains("max-age=")
        );
        response.json::<BTreeMap<String, String>>().await.unwrap()
    };
    let first = certificates().await;
    assert_eq!(
        first,
        certificates().await,
        "they are not made for each request"
    );
    emulator.issuer().rotate();
    let all = certificates().await;
    let keys = keys(&emulator).await.keys;
    let mut ids: Vec<String> = keys
        .into_iter()
        .filter_map(|key| key.common.key_id)
        .collect();
    ids.sort();
    assert_eq!(all.keys().cloned().collect::<Vec<_>>(), ids);
    // The previous, the signing and the next key.
    assert_eq!(first.len(), 2);
    assert_eq!(all.len(), 3);
    assert!(
        first
            .iter()
            .all(|(id, certificate)| all[id] == *certificate)
    );
    for certificate in all.values() {
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    }
}

#[tokio::test]
async fn a_token_is_for_the_endpoint_of_the_latest_push_config() {
    let mut scene = signed(None).await;
    let first = scene.endpoint.url();
    let second = first.replace("/push", "/other");
    let unsigned = PushConfig::new(&second);
    let signed = unsigned.clone().signed_as(EMAIL, None);
    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, Some(signed))
        .unwrap();
    scene.publish(Message::new("hi"));
    let token = pushed_token(&mut scene.endpoint).await;
    assert!(verify(&scene.emulator, &token, &second).await.is_some());
    assert!(verify(&scene.emulator, &token, &first).await.is_none());

    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, Some(unsigned))
        .unwrap();
    scene.publish(Message::new("hi"));
    assert_eq!(scene.endpoint.next().await.header("authorization"), None);
}
