//! An RSA key that signs, and its public half as published.

use std::sync::OnceLock;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;

use super::certificate;

const PEM_COLUMNS: usize = 64;

/// The published keys of an issuer (RFC 7517, section 5).
#[derive(Serialize)]
pub(crate) struct JsonWebKeySet {
    pub(crate) keys: Vec<JsonWebKey>,
}

/// One published RSA key (RFC 7517, section 4, and RFC 7518, section 6.3.1).
#[derive(Clone, Serialize)]
pub(crate) struct JsonWebKey {
    kty: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    kid: String,
    n: String,
    e: String,
}

/// The first part of a token (Google, *Authentication for push subscriptions*, "JWT format").
#[derive(Serialize)]
pub(super) struct Header<'a> {
    pub(super) alg: &'a str,
    pub(super) kid: &'a str,
    pub(super) typ: &'a str,
}

/// A 2048-bit RSA key and its published half.
pub(super) struct SigningKey {
    pair: KeyPair,
    published: JsonWebKey,
    certificate: OnceLock<Option<String>>,
}

/// The error of a key that cannot be generated: the system has no randomness or no memory.
#[derive(Debug, thiserror::Error)]
#[error("an RSA key cannot be made")]
pub(super) struct KeyError(#[source] Unspecified);

impl SigningKey {
    /// Generates a key.
    pub(super) fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(KeyError)?;
        let public = pair.public_key();
        let modulus = public.modulus();
        let modulus = modulus.big_endian_without_leading_zero();
        let published = JsonWebKey {
            kty: "RSA",
            alg: "RS256",
            purpose: "sig",
            kid: key_id(modulus),
            n: URL_SAFE_NO_PAD.encode(modulus),
            e: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        };
        Ok(Self {
            pair,
            published,
            certificate: OnceLock::new(),
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.published.kid
    }

    pub(super) fn published(&self) -> JsonWebKey {
        self.published.clone()
    }

    /// Returns the public key in a certificate as PEM, which is made once. `None` if it cannot be made; the log has the
    /// reason.
    pub(super) fn certificate(&self) -> Option<&str> {
        let made = self
            .certificate
            .get_or_init(|| match certificate::of(&self.pair) {
                Ok(certificate) => Some(certificate),
                Err(error) => {
                    tracing::error!(%error, "a key cannot be published as a certificate");
                    None
                }
            });
        made.as_deref()
    }

    /// Returns the public key as a PEM file, which a careless receiver could use as an HMAC secret. It is identical to the
    /// output of tools (RFC 7468, section 2): lines of 64 characters, and a final line feed.
    pub(super) fn public_pem(&self) -> String {
        let der = self.pair.public_key().as_der();
        let der = der.as_ref().map_or(&[][..], |der| (**der).as_ref());
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for (place, character) in STANDARD.encode(der).chars().enumerate() {
            if place > 0 && place % PEM_COLUMNS == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        pem
    }

    /// Returns the signed token of these claims.
    pub(super) fn sign(&self, claims: &impl Serialize) -> String {
        self.sign_as(self.id(), claims)
    }

    /// Returns a signed token with `kid` as its key id.
    pub(super) fn sign_as(&self, kid: &str, claims: &impl Serialize) -> String {
        let header = Header {
            alg: "RS256",
            kid,
            typ: "JWT",
        };
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, signed: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        match self
            .pair
            .sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature)
        {
            Ok(()) => signature,
            // Every receiver rejects a token without a signature, so this fails safely.
            Err(error) => {
                tracing::error!(%error, "a token could not be signed");
                Vec::new()
            }
        }
    }
}

/// Returns one part of a token: JSON in URL-safe Base64.
pub(super) fn encode(part: &impl Serialize) -> String {
    // Structs of strings and numbers always serialize.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).unwrap_or_default())
}

/// Returns forty hexadecimal digits, like Google's key ids.
fn key_id(modulus: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, modulus);
    let bytes = digest.as_ref().iter().take(20);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pem_of_a_key_is_as_tools_write_it() {
        let pem = SigningKey::generate().unwrap().public_pem();
        let lines: Vec<&str> = pem.lines().collect();
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        assert_eq!(first, "-----BEGIN PUBLIC KEY-----");
        assert_eq!(last, "-----END PUBLIC KEY-----");
        assert!(pem.ends_with("-----\n"));
        let body = &lines[1..lines.len() - 1];
        // 294 bytes of a 2048-bit key are 392 characters.
        assert_eq!(
            body.iter().map(|line| line.len()).collect::<Vec<_>>(),
            [64, 64, 64, 64, 64, 64, 8]
        );
    }
}
