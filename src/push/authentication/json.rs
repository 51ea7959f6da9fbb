//! Reads untrusted JSON strictly: exactly one object. Ambiguous JSON is rejected.

use serde::de::DeserializeOwned;

use crate::loggable::decoding;

/// Decodes exactly one object. The code that `serde` derives rejects a repeated field.
///
/// # Errors
/// If it does not fit, with the place and the expectation, and without any value.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(json).map_err(|_| "not UTF-8".to_owned())?;
    decoding::decode(text.as_bytes())
}
