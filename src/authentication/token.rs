//! Is this token genuine, and valid now? A Google ID token as Pub/Sub sends it: RS256, with the push service account's
//! e-mail (Google, *Authenticate push subscriptions*).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::Caller;
use crate::decoding;
use crate::excerpt::excerpt;

/// Google writes its issuer with the scheme, and its own libraries take it without, too.
const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Whether this issuer's keys are Google's.
pub(crate) fn is_google(issuer: &str) -> bool {
    GOOGLE.contains(&issuer)
}

/// Why a token is refused: which claim, what it says and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TokenError {
    #[error("not a JWT: {0}")]
    Malformed(String),
    #[error("header alg is {found:?}, expected \"RS256\"")]
    Algorithm { found: String },
    #[error("header demands extensions (crit), which none of Google's tokens do")]
    CriticalExtensions,
    #[error("header has no kid, so the key is not known")]
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
    #[error("claim email_verified is false, expected true")]
    EmailNotVerified,
}

/// What Cloud Run writes in place of a signature that it has checked (Google, *Authenticating service-to-service*).
const REMOVED: &str = "SIGNATURE_REMOVED_BY_GOOGLE";

/// Whether Cloud Run says that it has checked the signature. Anybody can write that who does not come through Cloud Run.
pub(crate) fn is_signature_removed(token: &str) -> bool {
    token.rsplit('.').next() == Some(REMOVED)
}

/// What a genuine token proved, to be remembered.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) key_id: String,
    expires: u64,
}

pub(crate) struct Header {
    pub(crate) key_id: String,
}

#[derive(Deserialize)]
struct WireHeader {
    alg: String,
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

/// Reads the header without believing it: only RS256 is taken further, whatever else the issuer's keys could check.
pub(crate) fn read_header(token: &str) -> Result<Header, TokenError> {
    let encoded = token
        .split('.')
        .next()
        .filter(|_| token.split('.').count() == 3);
    let encoded =
        encoded.ok_or_else(|| TokenError::Malformed("expected three parts between dots".into()))?;
    let json = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| TokenError::Malformed("the header is not base64url".into()))?;
    let header: WireHeader = decoding::decode(&mut serde_json::Deserializer::from_slice(&json))
        .map_err(TokenError::Malformed)?;
    if header.alg != "RS256" {
        return Err(TokenError::Algorithm {
            found: excerpt(&header.alg),
        });
    }
    if header.crit.is_some() {
        return Err(TokenError::CriticalExtensions);
    }
    Ok(Header {
        key_id: header.kid.ok_or(TokenError::NoKeyId)?,
    })
}

/// What a token must say besides being signed.
pub(crate) struct Rules {
    issuers: Vec<String>,
    leeway: u64,
    signature: Validation,
}

impl Rules {
    pub(crate) fn new(issuer: &str, leeway: Duration) -> Self {
        let issuers = if is_google(issuer) {
            GOOGLE.map(str::to_owned).to_vec()
        } else {
            vec![issuer.to_owned()]
        };
        // The claims are checked below, each with what was found: the library takes tokens without `aud` or `iss` for good.
        let mut signature = Validation::new(Algorithm::RS256);
        signature.required_spec_claims.clear();
        signature.validate_exp = false;
        signature.validate_aud = false;
        Self {
            issuers,
            leeway: leeway.as_secs(),
            signature,
        }
    }

    /// Checks signature and claims.
    pub(crate) fn verify(
        &self,
        token: &str,
        header: Header,
        key: &DecodingKey,
    ) -> Result<Verified, TokenError> {
        if is_signature_removed(token) {
            return Err(TokenError::SignatureRemoved);
        }
        let claims = decode::<serde_json::Value>(token, key, &self.signature)
            .map_err(|_| TokenError::Signature)?
            .claims;
        self.judge(claims, header)
    }

    /// Checks everything but the signature, of a token whose signature Cloud Run has checked and removed.
    pub(crate) fn believe(&self, token: &str) -> Result<Verified, TokenError> {
        let header = read_header(token)?;
        let not_base64 = |_| TokenError::Malformed("the claims are not base64url".into());
        let encoded = token.split('.').nth(1).unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(not_base64)?;
        let claims = decoding::decode(&mut serde_json::Deserializer::from_slice(&json))
            .map_err(TokenError::Claims)?;
        self.judge(claims, header)
    }

    fn judge(&self, claims: serde_json::Value, header: Header) -> Result<Verified, TokenError> {
        let claims: Claims = decoding::decode(claims).map_err(TokenError::Claims)?;
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
        let caller = Caller {
            email: claims.email,
            audience: claims.aud,
        };
        Ok(Verified {
            caller,
            key_id: header.key_id,
            expires: claims.exp,
        })
    }

    fn check_times(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = unix_seconds();
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

    /// Whether a token that was genuine once has not expired since.
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
