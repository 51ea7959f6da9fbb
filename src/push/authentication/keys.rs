//! The issuer's signing keys: one fetch for all who wait, kept as long as the issuer says, and served stale rather than not
//! at all. One task fetches; everybody else looks at its latest result, so no lock is held across a fetch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{AGE, CACHE_CONTROL};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use url::Url;

use super::token::TokenError;
use super::{AuthenticationError, json};
use crate::loggable::excerpt;

/// Strangers can invent key ids at will; they cause one fetch in this time. A rotated key is published long before its use.
const FLOOR: Duration = Duration::from_secs(5);
/// After a failed fetch, sooner: without keys every push is refused.
const FLOOR_AFTER_FAILURE: Duration = Duration::from_secs(1);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Pushes that may wait for a fetch at a time while keys are known: most of them bring invented key ids.
const WAITING: usize = 100;
/// The same while no keys are known and every push must wait: Cloud Run sends at most so many requests at once to an instance.
const WAITING_FOR_FIRST: usize = 1000;
/// The time that a push waits, beside its handler, for stale keys to be fetched again. Without CPU between requests
/// (`cpu_idle`) a fetch that outlives the last response fails.
const REFRESH_WAIT: Duration = Duration::from_secs(2);
/// The time for which stale keys serve before a failed fetch is a warning: until then it harms no push.
const QUIET: Duration = Duration::from_secs(60 * 60);
/// Used when the issuer gives none.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// Google's sets have two or three keys of 400 bytes.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
const KEY_LIMIT: usize = 100;
/// How long keys go on serving after their time, when the issuer cannot be reached: longer than any outage, shorter than
/// an attacker's patience with a withdrawn key.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why the keys could not be fetched.
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
    #[error("the keys were not fetched yet")]
    NotYet,
    #[error("too many other pushes wait for the keys")]
    TooManyWaiting,
    #[error("the last keys are more than a day too old")]
    TooOld,
}

/// What the last fetches brought.
#[derive(Clone)]
struct Known {
    keys: HashMap<String, Arc<DecodingKey>>,
    fresh_until: Instant,
    next_fetch: Instant,
    failure: Option<FetchError>,
}

impl Known {
    fn nothing() -> Self {
        let now = Instant::now();
        Self {
            keys: HashMap::new(),
            fresh_until: now,
            next_fetch: now,
            failure: Some(FetchError::NotYet),
        }
    }

    fn is_stale(&self) -> bool {
        self.fresh_until <= Instant::now()
    }

    fn may_fetch(&self) -> bool {
        self.next_fetch <= Instant::now()
    }

    fn is_harmed(&self) -> bool {
        self.keys.is_empty() || self.fresh_until + QUIET < Instant::now()
    }

    fn get(&self, key_id: &str) -> Option<Arc<DecodingKey>> {
        self.keys
            .get(key_id)
            .filter(|_| !self.is_too_old())
            .cloned()
    }

    fn is_too_old(&self) -> bool {
        self.fresh_until + MAX_STALE < Instant::now()
    }

    /// Why nothing can be checked at all, if so.
    fn unavailable(&self) -> Option<FetchError> {
        if !self.keys.is_empty() && !self.is_too_old() {
            return None;
        }
        Some(self.failure.clone().unwrap_or(FetchError::TooOld))
    }

    fn learn(
        &mut self,
        fetched: Result<(HashMap<String, Arc<DecodingKey>>, Duration), FetchError>,
    ) {
        let now = Instant::now();
        match fetched {
            Ok((keys, max_age)) => {
                (self.keys, self.failure) = (keys, None);
                (self.fresh_until, self.next_fetch) = (now + max_age, now + FLOOR);
            }
            Err(failure) => {
                const MESSAGE: &str = "cannot fetch the issuer's signing keys";
                let (error, known_keys) = (crate::loggable::chain(&failure), self.keys.len());
                if self.is_harmed() {
                    tracing::warn!(error, known_keys, "{MESSAGE}");
                } else {
                    tracing::info!(error, known_keys, "{MESSAGE}");
                }
                (self.failure, self.next_fetch) = (Some(failure), now + FLOOR_AFTER_FAILURE);
            }
        }
    }
}

/// The issuer's keys, kept by a task of their own.
pub(crate) struct Keys {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
    /// True from the request for new keys to the end of the fetch.
    is_refreshing: Arc<AtomicBool>,
    waiting: Semaphore,
    keeper: AbortHandle,
}

impl Keys {
    /// Begins with a fetch, so that the first push seldom waits for one.
    pub(crate) fn new(url: Url) -> Result<Self, FetchError> {
        let builder = reqwest::Client::builder();
        // Keys in clear text are for this machine only, so no proxy may serve them.
        let builder = if url.scheme() == "http" {
            builder.no_proxy()
        } else {
            builder
        };
        let client = builder
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| FetchError::Unreachable(Arc::new(error)))?;
        let (sender, known) = watch::channel(Known::nothing());
        let wanted = Arc::new(Notify::new());
        wanted.notify_one();
        let is_refreshing = Arc::new(AtomicBool::new(true));
        let keeper = Keeper {
            client,
            url,
            wanted: Arc::clone(&wanted),
            is_refreshing: Arc::clone(&is_refreshing),
            known: sender,
        };
        Ok(Self {
            known,
            wanted,
            is_refreshing,
            waiting: Semaphore::new(WAITING_FOR_FIRST),
            keeper: tokio::spawn(keeper.keep()).abort_handle(),
        })
    }

    /// The key that the issuer has under this id, as far as is known without waiting.
    pub(crate) fn current(&self, key_id: &str) -> Option<Arc<DecodingKey>> {
        self.known.borrow().get(key_id)
    }

    /// Fetches stale keys again, and waits for at most [`REFRESH_WAIT`]. Only one push waits; its handler and all other pushes
    /// go on with the stale keys.
    pub(crate) async fn refresh(&self) {
        let is_due = |known: &Known| known.is_stale() && known.may_fetch();
        if !is_due(&self.known.borrow()) || self.is_refreshing.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut known = self.known.clone();
        known.mark_unchanged();
        self.wanted.notify_one();
        let _ = timeout(REFRESH_WAIT, known.changed()).await;
    }

    /// The key of this id, after a fetch if it is not known and none was made lately.
    pub(crate) async fn find(&self, key_id: &str) -> Result<Arc<DecodingKey>, AuthenticationError> {
        if let Some(key) = self.current(key_id) {
            return Ok(key);
        }
        {
            let place = self.place_to_wait();
            let _place = place.map_err(AuthenticationError::KeysUnavailable)?;
            self.fetched().await;
        }
        let known = self.known.borrow();
        match (known.get(key_id), known.unavailable()) {
            (Some(key), _) => Ok(key),
            (None, Some(failure)) => Err(AuthenticationError::KeysUnavailable(failure)),
            // It may be one of the keys that could not be fetched.
            (None, None) if known.is_stale() && known.failure.is_some() => {
                Err(AuthenticationError::KeysUnavailable(
                    known.failure.clone().unwrap_or(FetchError::TooOld),
                ))
            }
            (None, None) => Err(TokenError::UnknownKey {
                found: excerpt(key_id),
            }
            .into()),
        }
    }

    /// Whether pushes can be checked now.
    pub(crate) async fn ready(&self) -> Result<(), FetchError> {
        if self.known.borrow().unavailable().is_some() {
            self.fetched().await;
        }
        self.known.borrow().unavailable().map_or(Ok(()), Err)
    }

    /// Waits for the next fetch to end, unless the last one was only just now.
    async fn fetched(&self) {
        let mut known = self.known.clone();
        if known.borrow_and_update().may_fetch() {
            self.wanted.notify_one();
            // Whether it came or not, the caller looks at what is known then.
            let _ = timeout(2 * FETCH_TIMEOUT, known.changed()).await;
        }
    }

    /// Takes a place among the pushes that wait for a fetch.
    fn place_to_wait(&self) -> Result<SemaphorePermit<'_>, FetchError> {
        let has_keys = self.known.borrow().unavailable().is_none();
        let waiting = WAITING_FOR_FIRST - self.waiting.available_permits();
        if has_keys && waiting >= WAITING {
            return Err(FetchError::TooManyWaiting);
        }
        let place = self.waiting.try_acquire();
        place.map_err(|_full| FetchError::TooManyWaiting)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The task that fetches.
struct Keeper {
    client: reqwest::Client,
    url: Url,
    wanted: Arc<Notify>,
    is_refreshing: Arc<AtomicBool>,
    known: watch::Sender<Known>,
}

impl Keeper {
    /// Fetches whenever it is wanted and allowed. A wish that came during a fetch is met by that fetch.
    async fn keep(self) {
        loop {
            self.wanted.notified().await;
            if self.known.borrow().may_fetch() {
                self.is_refreshing.store(true, Ordering::Relaxed);
                let fetched = fetch(&self.client, self.url.clone()).await;
                self.known.send_modify(|known| known.learn(fetched));
            }
            self.is_refreshing.store(false, Ordering::Relaxed);
        }
    }
}

async fn fetch(
    client: &reqwest::Client,
    url: Url,
) -> Result<(HashMap<String, Arc<DecodingKey>>, Duration), FetchError> {
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

/// How much longer the answer is fresh (RFC 9111, 4.2): its `max-age` less the time it spent in caches.
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

/// The RSA signing keys of a set by their ids; keys of other kinds are none of our business.
fn read_jwks(body: &[u8]) -> Result<HashMap<String, Arc<DecodingKey>>, FetchError> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<serde_json::Value>,
    }
    let jwks: Jwks = json::object(body).map_err(FetchError::NotAJwks)?;
    // A part of them would not do: good tokens by the others would be taken for forged ones.
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
