//! Signs the ID tokens that pushes carry, publishes the keys to check them by, and forges tokens that must be refused.

mod bearer;
mod certificate;
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

/// The path of the keys, as at Google (Google, *OpenID Connect*, discovery document, `jwks_uri`).
pub(crate) const KEYS_PATH: &str = "/oauth2/v3/certs";
/// The path of the same keys as certificates, which Google's libraries ask for (Google, *Verify the Google ID token on your
/// server side*, PEM format).
pub(crate) const CERTIFICATES_PATH: &str = "/oauth2/v1/certs";

/// Pairs of e-mail and audience whose token is kept.
const MAX_KEPT_TOKENS: usize = 1_000;

/// The issuer of one emulator; it has its own keys, so nothing it signs is good anywhere else.
pub struct Issuer {
    url: String,
    keys: OnceLock<Mutex<KeyRing>>,
    /// The number of key rotations: a token signed before the last one is not for pushes any more.
    rotations: AtomicU64,
    /// The key of forgeries, which is never published; made when the first one needs it.
    foreign: OnceLock<SigningKey>,
}

/// The key that signs, the ones before and after it, and the tokens signed so far, by e-mail and audience.
#[derive(Default)]
struct KeyRing {
    /// Nothing only if no key could be made, which is tried again when one is needed.
    current: Option<Arc<SigningKey>>,
    previous: Option<Arc<SigningKey>>,
    /// Published before it signs, so that a rotation surprises no receiver that keeps the keys for as long as it may. `None`
    /// until the keys were requested since the last rotation.
    next: Option<Arc<SigningKey>>,
    tokens: HashMap<(String, String), Bearer>,
}

impl Issuer {
    /// Creates an issuer without a key. The first caller makes one, since that takes longer than starting everything else.
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            keys: OnceLock::new(),
            rotations: AtomicU64::new(0),
            foreign: OnceLock::new(),
        }
    }

    /// The claim `iss`, and where the discovery document is: `http://HOST:PORT`.
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

    /// The token that a push for this service account and audience carries; the same one for half an hour. Empty, and so
    /// refused everywhere, if the system cannot make a key; the log has the reason.
    #[must_use]
    pub fn token(&self, email: &str, audience: &str) -> String {
        let bearer = self.bearer(email, audience);
        bearer.map_or_else(String::new, |bearer| bearer.token().to_owned())
    }

    /// Returns the same token as a header, to be kept for as long as it is current.
    pub(crate) fn bearer(&self, email: &str, audience: &str) -> Option<Bearer> {
        self.bearer_at(machine_utc(), email, audience)
    }

    /// Returns true if pushes still carry this token.
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

    /// A token that a careful receiver must refuse, for the given reason alone: all else about it is right. The first that
    /// needs a key of its own takes as long as making one.
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

    /// Signs with the next key from now on, which has been published if any was since the last rotation. The key before stays
    /// published until the next rotation, so tokens already sent stay good. Takes as long as making a key if the keys were
    /// not requested; if none can be made, the old one goes on, and the log has the reason.
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

    /// The published keys, the signing one first.
    pub(crate) fn published(&self) -> JsonWebKeySet {
        let keys = self.keys();
        JsonWebKeySet {
            keys: keys.published().map(|key| key.published()).collect(),
        }
    }

    /// The same keys as certificates in PEM, by key id.
    pub(crate) fn certificates(&self) -> BTreeMap<String, String> {
        let keys = self.keys();
        let certificates = keys
            .published()
            .filter_map(|key| Some((key.id(), key.certificate()?)));
        certificates
            .map(|(id, certificate)| (id.to_owned(), certificate.to_owned()))
            .collect()
    }

    /// Waits for the first key without holding up the executor.
    pub(crate) async fn ready(self: &Arc<Self>) {
        if self.keys.get().is_none() {
            let issuer = Arc::clone(self);
            let made = tokio::task::spawn_blocking(move || drop(issuer.keys())).await;
            if let Err(error) = made {
                tracing::error!(%error, "the issuer's first key was not made");
            }
        }
    }

    /// Waits until the key after the first is there, too, without holding up the executor. It is not made before, as many
    /// receivers never look.
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

    /// Makes a key outside of the lock, since signing goes on meanwhile. The key of a second concurrent caller is dropped.
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

    /// The one that signs is the first.
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
        // A laptop that slept comes back so, without any time having passed for its processes.
        assert_ne!(token_at(start + Duration::from_secs(1_800)), first);
        let later = token_at(start + Duration::from_secs(7_200));
        assert_eq!(token_at(start), first, "RS256 signs the same claims alike");
        assert_ne!(later, first);
    }
}
