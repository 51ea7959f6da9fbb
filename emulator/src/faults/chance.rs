//! Random decisions that depend only on their subject.
//!
//! A decision is the SHA-256 of its subject. The numbers of a shared generator would depend on the order of tasks. The
//! small generator of `rand` and the hasher of the standard library may change between versions and machines. A hash does
//! not, and takes a microsecond.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use super::FaultsError;

/// The subject of a decision.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) seed: u64,
    pub(super) subscription: &'a str,
    /// The number of the message in the subscription.
    pub(super) nth: u64,
    /// The delivery attempt; 0 for decisions that hold for all attempts.
    pub(super) attempt: u32,
}

impl Place<'_> {
    /// Returns a number that depends only on the place and the kind of fault, and is unrelated to all others.
    pub(super) fn draw(self, kind: &str) -> u64 {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.seed.to_be_bytes());
        hash.update(&self.nth.to_be_bytes());
        hash.update(&self.attempt.to_be_bytes());
        // A zero ends the kind, which contains none, so that different places have different bytes.
        hash.update(kind.as_bytes());
        hash.update(&[0]);
        hash.update(self.subscription.as_bytes());
        let digest = hash.finish();
        let half = digest.as_ref().iter().take(8);
        half.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Returns true with this probability.
    pub(super) fn happens(self, kind: &str, probability: f64) -> bool {
        self.fraction(kind) < probability
    }

    /// Returns a time from `min` to `max`.
    pub(super) fn between(self, kind: &str, min: Duration, max: Duration) -> Duration {
        min + max.saturating_sub(min).mul_f64(self.fraction(kind))
    }

    /// Returns one of the first `count` numbers.
    pub(super) fn below(self, kind: &str, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw(kind) % count).unwrap_or_default()
    }

    /// Returns a number from 0 up to, but not including, 1. So a probability of 0 means never, and 1 means always.
    fn fraction(self, kind: &str) -> f64 {
        // A float holds 53 bits exactly.
        (self.draw(kind) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(super) fn check(field: &'static str, probability: f64) -> Result<(), FaultsError> {
    if (0.0..=1.0).contains(&probability) {
        return Ok(());
    }
    Err(FaultsError::new(field, probability, "0 to 1"))
}
