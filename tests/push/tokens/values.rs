//! Valid signatures of claims with another time, audience or caller.

use serde_json::json;

use super::claims::{token_of, token_with};
use super::{Case, accepted, check, forbidden, refused};
use crate::harness::mint::{ISSUER, Issuer, RsaKey, claims, header, now, with, without};
use crate::harness::{AUDIENCE, CALLER};

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
        // More than 64 bits, and texts that only a lenient reader takes for numbers.
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

/// Values that no check may fail on.
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

#[tokio::test]
async fn a_token_is_valid_only_between_its_times() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let mut cases = times(key);
    cases.extend(strangers(key));
    cases.extend(odd_but_right(key));
    check(&issuer.service().await, key, cases).await;
}
