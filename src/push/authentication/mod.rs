//! Authenticates pushes: from the headers to a [`Caller`], before the body is read.

mod fetch;
mod issuer;
mod json;
mod keys;
mod token;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use moka::sync::Cache;
use url::Url;

pub(crate) use crate::push::authentication::fetch::FetchError;
pub(crate) use crate::push::authentication::issuer::{is_google, issuer_fault};
use crate::push::authentication::keys::Keys;
pub(crate) use crate::push::authentication::token::TokenError;
use crate::push::authentication::token::{Token, Verified};
use crate::telemetry::metrics::Metrics;

/// Pub/Sub reuses a token for up to an hour (Google, *Authenticate push subscriptions*), so few are in use at a time.
const CACHED_TOKENS: u64 = 10_000;

const SERVERLESS_AUTHORIZATION: &str = "x-serverless-authorization";

/// The service account that pushed, proven by a token. Only this module creates one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// The e-mail of the service account.
    pub(crate) email: String,
    /// The audience of its token.
    pub(crate) audience: String,
}

/// The reason why a caller is not authenticated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error(
        "no Authorization header: check that the subscription's push configuration has an oidc_token"
    )]
    NoToken,
    #[error("{0} Authorization headers, expected one")]
    SeveralHeaders(usize),
    #[error("the Authorization header is not of the form Bearer TOKEN")]
    NotBearer,
    /// Cloud Run's IAM check verifies that header instead of Authorization (Google, *Authenticating service-to-service*), so the
    /// token in Authorization is not verified. Pub/Sub does not send it.
    #[error(
        "an X-Serverless-Authorization header, so Cloud Run has not verified the Authorization header: PUSHGATE_AUTHENTICATION is platform"
    )]
    CheckedElsewhere,
    #[error("token refused")]
    Token(#[from] TokenError),
    /// A transient error: Pub/Sub pushes again.
    #[error("cannot verify the token without the issuer's signing keys: check PUSHGATE_KEYS_URL")]
    KeysUnavailable(#[source] FetchError),
}

impl AuthenticationError {
    /// Returns the kind for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::SeveralHeaders(_) => "several_tokens",
            Self::NotBearer => "not_bearer",
            Self::CheckedElsewhere => "checked_elsewhere",
            Self::Token(error) => error.kind(),
            Self::KeysUnavailable(_) => "keys_unavailable",
        }
    }

    /// Returns true if the same request may be accepted later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::KeysUnavailable(_))
    }
}

/// The verifier of signatures. Only the setting changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// This service verifies every signature.
    Verify,
    /// Cloud Run's IAM check has verified a token if its marker replaces the signature. The claims are checked in any case, and so
    /// is a signature that is still present.
    Platform,
}

impl Mode {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "verify" => Some(Self::Verify),
            "platform" => Some(Self::Platform),
            _ => None,
        }
    }
}

/// Verifies tokens, with the issuer's keys and a cache of verified tokens.
pub(crate) struct Authentication {
    /// The checks that apply.
    mode: Mode,
    /// The public keys of the issuer.
    keys: Keys,
    /// The rules for claims.
    rules: token::Rules,
    /// The verified tokens by their hashes, until they expire.
    verified: Cache<[u8; 32], Verified>,
}

impl Authentication {
    pub(crate) fn new(
        mode: Mode,
        issuer: &str,
        keys_url: Url,
        leeway: Duration,
        metrics: Metrics,
    ) -> Result<Self, FetchError> {
        Ok(Self {
            mode,
            keys: Keys::new(keys_url, metrics)?,
            rules: token::Rules::new(issuer, leeway),
            verified: Cache::new(CACHED_TOKENS),
        })
    }

    /// Returns the caller of a request with these headers, or `None` if the keys must be fetched first.
    ///
    /// # Errors
    /// If the token is missing, forged or not valid now.
    pub(crate) fn check_at_once(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Caller>, AuthenticationError> {
        if self.mode == Mode::Platform && headers.contains_key(SERVERLESS_AUTHORIZATION) {
            return Err(AuthenticationError::CheckedElsewhere);
        }
        let token = bearer(headers)?;
        let hash = sha256(token);
        if let Some(verified) = self.cached(&hash) {
            return Ok(Some(verified.caller));
        }
        let token = Token::read(token)?;
        if self.mode == Mode::Platform && token.is_signature_removed() {
            return Ok(Some(self.rules.verify_claims(&token)?));
        }
        let Some(key) = self.keys.current(&token.key_id) else {
            return Ok(None);
        };
        let verified = self.rules.verify(token, key)?;
        self.verified.insert(hash, verified.clone());
        Ok(Some(verified.caller))
    }

    /// Returns the caller of a request with these headers, after a fetch of the keys if the token's key is unknown.
    ///
    /// # Errors
    /// If the token is missing, forged or not valid now, or the keys cannot be fetched.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Result<Caller, AuthenticationError> {
        if let Some(caller) = self.check_at_once(headers)? {
            return Ok(caller);
        }
        let token = Token::read(bearer(headers)?)?;
        let key = self.keys.find(&token.key_id).await?;
        Ok(self.rules.verify(token, key)?.caller)
    }

    /// Fetches stale keys again, so that revoked ones are rejected.
    pub(crate) async fn refresh(&self) {
        if self.mode == Mode::Verify {
            self.keys.refresh().await;
        }
    }

    /// Returns the time since the keys were fetched.
    pub(crate) fn keys_age(&self) -> Option<Duration> {
        self.keys.age()
    }

    /// Returns the cached result for this token, if its key is still the issuer's. After each fetch of keys a token is verified again.
    fn cached(&self, hash: &[u8; 32]) -> Option<Verified> {
        let verified = self.verified.get(hash)?;
        let key = self.keys.current(&verified.key_id)?;
        let is_valid = Arc::ptr_eq(&key, &verified.key) && self.rules.is_valid_now(&verified);
        is_valid.then_some(verified)
    }

    /// Returns an error if the keys are unknown, after a fetch if necessary. Behind the platform's check they may never be needed.
    pub(crate) async fn is_ready(&self) -> Result<(), FetchError> {
        match self.mode {
            Mode::Verify => self.keys.ready().await,
            Mode::Platform => Ok(()),
        }
    }
}

/// Returns the token of exactly one header: of two, a front end may have verified the other one.
fn bearer(headers: &HeaderMap) -> Result<&str, AuthenticationError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(AuthenticationError::NoToken)?;
    match values.count() {
        0 => {}
        more => return Err(AuthenticationError::SeveralHeaders(more + 1)),
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or(AuthenticationError::NotBearer)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(AuthenticationError::NotBearer)
    }
}

fn sha256(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}
