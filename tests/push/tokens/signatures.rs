//! Signatures that are almost valid.

use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use num_bigint::BigUint;

use super::{Case, check, refused};
use crate::harness::mint::{Issuer, RsaKey, claims, header, join, unsigned, with};

fn signature(key: &RsaKey, signed: &str) -> Vec<u8> {
    key.sign(&RSA_PKCS1_SHA256, signed)
}

/// The first of many tokens whose signature is like this.
fn signed_like(key: &RsaKey, is_wanted: impl Fn(&[u8]) -> bool) -> (String, Vec<u8>) {
    (0..20_000)
        .map(|number| {
            let signed = unsigned(&header("good"), &with(&claims(), "jti", number));
            let signature = signature(key, &signed);
            (signed, signature)
        })
        .find(|(_, signature)| is_wanted(signature))
        .expect("a token")
}

fn flips(key: &RsaKey) -> Vec<Case> {
    let signed = unsigned(&header("good"), &claims());
    let right = signature(key, &signed);
    (0..right.len())
        .map(|place| {
            let mut wrong = right.clone();
            wrong[place] ^= 1 << (place % 8);
            refused(
                format!("a bit of byte {place} is flipped"),
                join(&signed, wrong),
            )
        })
        .collect()
}

fn lengths(key: &RsaKey) -> Vec<Case> {
    let signed = unsigned(&header("good"), &claims());
    let right = signature(key, &signed);
    let case = |name: &str, signature: Vec<u8>| refused(name, join(&signed, signature));
    let mut cases = vec![
        case("no signature", Vec::new()),
        case("a byte", vec![1]),
        case("zeros", vec![0; right.len()]),
        case("a one", [vec![0; right.len() - 1], vec![1]].concat()),
        case("all bits", vec![0xff; right.len()]),
        case("a zero behind", [&right[..], &[0]].concat()),
        case("a zero in front", [&[0], &right[..]].concat()),
        case("many zeros in front", [&[0; 256], &right[..]].concat()),
        case("a byte behind", [&right[..], &[7]].concat()),
        case("its first half", right[..128].to_vec()),
        case("twice", [&right[..], &right[..]].concat()),
        case("backwards", right.iter().rev().copied().collect()),
        case("20 KB", vec![7; 20_000]),
    ];
    let (signed, right) = signed_like(key, |signature| signature[0] == 0);
    cases.push(refused(
        "a zero in front cut off",
        join(&signed, &right[1..]),
    ));
    let (signed, right) = signed_like(key, |signature| signature.ends_with(&[0]));
    cases.push(refused(
        "a zero behind cut off",
        join(&signed, &right[..255]),
    ));
    cases
}

/// Numbers that are equal modulo the key, or parts of it.
fn numbers(key: &RsaKey) -> Vec<Case> {
    let modulus = BigUint::from_bytes_be(&key.modulus());
    let signed = unsigned(&header("good"), &claims());
    let right = BigUint::from_bytes_be(&signature(key, &signed));
    [
        ("the signature plus the modulus", &right + &modulus),
        ("the modulus less the signature", &modulus - &right),
        ("the modulus", modulus.clone()),
        ("the modulus less one", &modulus - 1u8),
        ("the signature plus one", &right + 1u8),
    ]
    .into_iter()
    .map(|(name, number)| {
        let bytes = number.to_bytes_be();
        let padding = vec![0; 256_usize.saturating_sub(bytes.len())];
        refused(name, join(&signed, [padding, bytes].concat()))
    })
    .collect()
}

fn others(key: &RsaKey) -> Vec<Case> {
    let signed = unsigned(&header("good"), &claims());
    let stranger = RsaKey::new("stranger");
    let altered = |name: &str, signed_instead: String| {
        refused(name, join(&signed, signature(key, &signed_instead)))
    };
    let (header_part, claims_part) = signed.split_once('.').expect("two parts");
    vec![
        refused(
            "of another key",
            join(&signed, signature(&stranger, &signed)),
        ),
        refused(
            "by a key under its own id, never published",
            stranger.good(),
        ),
        altered(
            "of another token",
            unsigned(&header("good"), &with(&claims(), "jti", 1)),
        ),
        altered("of another header", unsigned(&header("other"), &claims())),
        altered("of the claims alone", claims_part.to_owned()),
        altered("of the header alone", header_part.to_owned()),
        altered(
            "of the parts without a dot",
            format!("{header_part}{claims_part}"),
        ),
        altered("of the claims as JSON", claims().to_string()),
        altered("of a dot at the end", format!("{signed}.")),
        altered("of nothing", String::new()),
    ]
}

#[tokio::test]
async fn a_signature_with_one_wrong_bit_is_refused() {
    let issuer = Issuer::start().await;
    let key = &issuer.key;
    let mut cases = flips(key);
    cases.extend(lengths(key));
    cases.extend(numbers(key));
    cases.extend(others(key));
    let (signed, right) = signed_like(key, |signature| signature[0] == 0);
    cases.push(super::accepted(
        "with its zero in front",
        join(&signed, right),
    ));
    check(&issuer.service().await, key, cases).await;
}
