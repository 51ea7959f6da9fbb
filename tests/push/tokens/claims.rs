//! Valid signatures of claims that are missing, mistyped or repeated.

use serde_json::{Value, json};

use super::{Case, check, refused};
use crate::harness::AUDIENCE;
use crate::harness::mint::{Issuer, RsaKey, claims, encode, header, now, with, without};

const REQUIRED: [&str; 7] = ["iss", "aud", "email", "email_verified", "exp", "iat", "sub"];

/// Returns the token of these exact claims.
pub(super) fn token_of(key: &RsaKey, claims: impl AsRef<[u8]>) -> String {
    key.seal(&format!(
        "{}.{}",
        encode(header("good").to_string()),
        encode(claims)
    ))
}

/// Returns a token that is valid but for one claim.
pub(super) fn token_with(key: &RsaKey, name: &str, value: impl Into<Value>) -> String {
    key.token(&header("good"), &with(&claims(), name, value))
}

fn missing_or_mistyped(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in REQUIRED {
        let token = key.token(&header("good"), &without(&claims(), name));
        cases.push(refused(format!("no {name}"), token));
        let right = claims()[name].clone();
        let wrong = [
            json!(null),
            json!([right]),
            json!({"value": right}),
            json!([]),
            json!({}),
        ];
        for value in wrong {
            let token = token_with(key, name, value.clone());
            cases.push(refused(format!("{name} {value}"), token));
        }
    }
    for name in ["iss", "aud", "email", "sub"] {
        for value in [json!(1), json!(true), json!(1.5)] {
            let token = token_with(key, name, value.clone());
            cases.push(refused(format!("{name} {value}"), token));
        }
    }
    for value in [
        json!(false),
        json!("true"),
        json!("false"),
        json!(""),
        json!(1),
        json!(0),
    ] {
        let token = token_with(key, "email_verified", value.clone());
        cases.push(refused(format!("email_verified {value}"), token));
    }
    let others = with(
        &claims(),
        "aud",
        json!([AUDIENCE, "https://other.example.com"]),
    );
    cases.push(refused(
        "two audiences",
        key.token(&header("good"), &others),
    ));
    cases
}

/// RFC 7519 lets a reader use the last of two claims or refuse both.
fn said_twice(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in REQUIRED {
        let right = claims()[name].clone();
        for other in [json!("wrong"), json!(null), json!(now() + 9), right.clone()] {
            let rest = without(&claims(), name).to_string();
            for (first, second) in [(&right, &other), (&other, &right)] {
                let text = rest.replacen(
                    '{',
                    &format!("{{\"{name}\":{first},\"{name}\":{second},"),
                    1,
                );
                cases.push(refused(
                    format!("{name} {first}, then {second}"),
                    token_of(key, &text),
                ));
            }
        }
        let rest = without(&claims(), name).to_string();
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        let text = rest.replacen(
            '{',
            &format!("{{\"{name}\":{right},\"{escaped}\":{right},"),
            1,
        );
        cases.push(refused(
            format!("{name}, and again as {escaped}"),
            token_of(key, &text),
        ));
    }
    cases
}

fn no_claims(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    let all = claims();
    // In the order in which a reader of sequences may expect them, with and without the optional one.
    let list = |names: &[&str]| Value::Array(names.iter().map(|name| all[*name].clone()).collect());
    let lists = [
        list(&["iss", "aud", "email", "email_verified", "exp", "iat", "sub"]),
        list(&[
            "iss",
            "aud",
            "email",
            "email_verified",
            "exp",
            "iat",
            "iat",
            "sub",
        ]),
        json!([all]),
    ];
    let text = all.to_string();
    let mut texts: Vec<String> = lists.iter().map(Value::to_string).collect();
    texts.extend(["", " ", "null", "true", "7", "\"claims\"", "[]", "{}", "{"].map(str::to_owned));
    texts.extend([
        json!(text).to_string(),
        format!("{text}{text}"),
        format!("{text}x"),
        format!("{text}\0"),
        format!("\u{feff}{text}"),
        format!("// claims\n{text}"),
        text[..text.len() - 1].to_owned(),
        text.replacen('{', "{,", 1),
        text.replace('"', "'"),
        "[".repeat(10_000) + &"]".repeat(10_000),
        "[".repeat(20_000),
        "{\"a\":".repeat(4_000),
    ]);
    for text in texts {
        let name = format!("claims {text:.200}");
        cases.push(refused(name, token_of(key, &text)));
    }
    let mut bytes = text.into_bytes();
    bytes.truncate(bytes.len() - 1);
    bytes.extend_from_slice(b",\"x\":\"\xff\"}");
    cases.push(refused("claims with invalid UTF-8", token_of(key, &bytes)));
    cases
}

#[tokio::test]
async fn claims_that_are_missing_mistyped_or_said_twice_are_refused() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let mut cases = missing_or_mistyped(key);
    cases.extend(said_twice(key));
    cases.extend(no_claims(key));
    check(&issuer.service().await, key, cases).await;
}
