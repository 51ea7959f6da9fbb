//! Signs the ID tokens that pushes carry, publishes the keys to check them by, and forges tokens that must be refused.

mod claims;
mod forgery;
mod key;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use self::claims::Claim;
use self::claims::Claims;
pub use self::forgery::Forgery;
pub(crate) use self::key::JsonWebKeySet;
use self::key::SigningKey;

/// Where the keys are, as at Google (Google, *OpenID Connect*, discovery document, `jwks_uri`).
pub(crate) const KEYS_PATH: &str = "/oauth2/v3/certs";

/// Google lets one token serve many pushes, up to its whole hour; half of it leaves a receiver's clock some room.
const REUSE: Duration = Duration::from_secs(30 * 60);
/// Pairs of e-mail and audience whose token is kept.
const MAX_KEPT_TOKENS: usize = 1_000;

/// The issuer of one emulator; it has its own keys, so nothing it signs is good anywhere else.
pub struct Issuer {
    url: String,
    keys: OnceLock<Mutex<KeyRing>>,
}

/// The key that signs, the one before it, and the tokens signed so far.
struct KeyRing {
    current: SigningKey,
    previous: Option<SigningKey>,
    tokens: HashMap<(String, String), (String, Instant)>,
}

impl Issuer {
    /// The first key is made by whoever asks first, since making one takes longer than starting everything else.
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            keys: OnceLock::new(),
        }
    }

    /// The claim `iss`, and where the discovery document is: `http://HOST:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the keys are, as a JWKS.
    #[must_use]
    pub fn keys_url(&self) -> String {
        format!("{}{KEYS_PATH}", self.url)
    }

    /// The token that a push for this service account and audience carries; the same one for half an hour.
    #[must_use]
    pub fn token(&self, email: &str, audience: &str) -> String {
        let mut keys = self.keys();
        let subject = (email.to_owned(), audience.to_owned());
        if let Some((token, signed)) = keys.tokens.get(&subject)
            && signed.elapsed() < REUSE
        {
            return token.clone();
        }
        let token = keys.current.sign(&Claims::new(&self.url, email, audience));
        if keys.tokens.len() >= MAX_KEPT_TOKENS {
            keys.tokens.clear();
        }
        keys.tokens.insert(subject, (token.clone(), Instant::now()));
        token
    }

    /// A token that every receiver must refuse, for the given reason alone: all else about it is right.
    #[must_use]
    pub fn forged(&self, forgery: Forgery, email: &str, audience: &str) -> String {
        let claims = Claims::new(&self.url, email, audience);
        forgery.forge(&self.keys().current, claims)
    }

    /// Signs with a new key from now on. The key before stays published until the next rotation, so tokens already sent
    /// stay good. Takes as long as making a key.
    pub fn rotate(&self) {
        let next = SigningKey::generate();
        let mut keys = self.keys();
        keys.previous = Some(std::mem::replace(&mut keys.current, next));
        keys.tokens.clear();
    }

    /// The published keys, the signing one first.
    pub(crate) fn published(&self) -> JsonWebKeySet {
        let keys = self.keys();
        let published = std::iter::once(&keys.current).chain(&keys.previous);
        JsonWebKeySet {
            keys: published.map(SigningKey::published).collect(),
        }
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

    fn keys(&self) -> MutexGuard<'_, KeyRing> {
        let keys = self.keys.get_or_init(|| {
            Mutex::new(KeyRing {
                current: SigningKey::generate(),
                previous: None,
                tokens: HashMap::new(),
            })
        });
        keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
