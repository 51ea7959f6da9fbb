//! A token as a header value.

use hyper::header::HeaderValue;

use super::claims::LIFETIME_SECONDS;

/// Google lets one token serve many pushes, up to its whole hour; half of it leaves a receiver's clock some room.
const REUSE_SECONDS: i64 = LIFETIME_SECONDS / 2;

/// A signed token, and what decides how long pushes carry it.
#[derive(Clone)]
pub(crate) struct Bearer {
    /// `Bearer TOKEN`
    header: HeaderValue,
    /// The claim `iat`, in seconds since 1970. Receivers go by the wall clock, so the issuer does.
    issued_at: i64,
    /// The number of key rotations by then.
    rotations: u64,
}

impl Bearer {
    /// Nothing, if the token cannot be a header, which every token of ours can.
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

    /// Not issued in the future either, as it would be after the clock was set back.
    pub(super) fn is_current(&self, now: i64, rotations: u64) -> bool {
        let is_fresh = (0..REUSE_SECONDS).contains(&(now - self.issued_at));
        is_fresh && self.rotations == rotations
    }
}
