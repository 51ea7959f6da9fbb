//! Headers that may occur once.

use axum::http::{HeaderMap, HeaderValue};

use super::EnvelopeError;
use crate::loggable::excerpt;

/// Returns the header's value, or `None` without one.
///
/// # Errors
/// If it occurs more than once, or is not UTF-8.
pub(super) fn once<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, EnvelopeError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(EnvelopeError::Repeated(excerpt(name)));
    }
    value.map(|value| text(name, value)).transpose()
}

/// Decodes a value as UTF-8, as Google's emulator sends attributes. The encoding of Pub/Sub is not documented.
pub(super) fn text<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str, EnvelopeError> {
    std::str::from_utf8(value.as_bytes()).map_err(|_position| EnvelopeError::NotUtf8(excerpt(name)))
}
