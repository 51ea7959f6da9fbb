//! Hashes as names.

use aws_lc_rs::digest::{SHA256, digest};

/// Returns the first 128 bits of the SHA-256 of these bytes as hexadecimal digits.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hex::encode(hash.as_ref().get(..16).unwrap_or_default())
}
