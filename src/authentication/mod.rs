//! Who pushes? From the headers to a [`Caller`], before a byte of the body is read.

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

pub(crate) use crate::authentication::keys::FetchError;
use crate::authentication::keys::Keys;
pub(crate) use crate::authentication::token::TokenError;
use crate::authentication::token::{Token, Verified};

/// Pub/Sub reuses a token for up to an hour (Google, *Authenticate push subscriptions*), so a few are in use at a time.
const REMEMBERED_TOKENS: u64 = 10_000;

/// The service account that pushed, proven by a token. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) email: String,
    pub(crate) audience: String,
}

/// Why the caller is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error(
        "no Authorization header: does the subscription's push configuration have an oidc_token?"
    )]
    NoToken,
    #[error("{0} Authorization headers, expected one")]
    SeveralHeaders(usize),
    #[error("the Authorization header is not of the form Bearer TOKEN")]
    NotBearer,
    #[error("token refused")]
    Token(#[from] TokenError),
    /// Passing trouble, not forgery: Pub/Sub is asked to push again.
    #[error("cannot check the token without the issuer's signing keys: check PUSHGATE_KEYS_URL")]
    KeysUnavailable(#[source] FetchError),
}

impl AuthenticationError {
    /// Whether the same request may be accepted a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::KeysUnavailable(_))
    }
}

/// Checks tokens, with the issuer's keys and a memory of tokens that were checked already.
pub(crate) struct Authentication {
    keys: Keys,
    rules: token::Rules,
    verified: Cache<[u8; 32], Verified>,
}

impl Authentication {
    pub(crate) fn new(issuer: &str, keys_url: Url, leeway: Duration) -> Result<Self, FetchError> {
        Ok(Self {
            keys: Keys::new(keys_url)?,
            rules: token::Rules::new(issuer, leeway),
            verified: Cache::new(REMEMBERED_TOKENS),
        })
    }

    /// Who sent these headers.
    ///
    /// # Errors
    /// When the token is missing, not genuine or not valid now, or no keys are known to tell.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Result<Caller, AuthenticationError> {
        let token = bearer(headers)?;
        let hash = sha256(token);
        if let Some(verified) = self.remembered(&hash) {
            return Ok(verified.caller);
        }
        let token = Token::read(token)?;
        let key = self.keys.find(&token.key_id).await?;
        let verified = self.rules.verify(token, key)?;
        self.verified.insert(hash, verified.clone());
        Ok(verified.caller)
    }

    /// What this token proved earlier, if its key is still the issuer's. Each fetch brings new keys, and so one new check.
    fn remembered(&self, hash: &[u8; 32]) -> Option<Verified> {
        let verified = self.verified.get(hash)?;
        let key = self.keys.current(&verified.key_id)?;
        let is_good = Arc::ptr_eq(&key, &verified.key) && self.rules.is_valid_now(&verified);
        is_good.then_some(verified)
    }

    /// Whether keys are known, fetching them if that was not tried lately.
    pub(crate) async fn is_ready(&self) -> Result<(), FetchError> {
        self.keys.ready().await
    }
}

/// The token of exactly one header: of two, a front end may have checked the other one.
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
