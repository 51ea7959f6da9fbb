//! JSON from strangers, read strictly: one object and nothing after it. What two readers could take for two things is refused.

use serde::de::DeserializeOwned;

use crate::loggable::decoding;

/// Decodes exactly one object. A field that stands there twice is refused by what `serde` derives.
///
/// # Errors
/// Where it does not fit and what was expected there, without any value.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(json).map_err(|_| "not UTF-8".to_owned())?;
    decoding::decode(text.as_bytes())
}
