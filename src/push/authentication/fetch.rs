//! Fetches the issuer's signing keys, a JWKS.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{AGE, CACHE_CONTROL};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;
use url::Url;

use super::json;

pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for which keys are fresh if the response has no `max-age`.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// The limit of the response. Google's sets have two or three keys of 400 bytes.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
const KEY_LIMIT: usize = 100;
/// The time for which stale keys stay in use while the issuer cannot be reached: longer than most outages, and short enough that a
/// revoked key is of little use.
pub(super) const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The reason why the keys could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FetchError {
    #[error("the key server cannot be reached")]
    Unreachable(#[source] Arc<reqwest::Error>),
    #[error("the key server answered {0}, expected 200")]
    Status(u16),
    #[error("the key server's answer is larger than {BODY_LIMIT_BYTES} bytes")]
    TooLarge,
    #[error("the key server's answer is not a JWKS with RSA keys: {0}")]
    NotAJwks(String),
    #[error("the key server's answer has {0} keys, more than {KEY_LIMIT}")]
    TooMany(usize),
    #[error("the keys are not fetched yet")]
    NotYet,
    #[error("too many other pushes wait for the keys")]
    TooManyWaiting,
    #[error("the keys expired more than a day ago")]
    TooOld,
}

impl FetchError {
    /// Returns the kind for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Status(_) => "status",
            Self::TooLarge | Self::TooMany(_) => "too_large",
            Self::NotAJwks(_) => "not_a_jwks",
            Self::NotYet | Self::TooManyWaiting | Self::TooOld => "not_fetched",
        }
    }
}

/// The keys of a fetch by their ids, and the time for which they are fresh.
pub(super) type Fetched = Result<(HashMap<String, Arc<DecodingKey>>, Duration), FetchError>;

/// Fetches the keys.
pub(super) async fn fetch(client: &reqwest::Client, url: Url) -> Fetched {
    let unreachable = |error| FetchError::Unreachable(Arc::new(error));
    let mut response = client.get(url).send().await.map_err(unreachable)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let max_age = max_age(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > BODY_LIMIT_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((read_jwks(&body)?, max_age))
}

/// Returns the remaining time for which the response is fresh (RFC 9111, 4.2): its `max-age` less its age in caches.
fn max_age(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let max_age = directives.find_map(|directive| {
        let (name, seconds) = directive.trim().split_once('=')?;
        let is_max_age = name.eq_ignore_ascii_case("max-age");
        is_max_age.then(|| seconds.trim_matches('"').parse().ok())?
    });
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age = age.and_then(|age| age.trim().parse().ok());
    max_age
        .map_or(DEFAULT_MAX_AGE, Duration::from_secs)
        .saturating_sub(Duration::from_secs(age.unwrap_or_default()))
        .min(MAX_STALE)
}

/// Returns the RSA signing keys of a set by their ids; keys of other kinds are ignored.
fn read_jwks(body: &[u8]) -> Result<HashMap<String, Arc<DecodingKey>>, FetchError> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<serde_json::Value>,
    }
    let jwks: Jwks = json::object(body).map_err(FetchError::NotAJwks)?;
    // With a part of the keys, genuine tokens of the others would be rejected as forged.
    if jwks.keys.len() > KEY_LIMIT {
        return Err(FetchError::TooMany(jwks.keys.len()));
    }
    let usable = jwks
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
        .filter(is_for_rs256);
    let keys: HashMap<_, _> = usable
        .filter_map(|key| {
            Some((
                key.common.key_id.clone()?,
                Arc::new(DecodingKey::from_jwk(&key).ok()?),
            ))
        })
        .collect();
    if keys.is_empty() {
        Err(FetchError::NotAJwks("no usable RSA key with a kid".into()))
    } else {
        Ok(keys)
    }
}

fn is_for_rs256(key: &Jwk) -> bool {
    matches!(key.algorithm, AlgorithmParameters::RSA(_))
        && matches!(
            key.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        )
        && matches!(key.common.key_algorithm, None | Some(KeyAlgorithm::RS256))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn freshness_is_max_age_less_age() {
        let check = |pairs: &[(&'static str, &'static str)], seconds: u64| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    (
                        header::HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            assert_eq!(max_age(&headers), Duration::from_secs(seconds), "{pairs:?}");
        };
        check(
            &[("cache-control", "public, max-age=600, must-revalidate")],
            600,
        );
        check(&[("cache-control", "max-age=600"), ("age", "200")], 400);
        check(&[("cache-control", "max-age=600"), ("age", "700")], 0);
        check(
            &[("cache-control", "max-age=99999999")],
            MAX_STALE.as_secs(),
        );
        check(&[], 3600);
    }

    #[test]
    fn only_rsa_signing_keys_with_an_id_are_taken() {
        let rsa = |extra: &str| format!(r#"{{"kty":"RSA","n":"AQAB","e":"AQAB"{extra}}}"#);
        let set = format!(
            r#"{{"keys":[{},{},{},{},{},{{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","kid":"ec"}},{{"kty":"new"}},7]}}"#,
            rsa(r#","kid":"good","use":"sig","alg":"RS256""#),
            rsa(r#","kid":"plain""#),
            rsa(r#","kid":"secret","use":"enc""#),
            rsa(r#","kid":"other","alg":"RS512""#),
            rsa(""),
        );
        let mut ids: Vec<String> = read_jwks(set.as_bytes())
            .expect("a set")
            .into_keys()
            .collect();
        ids.sort();
        assert_eq!(ids, ["good", "plain"]);
        for nothing in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[7]}"#, "<html>"] {
            assert!(
                matches!(read_jwks(nothing.as_bytes()), Err(FetchError::NotAJwks(_))),
                "{nothing}"
            );
        }
    }
}
