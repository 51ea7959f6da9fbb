//! A token as a header value.

use hyper::header::HeaderValue;

use super::claims::LIFETIME_SECONDS;

/// Google uses one token for many pushes, up to its full hour. Half an hour tolerates a receiver's inaccurate clock.
const REUSE_SECONDS: i64 = LIFETIME_SECONDS / 2;

/// A signed token, and the facts that determine its period of use.
#[derive(Clone)]
pub(crate) struct Bearer {
    /// `Bearer TOKEN`
    header: HeaderValue,
    /// The claim `iat`, in seconds since 1970 by the machine's clock, which receivers use.
    issued_at: i64,
    /// The number of key rotations when it was signed.
    rotations: u64,
}

impl Bearer {
    /// Returns `None` if the token is not a valid header value. Tokens of this issuer always are.
    pub(super) fn new(token: &str, issued_at: i64, rotations: u64) -> Option<Self> {
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(Self {
            header,
            issued_at,
            rotations,
        })
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(super) fn token(&self) -> &str {
        let header = self.header.to_str().unwrap_or_default();
        header.trim_start_matches("Bearer ")
    }

    /// Returns true if pushes may still use the token. A token from the future, as after the clock was set back, is not used.
    pub(super) fn is_current(&self, now: i64, rotations: u64) -> bool {
        let is_fresh = (0..REUSE_SECONDS).contains(&(now - self.issued_at));
        is_fresh && self.rotations == rotations
    }
}
