//! Signs the ID tokens of pushes, publishes the keys that verify them, and forges invalid tokens.

mod bearer;
pub(crate) mod certificate;
mod claims;
mod forgery;
mod key;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use time::OffsetDateTime;

pub(crate) use self::bearer::Bearer;
pub use self::claims::Claim;
use self::claims::Claims;
pub use self::forgery::Forgery;
pub(crate) use self::key::JsonWebKeySet;
use self::key::{KeyError, SigningKey};
use crate::clock::machine_utc;

/// The path of the keys, the same as Google's (Google, *OpenID Connect*, discovery document, `jwks_uri`).
pub(crate) const KEYS_PATH: &str = "/oauth2/v3/certs";
/// The path of the same keys as certificates, which Google's libraries request (Google, *Verify the Google ID token on your
/// server side*, PEM format).
pub(crate) const CERTIFICATES_PATH: &str = "/oauth2/v1/certs";

/// The most pairs of e-mail and audience with a cached token.
const MAX_KEPT_TOKENS: usize = 1_000;

/// The issuer of one emulator. It has its own keys, so its tokens are valid nowhere else.
pub struct Issuer {
    url: String,
    keys: OnceLock<Mutex<KeyRing>>,
    /// The number of key rotations. Pushes do not use a token from before the last one.
    rotations: AtomicU64,
    /// The key of forgeries, which is never published. It is made for the first forgery that needs it.
    foreign: OnceLock<SigningKey>,
}

/// The signing key, the next and the previous one, and the cached tokens by e-mail and audience.
#[derive(Default)]
struct KeyRing {
    /// The signing key. `None` only if no key could be made, which is tried again when one is needed.
    current: Option<Arc<SigningKey>>,
    previous: Option<Arc<SigningKey>>,
    /// The next key, which is published before it signs, so that receivers with cached keys know it. `None` until the keys
    /// are requested after a rotation.
    next: Option<Arc<SigningKey>>,
    tokens: HashMap<(String, String), Bearer>,
}

impl Issuer {
    /// Creates an issuer without a key. The first caller makes the key, since that takes longer than the rest of a start.
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            keys: OnceLock::new(),
            rotations: AtomicU64::new(0),
            foreign: OnceLock::new(),
        }
    }

    /// Returns the claim `iss`, the URL of the emulator, which is also the base of the discovery document's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the keys, as a JWKS.
    #[must_use]
    pub fn keys_url(&self) -> String {
        format!("{}{KEYS_PATH}", self.url)
    }

    /// Returns the URL of the keys, as certificates by key id.
    #[must_use]
    pub fn certificates_url(&self) -> String {
        format!("{}{CERTIFICATES_PATH}", self.url)
    }

    /// Returns the token of pushes for this service account and audience, the same one for half an hour. It is empty, and
    /// so rejected everywhere, if the system cannot make a key; the log has the reason.
    #[must_use]
    pub fn token(&self, email: &str, audience: &str) -> String {
        let bearer = self.bearer(email, audience);
        bearer.map_or_else(String::new, |bearer| bearer.token().to_owned())
    }

    /// Returns the same token as a header, which is valid while it is current.
    pub(crate) fn bearer(&self, email: &str, audience: &str) -> Option<Bearer> {
        self.bearer_at(machine_utc(), email, audience)
    }

    /// Returns true if pushes still use this token.
    pub(crate) fn is_current(&self, bearer: &Bearer) -> bool {
        let now = machine_utc().unix_timestamp();
        bearer.is_current(now, self.rotations.load(Ordering::Acquire))
    }

    fn bearer_at(&self, now: OffsetDateTime, email: &str, audience: &str) -> Option<Bearer> {
        let now = now.unix_timestamp();
        let mut keys = self.keys();
        // It changes only while the keys are locked.
        let rotations = self.rotations.load(Ordering::Acquire);
        let subject = (email.to_owned(), audience.to_owned());
        if let Some(kept) = keys.tokens.get(&subject)
            && kept.is_current(now, rotations)
        {
            return Some(kept.clone());
        }
        let key = keys.current.as_ref()?;
        let token = key.sign(&Claims::new(now, &self.url, email, audience));
        let bearer = Bearer::new(&token, now, rotations)?;
        if keys.tokens.len() >= MAX_KEPT_TOKENS {
            keys.tokens.clear();
        }
        keys.tokens.insert(subject, bearer.clone());
        Some(bearer)
    }

    /// Returns a token that a careful receiver must reject for the given reason alone: everything else in it is valid. The
    /// first forgery with a foreign key waits until that key is made.
    #[must_use]
    pub fn forged(&self, forgery: Forgery, email: &str, audience: &str) -> String {
        let now = machine_utc().unix_timestamp();
        let claims = Claims::new(now, &self.url, email, audience);
        let key = self.keys().current.clone();
        let forged = key.map(|key| forgery.forge(&key, claims, || self.foreign_key()));
        forged
            .transpose()
            .unwrap_or_else(no_key)
            .unwrap_or_default()
    }

    fn foreign_key(&self) -> Result<&SigningKey, KeyError> {
        if let Some(key) = self.foreign.get() {
            return Ok(key);
        }
        let key = SigningKey::generate()?;
        Ok(self.foreign.get_or_init(|| key))
    }

    /// Rotates the keys. The next key, which was published if the keys were requested since the last rotation, now signs.
    /// The previous key stays published until the next rotation, so that sent tokens stay valid. If the keys were not
    /// requested, this makes a key first. If that fails, the current key stays, and the log has the reason.
    pub fn rotate(&self) {
        if self.keys().next.is_none() {
            self.make_next();
        }
        let mut keys = self.keys();
        if let Some(next) = keys.next.take() {
            keys.previous = keys.current.replace(next);
            keys.tokens.clear();
            self.rotations.fetch_add(1, Ordering::Release);
        }
    }

    /// Returns the published keys, the signing one first.
    pub(crate) fn published(&self) -> JsonWebKeySet {
        let keys = self.keys();
        JsonWebKeySet {
            keys: keys.published().map(|key| key.published()).collect(),
        }
    }

    /// Returns the same keys as certificates in PEM, by key id.
    pub(crate) fn certificates(&self) -> BTreeMap<String, String> {
        let keys = self.keys();
        let certificates = keys
            .published()
            .filter_map(|key| Some((key.id(), key.certificate()?)));
        certificates
            .map(|(id, certificate)| (id.to_owned(), certificate.to_owned()))
            .collect()
    }

    /// Waits for the first key without blocking the executor.
    pub(crate) async fn ready(self: &Arc<Self>) {
        if self.keys.get().is_none() {
            let issuer = Arc::clone(self);
            let made = tokio::task::spawn_blocking(move || drop(issuer.keys())).await;
            if let Err(error) = made {
                tracing::error!(%error, "the issuer's first key was not made");
            }
        }
    }

    /// Waits for the next key without blocking the executor. It is made on demand, since many receivers never request the
    /// keys.
    pub(crate) async fn ready_to_publish(self: &Arc<Self>) {
        self.ready().await;
        if self.keys().next.is_none() {
            let issuer = Arc::clone(self);
            let made = tokio::task::spawn_blocking(move || issuer.make_next()).await;
            if let Err(error) = made {
                tracing::error!(%error, "the issuer's next key was not made");
            }
        }
    }

    /// Makes a key without the lock, so that signing continues. If two callers make one, the second key is dropped.
    fn make_next(&self) {
        let next = new_key();
        let mut keys = self.keys();
        keys.next = keys.next.take().or(next);
    }

    fn keys(&self) -> MutexGuard<'_, KeyRing> {
        let keys = self.keys.get_or_init(|| Mutex::new(KeyRing::new()));
        let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.current.is_none() {
            *keys = KeyRing::new();
        }
        keys
    }
}

impl KeyRing {
    fn new() -> Self {
        Self {
            current: new_key(),
            ..Self::default()
        }
    }

    /// Returns the published keys, starting with the signing one.
    fn published(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        let Self {
            current,
            next,
            previous,
            ..
        } = self;
        current.iter().chain(next).chain(previous)
    }
}

fn new_key() -> Option<Arc<SigningKey>> {
    let key = SigningKey::generate();
    key.map_or_else(no_key, |key| Some(Arc::new(key)))
}

fn no_key<T>(error: KeyError) -> Option<T> {
    tracing::error!(%error, "tokens cannot be signed");
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use time::macros::datetime;

    #[test]
    fn a_token_is_kept_for_half_an_hour_of_the_wall_clock() {
        let issuer = Issuer::new("http://issuer.example".to_owned());
        let start = datetime!(2030-01-02 03:04:05 UTC);
        let token_at = |now| {
            let bearer = issuer.bearer_at(now, "push@shop.example", "audience");
            bearer.unwrap().token().to_owned()
        };
        let first = token_at(start);
        assert_eq!(token_at(start + Duration::from_secs(1_799)), first);
        // The wall clock of a laptop after sleep is ahead of the clock of its processes.
        assert_ne!(token_at(start + Duration::from_secs(1_800)), first);
        let later = token_at(start + Duration::from_secs(7_200));
        assert_eq!(token_at(start), first, "RS256 signs the same claims alike");
        assert_ne!(later, first);
    }
}
