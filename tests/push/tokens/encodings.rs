//! Tokens with unusual encodings of valid parts.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::{Case, check, refused};
use crate::harness::mint::{Issuer, RsaKey, claims, encode, header, unsigned, with};

/// The three parts of a valid token, each with both characters in which the two alphabets differ.
fn parts(key: &RsaKey) -> [String; 3] {
    let odd = "???>>>~~~";
    let (header, claims) = (with(&header("good"), "x", odd), with(&claims(), "x", odd));
    let tokens = (0..).map(|number| key.token(&header, &with(&claims, "jti", number)));
    let mut parts = tokens.map(|token| {
        let mut parts = token.split('.').map(str::to_owned);
        [(); 3].map(|()| parts.next().expect("a part"))
    });
    let has_both = |part: &String| part.contains('-') && part.contains('_');
    let is_odd = |part: &String| has_both(part) && !part.len().is_multiple_of(4);
    parts
        .find(|parts| parts.iter().all(is_odd))
        .expect("a token")
}

/// Returns a token signed as encoded, so that only the encoding can be refused.
fn rewritten(key: &RsaKey, place: usize, part: String) -> String {
    let mut parts = parts(key);
    parts[place] = part;
    let [header, claims, signature] = parts;
    match place {
        2 => format!("{header}.{claims}.{signature}"),
        _ => key.seal(&format!("{header}.{claims}")),
    }
}

fn alphabets(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, name) in ["header", "claims", "signature"].into_iter().enumerate() {
        let part = parts(key)[place].clone();
        let middle = part.len() / 2;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&part);
        let bytes = bytes.expect("base64url");
        let inside = |text: &str| format!("{}{text}{}", &part[..middle], &part[middle..]);
        let spare = part.len() - 1;
        let forms = [
            ("padded", URL_SAFE.encode(&bytes)),
            ("half padded", format!("{part}=")),
            ("padded without need", format!("{part}====")),
            ("in the standard alphabet", STANDARD_NO_PAD.encode(&bytes)),
            ("with a space", inside(" ")),
            ("with a tab", inside("\t")),
            ("with an escaped line feed", inside("%0A")),
            ("with padding inside", inside("==")),
            ("with a character of no alphabet", inside("!")),
            (
                "with bits that say nothing",
                part[..spare].to_owned() + next(&part[spare..]),
            ),
            ("without its last character", part[..spare].to_owned()),
            ("twice encoded", encode(&part)),
            (
                "in hexadecimal",
                bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            ),
            ("percent-encoded", part.replace('-', "%2D")),
        ];
        for (form, part) in forms {
            cases.push(refused(
                format!("{name} {form}"),
                rewritten(key, place, part),
            ));
        }
    }
    cases
}

/// The character after this one in the alphabet: its lowest bit is set where the encoder left zeros.
fn next(character: &str) -> &'static str {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = ALPHABET.find(character).expect("a character of base64url");
    &ALPHABET[place + 1..place + 2]
}

fn compositions(key: &RsaKey) -> Vec<Case> {
    let [header, claims, signature] = parts(key);
    let flattened = json!({"protected": header, "payload": claims, "signature": signature});
    let general =
        json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]});
    let encrypted = encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"good"}"#);
    let direct = encode(r#"{"alg":"dir","enc":"A256GCM","kid":"good"}"#);
    [
        ("flattened JSON", flattened.to_string()),
        ("general JSON", general.to_string()),
        ("flattened JSON, encoded", encode(flattened.to_string())),
        (
            "five parts (JWE)",
            format!("{encrypted}.{claims}.{signature}.{claims}.{signature}"),
        ),
        (
            "five parts (JWE, direct)",
            format!("{direct}..{claims}.{claims}.{signature}"),
        ),
        (
            "four parts",
            format!("{header}.{claims}.{signature}.{signature}"),
        ),
        (
            "a dot at the end",
            format!("{header}.{claims}.{signature}."),
        ),
        ("a dot in front", format!(".{header}.{claims}.{signature}")),
        ("two dots", format!("{header}..{claims}.{signature}")),
        ("two parts", format!("{header}.{claims}")),
        ("header alone", header.clone()),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("no claims, signed so", key.seal(&format!("{header}."))),
        ("no header, signed so", key.seal(&format!(".{claims}"))),
        ("parts exchanged", format!("{claims}.{header}.{signature}")),
        (
            "a token in a token",
            key.seal(&format!("{header}.{}", encode(key.good()))),
        ),
        ("commas for dots", format!("{header},{claims},{signature}")),
        ("in quotes", format!("\"{header}.{claims}.{signature}\"")),
        (
            "two tokens",
            format!("{header}.{claims}.{signature},{header}.{claims}.{signature}"),
        ),
        (
            "two tokens and a space",
            format!("{header}.{claims}.{signature} {header}.{claims}.{signature}"),
        ),
        (
            "Bearer twice",
            format!("Bearer {header}.{claims}.{signature}"),
        ),
        (
            "the removed signature of Google's front end",
            format!("{header}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE"),
        ),
    ]
    .into_iter()
    .map(|(name, token)| refused(name, token))
    .collect()
}

#[tokio::test]
async fn a_token_has_one_spelling() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let mut cases = alphabets(key);
    cases.extend(compositions(key));
    cases.push(super::accepted("as it should be", parts(key).join(".")));
    cases.push(super::accepted(
        "the same parts, signed again",
        key.seal(&unsigned(&header("good"), &claims())),
    ));
    check(&issuer.service().await, key, cases).await;
}
