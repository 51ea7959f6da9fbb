//! Headers that name no key, another key, or contain one.

use serde_json::{Value, json};

use super::{Case, accepted, check, refused};
use crate::harness::key_server::{Answer, KeyServer};
use crate::harness::mint::{Issuer, RsaKey, claims, encode, header, join, unsigned, with, without};

fn key_ids(key: &RsaKey) -> Vec<Case> {
    let with_kid = |kid: Value| key.token(&with(&header("good"), "kid", kid), &claims());
    let mut cases = vec![
        refused(
            "no kid",
            key.token(&without(&header("good"), "kid"), &claims()),
        ),
        refused("a kid of 30 KB", with_kid("k".repeat(30_000).into())),
        refused(
            "a good kid and 30 KB more",
            with_kid(format!("good{}", " ".repeat(30_000)).into()),
        ),
    ];
    for kid in [
        json!(null),
        json!(1),
        json!(true),
        json!(["good"]),
        json!({"good": 1}),
    ] {
        cases.push(refused(format!("kid {kid}"), with_kid(kid)));
    }
    for kid in [
        "",
        " ",
        "Good",
        "good ",
        " good",
        "good\0",
        "good\n",
        "../good",
        "../../../../dev/null",
        "/dev/null",
        "file:///etc/passwd",
        "good' OR '1'='1",
        "x' UNION SELECT 'k' --",
        "good;id",
        "$(id)",
        "`id`",
        "|id",
        "${jndi:ldap://127.0.0.1/a}",
        "{{7*7}}",
        "%2e%2e%2fgood",
        "\u{202e}doog",
        "go\u{f6}d",
        "\u{1f511}",
    ] {
        cases.push(refused(format!("kid {kid:?}"), with_kid(kid.into())));
    }
    cases
}

fn demands(key: &RsaKey) -> Vec<Case> {
    let header = header("good");
    let mut cases = Vec::new();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["urn:example:unknown"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
        ("crit", json!({})),
        ("crit", json!(7)),
        ("typ", json!(7)),
        ("typ", json!(["JWT"])),
        ("typ", json!("")),
        ("typ", json!("at+jwt")),
        ("typ", json!("secevent+jwt")),
        ("typ", json!("JOSE+JSON")),
    ] {
        let token = key.token(&with(&header, name, value.clone()), &claims());
        cases.push(refused(format!("{name} {value}"), token));
    }
    let demanding = with(&with(&header, "b64", false), "crit", json!(["b64"]));
    cases.push(refused("b64 demanded", key.token(&demanding, &claims())));
    // RFC 7797 signs unencoded claims, which must not pass as RFC 7515.
    let (plain, claims) = (with(&header, "b64", false), claims());
    let signature = {
        let sealed = key.seal(&format!("{}.{claims}", encode(plain.to_string())));
        sealed.rsplit('.').next().expect("a signature").to_owned()
    };
    let parts = unsigned(&plain, &claims);
    cases.push(refused("b64 false", format!("{parts}.{signature}")));
    let detached = format!("{}..{signature}", encode(plain.to_string()));
    cases.push(refused("b64 false, detached", detached));
    cases
}

/// No objects, or objects with a repeated field.
fn shapes(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for text in [
        r#"["RS256","good",null]"#,
        r#"["RS256","good","JWT",null]"#,
        r#"["RS256","JWT","good",null]"#,
        r#""RS256""#,
        "256",
        "null",
        "",
        " ",
        "{",
        "{}",
        r#"{"alg":"RS256","kid":"good"}}"#,
        r#"{"alg":"RS256","kid":"good"} {}"#,
        r#"{"alg":"RS256","kid":"good"}x"#,
        r#"{"alg":"none","alg":"RS256","kid":"good"}"#,
        r#"{"alg":"RS256","alg":"none","kid":"good"}"#,
        r#"{"alg":"RS256","kid":"good","kid":"other"}"#,
        r#"{"alg":"RS256","kid":"other","kid":"good"}"#,
        r#"{"ALG":"RS256","KID":"good"}"#,
        r#"{'alg':'RS256','kid':'good'}"#,
        r#"{"alg":"RS256","kid":"good",}"#,
        "\u{feff}{\"alg\":\"RS256\",\"kid\":\"good\"}",
    ] {
        cases.push(refused(format!("header {text}"), token_of(key, text)));
    }
    for bytes in [
        &b"{\"alg\":\"RS256\",\"kid\":\"good\xff\"}"[..],
        &b"{\"alg\":\"RS256\",\"kid\":\"good\",\"x\":\"\xc3\x28\"}"[..],
        &b"{\"alg\":\"RS256\",\"kid\":\"good\",\"\xff\":1}"[..],
        &b"\xff\xfe{\0}\0"[..],
    ] {
        cases.push(refused(
            format!("header {}", bytes.escape_ascii()),
            token_of(key, bytes),
        ));
    }
    let nested = "[".repeat(10_000) + &"]".repeat(10_000);
    cases.push(refused("a header of nested arrays", token_of(key, &nested)));
    let nested = format!(r#"{{"alg":{nested},"kid":"good"}}"#);
    cases.push(refused("an alg of nested arrays", token_of(key, &nested)));
    cases
}

fn token_of(key: &RsaKey, header: impl AsRef<[u8]>) -> String {
    key.seal(&format!(
        "{}.{}",
        encode(header),
        encode(claims().to_string())
    ))
}

#[tokio::test]
async fn a_header_without_the_right_key_id_or_with_demands_is_refused() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let mut cases = key_ids(key);
    cases.extend(demands(key));
    cases.extend(shapes(key));
    for typ in ["JWT", "jwt"] {
        let token = key.token(&with(&header("good"), "typ", typ), &claims());
        cases.push(accepted(format!("typ {typ}"), token));
    }
    let bare = key.token(&without(&header("good"), "typ"), &claims());
    cases.push(accepted("no typ", bare));
    let unknown = key.token(&with(&header("good"), "color", "red"), &claims());
    cases.push(accepted("an unknown field, without any demand", unknown));
    check(&issuer.service().await, key, cases).await;
}

#[tokio::test]
async fn a_key_named_by_the_token_itself_is_ignored() {
    let issuer = Issuer::start().await;
    let attacker = RsaKey::new("attacker");
    let published = [attacker.jwk(), with(&attacker.jwk(), "kid", "good")];
    let server = KeyServer::start(Answer::keys(&published)).await;
    let certificate = {
        let mine = rcgen::generate_simple_self_signed(["issuer.example.com".to_owned()]);
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            mine.expect("a certificate").cert.der(),
        )
    };
    let mut cases = Vec::new();
    for (name, value) in [
        ("jwk", attacker.jwk()),
        ("jwk", with(&attacker.jwk(), "kid", "good")),
        ("jwk", json!("good")),
        ("jku", json!(server.url())),
        ("x5u", json!(server.url())),
        ("iss", json!(server.url())),
        ("x5c", json!([certificate])),
        ("x5c", json!(7)),
        ("x5t", json!("AQ")),
    ] {
        for kid in ["good", "attacker", &server.url()] {
            let token = attacker.token(&with(&header(kid), name, value.clone()), &claims());
            cases.push(refused(format!("{name} {value} and kid {kid}"), token));
        }
        let keyless = without(&with(&header(""), name, value.clone()), "kid");
        cases.push(refused(
            format!("{name} {value} and no kid"),
            attacker.token(&keyless, &claims()),
        ));
    }
    let elsewhere = with(&claims(), "iss", server.url());
    cases.push(refused(
        "another issuer",
        attacker.token(&header("attacker"), &elsewhere),
    ));
    cases.push(refused(
        "a foreign signature",
        join(&unsigned(&header("good"), &claims()), [7; 256]),
    ));
    check(&issuer.service().await, &issuer.key, cases).await;
    assert_eq!(
        server.fetches(),
        0,
        "the attacker's server was never requests"
    );
}
