//! Verifies a Google ID token as Pub/Sub sends it: RS256, with the push service account's e-mail (Google, *Authenticate push
//! subscriptions*).

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

use super::{Caller, json};
use crate::loggable::excerpt;
use crate::push::authentication::issuer::{GOOGLE, is_google};

/// The reason why a token is rejected: the claim, the found and the expected value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TokenError {
    #[error("not a JWT: {0}")]
    Malformed(String),
    #[error("header alg is {found:?}, expected \"RS256\"")]
    Algorithm { found: String },
    #[error("header typ is {found:?}, expected \"JWT\"")]
    Type { found: String },
    #[error("header demands extensions (crit), expected none")]
    CriticalExtensions,
    #[error("header has no kid, expected a key id")]
    NoKeyId,
    #[error("header kid {found:?} is none of the issuer's current keys: check PUSHGATE_KEYS_URL")]
    UnknownKey { found: String },
    #[error("the signature does not belong to this header and these claims")]
    Signature,
    #[error(
        "the signature was removed by Cloud Run, whose IAM check is on: set PUSHGATE_AUTHENTICATION=platform to rely on that check, or switch it off"
    )]
    SignatureRemoved,
    #[error("claims are not those of an ID token for a service account: {0}")]
    Claims(String),
    #[error("claim iss is {found:?}, expected {expected:?}: check PUSHGATE_ISSUER")]
    Issuer { found: String, expected: String },
    #[error("claim exp was {seconds_ago} s ago, later than PUSHGATE_TOKEN_LEEWAY_SECONDS allows")]
    Expired { seconds_ago: u64 },
    #[error(
        "claim {claim} is {seconds_ahead} s in the future, more than PUSHGATE_TOKEN_LEEWAY_SECONDS allows"
    )]
    InTheFuture {
        claim: &'static str,
        seconds_ahead: u64,
    },
    #[error("claim exp is {exp}, which is not after iat, {iat}")]
    NeverValid { exp: u64, iat: u64 },
    #[error("claim email_verified is false, expected true")]
    EmailNotVerified,
}

impl TokenError {
    /// Returns the kind for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "token_malformed",
            Self::Algorithm { .. } => "token_algorithm",
            Self::Type { .. } => "token_type",
            Self::CriticalExtensions => "token_extensions",
            Self::NoKeyId => "token_without_key",
            Self::UnknownKey { .. } => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::SignatureRemoved => "token_signature_removed",
            Self::Claims(_) => "token_claims",
            Self::Issuer { .. } => "token_issuer",
            Self::Expired { .. } => "token_expired",
            Self::InTheFuture { .. } => "token_in_the_future",
            Self::NeverValid { .. } => "token_never_valid",
            Self::EmailNotVerified => "token_email_not_verified",
        }
    }
}

/// The marker with which Cloud Run replaces a signature that it has verified (Google, *Authenticating service-to-service*). A
/// request that does not pass Cloud Run can contain it, too.
const REMOVED: &str = "SIGNATURE_REMOVED_BY_GOOGLE";

/// The result of verifying a token, for the cache.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) key_id: String,
    /// The key that signed the token: its id may later belong to another key.
    pub(crate) key: Arc<DecodingKey>,
    expires: u64,
}

/// A token in its parts, of which only the header is decoded.
pub(crate) struct Token<'a> {
    pub(crate) key_id: String,
    /// Header and claims as they were signed.
    signed: &'a str,
    /// The claims in Base64.
    claims: &'a str,
    /// The signature in Base64.
    signature: &'a str,
}

#[derive(Deserialize)]
struct WireHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    email: String,
    email_verified: bool,
    exp: u64,
    iat: u64,
    nbf: Option<u64>,
    #[serde(rename = "sub")]
    _sub: String,
}

impl<'a> Token<'a> {
    /// Decodes the header, which is not verified yet. Only RS256 is accepted.
    pub(crate) fn read(token: &'a str) -> Result<Self, TokenError> {
        let malformed = |text: &str| TokenError::Malformed(text.to_owned());
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err(malformed("expected three parts between dots"));
        };
        let json = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| malformed("the header is not base64url"))?;
        let header: WireHeader = json::object(&json).map_err(TokenError::Malformed)?;
        if header.alg != "RS256" {
            return Err(TokenError::Algorithm {
                found: excerpt(&header.alg),
            });
        }
        // The issuer may sign other kinds of documents with the same keys (RFC 8725, 3.11).
        let typ = header.typ.as_deref().unwrap_or("JWT");
        if !typ.eq_ignore_ascii_case("JWT") {
            return Err(TokenError::Type {
                found: excerpt(typ),
            });
        }
        if header.crit.is_some() {
            return Err(TokenError::CriticalExtensions);
        }
        let (signed, _) = token.rsplit_once('.').unwrap_or_default();
        Ok(Self {
            key_id: header.kid.ok_or(TokenError::NoKeyId)?,
            signed,
            claims,
            signature,
        })
    }

    /// Returns true if the marker of Cloud Run replaces the signature.
    pub(crate) fn is_signature_removed(&self) -> bool {
        self.signature == REMOVED
    }

    /// Decodes the claims after verifying the signature.
    fn signed_claims(&self, key: &DecodingKey) -> Result<Claims, TokenError> {
        if self.is_signature_removed() {
            return Err(TokenError::SignatureRemoved);
        }
        let is_signed = crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            key,
            Algorithm::RS256,
        );
        if !is_signed.unwrap_or_default() {
            return Err(TokenError::Signature);
        }
        self.claims()
    }

    /// Decodes the claims without verifying the signature.
    fn claims(&self) -> Result<Claims, TokenError> {
        let json = URL_SAFE_NO_PAD
            .decode(self.claims)
            .map_err(|_| TokenError::Claims("not base64url".to_owned()))?;
        json::object(&json).map_err(TokenError::Claims)
    }
}

/// The rules for claims.
pub(crate) struct Rules {
    /// The accepted values of `iss`.
    issuers: Vec<String>,
    /// The tolerance for clocks that differ, in seconds.
    leeway: u64,
}

impl Rules {
    pub(crate) fn new(issuer: &str, leeway: Duration) -> Self {
        let issuers = if is_google(issuer) {
            GOOGLE.map(str::to_owned).to_vec()
        } else {
            vec![issuer.to_owned()]
        };
        Self {
            issuers,
            leeway: leeway.as_secs(),
        }
    }

    /// Verifies the signature and the claims.
    pub(crate) fn verify(
        &self,
        token: Token<'_>,
        key: Arc<DecodingKey>,
    ) -> Result<Verified, TokenError> {
        let claims = token.signed_claims(&key)?;
        let expires = claims.exp;
        Ok(Verified {
            caller: self.check_claims(claims)?,
            key_id: token.key_id,
            key,
            expires,
        })
    }

    /// Verifies the claims of a token whose signature Cloud Run has verified and removed.
    pub(crate) fn verify_claims(&self, token: &Token<'_>) -> Result<Caller, TokenError> {
        self.check_claims(token.claims()?)
    }

    fn check_claims(&self, claims: Claims) -> Result<Caller, TokenError> {
        if !self.issuers.contains(&claims.iss) {
            return Err(TokenError::Issuer {
                found: excerpt(&claims.iss),
                expected: self.issuers.join(" or "),
            });
        }
        self.check_times(&claims)?;
        if !claims.email_verified {
            return Err(TokenError::EmailNotVerified);
        }
        Ok(Caller {
            email: claims.email,
            audience: claims.aud,
        })
    }

    fn check_times(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = unix_seconds();
        let (exp, iat) = (claims.exp, claims.iat);
        if exp <= iat {
            return Err(TokenError::NeverValid { exp, iat });
        }
        if claims.exp.saturating_add(self.leeway) <= now {
            return Err(TokenError::Expired {
                seconds_ago: now - claims.exp,
            });
        }
        for (claim, time) in [("iat", Some(claims.iat)), ("nbf", claims.nbf)] {
            let seconds_ahead = time.unwrap_or_default().saturating_sub(now);
            if seconds_ahead > self.leeway {
                return Err(TokenError::InTheFuture {
                    claim,
                    seconds_ahead,
                });
            }
        }
        Ok(())
    }

    /// Returns true if a verified token has not expired.
    pub(crate) fn is_valid_now(&self, verified: &Verified) -> bool {
        verified.expires.saturating_add(self.leeway) > unix_seconds()
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
