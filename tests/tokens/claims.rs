//! Genuine signatures under claims that are wrong, missing or no claims at all.

use serde_json::{Value, json};

use super::{Case, accepted, check, forbidden, refused};
use crate::harness::mint::{ISSUER, Issuer, RsaKey, claims, encode, header, now, with, without};
use crate::harness::{AUDIENCE, CALLER};

const REQUIRED: [&str; 7] = ["iss", "aud", "email", "email_verified", "exp", "iat", "sub"];

/// The token of these claims as they stand.
fn token_of(key: &RsaKey, claims: impl AsRef<[u8]>) -> String {
    key.seal(&format!(
        "{}.{}",
        encode(header("good").to_string()),
        encode(claims)
    ))
}

/// A good token but for one claim.
fn token_with(key: &RsaKey, name: &str, value: impl Into<Value>) -> String {
    key.token(&header("good"), &with(&claims(), name, value))
}

fn missing_and_mistyped(key: &RsaKey) -> Vec<Case> {
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

fn times(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["exp", "iat", "nbf"] {
        let right = now();
        let whole = token_of(
            key,
            claims()
                .to_string()
                .replacen('{', &format!("{{\"{name}\":1e300,"), 1),
        );
        cases.push(refused(format!("{name} twice, once 1e300"), whole));
        for value in [
            json!(-1),
            json!(i64::MIN),
            json!(right as f64 + 1800.5),
            json!(1e300),
            json!(right.to_string()),
            json!("tomorrow"),
            json!(true),
            json!([right]),
            json!({}),
        ] {
            let token = token_with(key, name, value.clone());
            cases.push(refused(format!("{name} {value}"), token));
        }
        // More than 64 bits, and what only a lenient reader takes for numbers.
        for text in [
            "18446744073709551616",
            "1e400",
            "NaN",
            "Infinity",
            "0x7fffffff",
            "+1",
            "01",
        ] {
            let rest = without(&with(&claims(), name, 0), name).to_string();
            let text = rest.replacen('{', &format!("{{\"{name}\":{text},"), 1);
            cases.push(refused(format!("claims {text}"), token_of(key, &text)));
        }
    }
    for (name, shift) in [
        ("exp", -60),
        ("exp", -86_400),
        ("iat", 60),
        ("iat", 86_400),
        ("nbf", 60),
        ("nbf", 86_400),
    ] {
        let token = token_with(key, name, now().saturating_add_signed(shift));
        cases.push(refused(format!("{name} {shift} s from now"), token));
    }
    for (name, value) in [("exp", 0), ("iat", u64::MAX), ("nbf", u64::MAX)] {
        cases.push(refused(
            format!("{name} {value}"),
            token_with(key, name, value),
        ));
    }
    for (exp, iat) in [(5, 10), (10, 10)] {
        let times = with(&with(&claims(), "exp", now() + exp), "iat", now() + iat);
        let token = key.token(&header("good"), &times);
        cases.push(refused(format!("exp in {exp} s and iat in {iat} s"), token));
    }
    cases
}

/// What no check may stumble over.
fn odd_but_right(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("exp", json!(u64::MAX)),
        ("iat", json!(0)),
        ("nbf", json!(0)),
        ("nbf", json!(now())),
        ("nbf", json!(null)),
        ("exp", json!(now() - 10)),
        ("iat", json!(now() + 10)),
        ("nbf", json!(now() + 10)),
        ("azp", json!(7)),
        ("unknown", json!({"exp": 0})),
        ("hd", json!("\u{1f511}")),
    ] {
        let claims = with(&with(&claims(), "iat", now() - 60), name, value.clone());
        cases.push(accepted(
            format!("{name} {value}"),
            key.token(&header("good"), &claims),
        ));
    }
    cases
}

fn strangers(key: &RsaKey) -> Vec<Case> {
    let mut cases = Vec::new();
    for email in [
        "",
        " ",
        &CALLER.to_uppercase(),
        &format!("{CALLER} "),
        &format!(" {CALLER}"),
        &format!("{CALLER}\0"),
        &format!("{CALLER}\n"),
        &format!("{CALLER},other@example.com"),
        &format!("{CALLER}.example.com"),
        &CALLER.replace("push@", "Push@"),
        &CALLER.replace('@', "+x@"),
        &CALLER.replace('p', "\u{440}"),
        "*",
    ] {
        cases.push(forbidden(
            format!("email {email:?}"),
            token_with(key, "email", email),
        ));
    }
    for audience in [
        "",
        " ",
        "*",
        &format!("{AUDIENCE}/"),
        &format!("{AUDIENCE}/push"),
        &format!("{AUDIENCE}?x"),
        &format!("{AUDIENCE} "),
        &format!("{AUDIENCE}\0"),
        &AUDIENCE.to_uppercase(),
        "push.example.com",
        &AUDIENCE.replace("https", "http"),
        &format!("{AUDIENCE}.example.com"),
        "https://push.example.com:443",
        &AUDIENCE.replace("push.", ""),
    ] {
        cases.push(forbidden(
            format!("aud {audience:?}"),
            token_with(key, "aud", audience),
        ));
    }
    for issuer in [
        "",
        &format!("{ISSUER}/"),
        &format!("{ISSUER} "),
        &ISSUER.to_uppercase(),
        "issuer.example.com",
        &ISSUER.replace("https", "http"),
        "https://accounts.google.com",
        "accounts.google.com",
        &format!("{ISSUER}.example.org"),
    ] {
        cases.push(refused(
            format!("iss {issuer:?}"),
            token_with(key, "iss", issuer),
        ));
    }
    cases
}

/// RFC 7519 lets a reader take the last of two or refuse both; refusing leaves nothing to quarrel about.
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
    let mut cases = missing_and_mistyped(key);
    cases.extend(said_twice(key));
    cases.extend(no_claims(key));
    check(&issuer.service().await, key, cases).await;
}

#[tokio::test]
async fn a_token_is_good_between_its_times_and_for_those_it_names() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let mut cases = times(key);
    cases.extend(strangers(key));
    cases.extend(odd_but_right(key));
    check(&issuer.service().await, key, cases).await;
}
