//! The issuer's signing keys: one fetch serves all pushes that wait, keys are fresh for the issuer's `max-age`, and stale keys stay
//! in use while new ones cannot be fetched. One task fetches and publishes its result, so no lock is held across a fetch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use url::Url;

use super::AuthenticationError;
use super::fetch::{FETCH_TIMEOUT, FetchError, Fetched, MAX_STALE, fetch};
use super::token::TokenError;
use crate::loggable::excerpt;
use crate::telemetry::metrics::Metrics;

/// The shortest time between two fetches, even if callers invent key ids. A rotated key is published long before its use.
const FETCH_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest time after a failed fetch: without keys every push is rejected.
const INTERVAL_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The number of pushes that may wait for a fetch while keys are known: most of these have invented key ids.
const WAITING: usize = 100;
/// The number of pushes that may wait while no keys are known, so that every push must wait: the most requests that Cloud Run sends
/// to an instance at once.
const WAITING_FOR_FIRST: usize = 1000;
/// The time that a push waits, concurrently with its handler, for a fetch of stale keys. Without CPU between requests
/// (`cpu_idle`) a fetch that outlives the last response fails.
const REFRESH_WAIT: Duration = Duration::from_secs(2);
/// The time for which stale keys are used before a failed fetch is a warning: until then it affects no push.
const WARN_AFTER: Duration = Duration::from_secs(60 * 60);

/// The result of the latest fetches.
#[derive(Clone)]
struct KnownKeys {
    /// The keys by their ids.
    keys: HashMap<String, Arc<DecodingKey>>,
    /// The time after which they are fetched again.
    fresh_until: Instant,
    /// The time of the latest successful fetch.
    fetched: Option<Instant>,
    /// The earliest time of the next fetch.
    next_fetch: Instant,
    /// The error of the latest fetch.
    failure: Option<FetchError>,
}

impl KnownKeys {
    fn nothing() -> Self {
        let now = Instant::now();
        Self {
            keys: HashMap::new(),
            fresh_until: now,
            fetched: None,
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
        self.keys.is_empty() || self.fresh_until + WARN_AFTER < Instant::now()
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

    /// Returns an error if no token can be verified at all.
    fn unavailable(&self) -> Option<FetchError> {
        if !self.keys.is_empty() && !self.is_too_old() {
            return None;
        }
        Some(self.failure.clone().unwrap_or(FetchError::TooOld))
    }

    fn update(&mut self, fetched: Fetched) {
        let now = Instant::now();
        match fetched {
            Ok((keys, max_age)) => {
                (self.keys, self.failure) = (keys, None);
                self.fetched = Some(now);
                (self.fresh_until, self.next_fetch) = (now + max_age, now + FETCH_INTERVAL);
            }
            Err(failure) => {
                const MESSAGE: &str = "cannot fetch the issuer's signing keys";
                let (error, known_keys) = (crate::loggable::chain(&failure), self.keys.len());
                if self.is_harmed() {
                    tracing::warn!(error, known_keys, "{MESSAGE}");
                } else {
                    tracing::info!(error, known_keys, "{MESSAGE}");
                }
                (self.failure, self.next_fetch) = (Some(failure), now + INTERVAL_AFTER_FAILURE);
            }
        }
    }
}

/// The issuer's keys, fetched by a separate task.
pub(crate) struct Keys {
    /// The latest keys.
    known: watch::Receiver<KnownKeys>,
    /// The request for a fetch.
    wanted: Arc<Notify>,
    /// True from the request for new keys to the end of the fetch.
    is_refreshing: Arc<AtomicBool>,
    /// The places for requests that wait for a fetch.
    waiting: Semaphore,
    /// The task that fetches.
    fetcher: AbortHandle,
}

impl Keys {
    /// Starts the task with a first fetch, so that the first push seldom waits for one.
    pub(crate) fn new(url: Url, metrics: Metrics) -> Result<Self, FetchError> {
        let builder = reqwest::Client::builder();
        // An http URL is allowed for this machine only, so no proxy may serve it.
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
        let (sender, known) = watch::channel(KnownKeys::nothing());
        let wanted = Arc::new(Notify::new());
        wanted.notify_one();
        let is_refreshing = Arc::new(AtomicBool::new(true));
        let fetcher = Fetcher {
            client,
            url,
            wanted: Arc::clone(&wanted),
            is_refreshing: Arc::clone(&is_refreshing),
            known: sender,
            metrics,
        };
        Ok(Self {
            known,
            wanted,
            is_refreshing,
            waiting: Semaphore::new(WAITING_FOR_FIRST),
            fetcher: tokio::spawn(fetcher.run()).abort_handle(),
        })
    }

    /// Returns the key of this id, if it is known without waiting.
    pub(crate) fn current(&self, key_id: &str) -> Option<Arc<DecodingKey>> {
        self.known.borrow().get(key_id)
    }

    /// Fetches stale keys again, and waits for at most [`REFRESH_WAIT`]. Only one push waits; its handler and all other pushes
    /// continue with the stale keys.
    pub(crate) async fn refresh(&self) {
        let is_due = |known: &KnownKeys| known.is_stale() && known.may_fetch();
        if !is_due(&self.known.borrow()) || self.is_refreshing.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut known = self.known.clone();
        known.mark_unchanged();
        self.wanted.notify_one();
        let _ = timeout(REFRESH_WAIT, known.changed()).await;
    }

    /// Returns the key of this id, after a fetch if it is unknown and the latest fetch is not too recent.
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
            // The key may exist, since the latest fetch failed.
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

    /// Returns an error if no token can be verified, after a fetch if necessary.
    pub(crate) async fn ready(&self) -> Result<(), FetchError> {
        if self.known.borrow().unavailable().is_some() {
            self.fetched().await;
        }
        self.known.borrow().unavailable().map_or(Ok(()), Err)
    }

    /// Returns the time since the latest successful fetch.
    pub(crate) fn age(&self) -> Option<Duration> {
        let fetched = self.known.borrow().fetched?;
        Some(fetched.elapsed())
    }

    /// Waits for the next fetch to end, unless the latest one is too recent.
    async fn fetched(&self) {
        let mut known = self.known.clone();
        if known.borrow_and_update().may_fetch() {
            self.wanted.notify_one();
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
        self.fetcher.abort();
    }
}

/// The task that fetches the keys.
struct Fetcher {
    client: reqwest::Client,
    url: Url,
    /// The request for a fetch.
    wanted: Arc<Notify>,
    is_refreshing: Arc<AtomicBool>,
    /// The latest keys, for [`Keys`].
    known: watch::Sender<KnownKeys>,
    metrics: Metrics,
}

impl Fetcher {
    /// Fetches when requested and allowed. A request during a fetch is served by that fetch.
    async fn run(self) {
        loop {
            self.wanted.notified().await;
            if self.known.borrow().may_fetch() {
                self.is_refreshing.store(true, Ordering::Relaxed);
                let start = Instant::now();
                let fetched = fetch(&self.client, self.url.clone()).await;
                let server = self.url.host_str().unwrap_or_default();
                let error = fetched.as_ref().err().map(FetchError::kind);
                self.metrics.fetched_keys(server, start.elapsed(), error);
                self.known.send_modify(|known| known.update(fetched));
            }
            self.is_refreshing.store(false, Ordering::Relaxed);
        }
    }
}
