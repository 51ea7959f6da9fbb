//! Signs the ID tokens that pushes carry, publishes the keys to check them by, and forges tokens that must be refused.

mod claims;
mod forgery;
mod key;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use time::OffsetDateTime;

pub use self::claims::Claim;
use self::claims::{Claims, LIFETIME_SECONDS};
pub use self::forgery::Forgery;
pub(crate) use self::key::JsonWebKeySet;
use self::key::{KeyError, SigningKey};

/// Where the keys are, as at Google (Google, *OpenID Connect*, discovery document, `jwks_uri`).
pub(crate) const KEYS_PATH: &str = "/oauth2/v3/certs";

/// Google lets one token serve many pushes, up to its whole hour; half of it leaves a receiver's clock some room.
const REUSE_SECONDS: i64 = LIFETIME_SECONDS / 2;
/// Pairs of e-mail and audience whose token is kept.
const MAX_KEPT_TOKENS: usize = 1_000;

/// The issuer of one emulator; it has its own keys, so nothing it signs is good anywhere else.
pub struct Issuer {
    url: String,
    keys: OnceLock<Mutex<KeyRing>>,
}

/// The key that signs, the one before it, and the tokens signed so far, by e-mail and audience.
#[derive(Default)]
struct KeyRing {
    /// Nothing only if no key could be made, which is tried again when one is needed.
    current: Option<SigningKey>,
    previous: Option<SigningKey>,
    tokens: HashMap<(String, String), KeptToken>,
}

struct KeptToken {
    token: String,
    /// The claim `iat`, in seconds since 1970. Receivers go by the wall clock, so the issuer does.
    issued_at: i64,
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

    /// The token that a push for this service account and audience carries; the same one for half an hour. Empty, and so
    /// refused everywhere, if the system cannot make a key; the log says why.
    #[must_use]
    pub fn token(&self, email: &str, audience: &str) -> String {
        self.token_at(OffsetDateTime::now_utc(), email, audience)
    }

    fn token_at(&self, now: OffsetDateTime, email: &str, audience: &str) -> String {
        let now = now.unix_timestamp();
        let mut keys = self.keys();
        let subject = (email.to_owned(), audience.to_owned());
        if let Some(kept) = keys.tokens.get(&subject)
            && kept.is_good(now)
        {
            return kept.token.clone();
        }
        let Some(key) = &keys.current else {
            return String::new();
        };
        let token = key.sign(&Claims::new(now, &self.url, email, audience));
        if keys.tokens.len() >= MAX_KEPT_TOKENS {
            keys.tokens.clear();
        }
        let kept = KeptToken {
            token: token.clone(),
            issued_at: now,
        };
        keys.tokens.insert(subject, kept);
        token
    }

    /// A token that a careful receiver must refuse, for the given reason alone: all else about it is right.
    #[must_use]
    pub fn forged(&self, forgery: Forgery, email: &str, audience: &str) -> String {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let claims = Claims::new(now, &self.url, email, audience);
        let keys = self.keys();
        let forged = keys.current.as_ref().map(|key| forgery.forge(key, claims));
        forged
            .transpose()
            .unwrap_or_else(no_key)
            .unwrap_or_default()
    }

    /// Signs with a new key from now on. The key before stays published until the next rotation, so tokens already sent
    /// stay good. Takes as long as making a key; if none can be made, the old one goes on, and the log says why.
    pub fn rotate(&self) {
        let next = SigningKey::generate().map_or_else(no_key, Some);
        let mut keys = self.keys();
        if next.is_some() {
            keys.previous = std::mem::replace(&mut keys.current, next);
            keys.tokens.clear();
        }
    }

    /// The published keys, the signing one first.
    pub(crate) fn published(&self) -> JsonWebKeySet {
        let keys = self.keys();
        let published = keys.current.iter().chain(&keys.previous);
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
            current: SigningKey::generate().map_or_else(no_key, Some),
            ..Self::default()
        }
    }
}

impl KeptToken {
    /// Not issued in the future either, as it would be after the clock was set back.
    fn is_good(&self, now: i64) -> bool {
        (0..REUSE_SECONDS).contains(&(now - self.issued_at))
    }
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
        let token_at = |now| issuer.token_at(now, "push@shop.example", "audience");
        let first = token_at(start);
        assert_eq!(token_at(start + Duration::from_secs(1_799)), first);
        // A laptop that slept comes back so, without any time having passed for its processes.
        assert_ne!(token_at(start + Duration::from_secs(1_800)), first);
        let later = token_at(start + Duration::from_secs(7_200));
        assert_eq!(token_at(start), first, "RS256 signs the same claims alike");
        assert_ne!(later, first);
    }
}
