//! Random decisions that depend on their subject only.
//!
//! A decision is the SHA-256 of its subject. The numbers of a shared generator would depend on the order of tasks. The small
//! generator of `rand` and the hasher of the standard library are not stable over versions and machines. A hash is, and costs
//! a microsecond beside a request.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use super::FaultsError;

/// The subject of a decision.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) seed: u64,
    pub(super) subscription: &'a str,
    /// Which message of the subscription.
    pub(super) nth: u64,
    /// Which of its deliveries; 0 for what is decided once for all of them.
    pub(super) attempt: u32,
}

impl Place<'_> {
    /// A number that is the same for the same place and kind of fault, and unrelated to all others.
    pub(super) fn draw(self, kind: &str) -> u64 {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.seed.to_be_bytes());
        hash.update(&self.nth.to_be_bytes());
        hash.update(&self.attempt.to_be_bytes());
        // A zero ends the kind, which has none, so that no two places are the same bytes.
        hash.update(kind.as_bytes());
        hash.update(&[0]);
        hash.update(self.subscription.as_bytes());
        let digest = hash.finish();
        let half = digest.as_ref().iter().take(8);
        half.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Returns true if it happens here.
    pub(super) fn happens(self, kind: &str, probability: f64) -> bool {
        self.fraction(kind) < probability
    }

    /// A time from `min` to `max`.
    pub(super) fn between(self, kind: &str, min: Duration, max: Duration) -> Duration {
        min + max.saturating_sub(min).mul_f64(self.fraction(kind))
    }

    /// One of the first `count` numbers.
    pub(super) fn below(self, kind: &str, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw(kind) % count).unwrap_or_default()
    }

    /// From 0 up to, but not, 1: so a probability of 0 never happens, and one of 1 always does.
    fn fraction(self, kind: &str) -> f64 {
        // 53 bits are what a float holds exactly.
        (self.draw(kind) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(super) fn check(field: &'static str, probability: f64) -> Result<(), FaultsError> {
    if (0.0..=1.0).contains(&probability) {
        return Ok(());
    }
    Err(FaultsError::new(field, probability, "0 to 1"))
}
