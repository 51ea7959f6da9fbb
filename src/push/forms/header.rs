//! A header that may stand there once.

use axum::http::{HeaderMap, HeaderValue};

use super::EnvelopeError;
use crate::loggable::excerpt;

/// The header's value, if it is there.
///
/// # Errors
/// When it stands there more than once, or is not UTF-8.
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

/// Google's emulator sends attribute values as UTF-8; no document says what Pub/Sub does.
pub(super) fn text<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str, EnvelopeError> {
    std::str::from_utf8(value.as_bytes())
        .map_err(|_its_place_is_of_no_use| EnvelopeError::NotUtf8(excerpt(name)))
}
