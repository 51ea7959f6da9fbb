//! Fingerprints of payloads, for messages with the same key.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

/// The first 64 bits of a payload's SHA-256. Its text form has 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Computes the fingerprint of a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        let hash = digest(&SHA256, payload);
        let mut first = [0; 8];
        first
            .iter_mut()
            .zip(hash.as_ref())
            .for_each(|(byte, from)| *byte = *from);
        Self(u64::from_be_bytes(first))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}
