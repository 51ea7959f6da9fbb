//! A message of a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use serde_saphyr::Location;

use super::document::MessageEntry;
use crate::message::{Message, check_request};

/// From here on, 2⁶³, a whole number may not have fit.
const LONG: f64 = 9_223_372_036_854_775_808.0;

/// The message, or where it is wrong (if that is a place of its own) and why.
pub(super) fn read(entry: MessageEntry) -> Result<Message, (Option<Location>, String)> {
    let message = Message {
        data: data(&entry)?,
        attributes: entry.attributes,
        ordering_key: entry.ordering_key,
    };
    match check_request(std::slice::from_ref(&message)) {
        Ok(()) => Ok(message),
        Err(error) => Err((None, error.to_string())),
    }
}

fn data(entry: &MessageEntry) -> Result<Bytes, (Option<Location>, String)> {
    match (&entry.json, &entry.text, &entry.base64) {
        (None, None, None) => Ok(Bytes::new()),
        (Some(json), None, None) if has_lost_digits(json) => Err((
            None,
            "json has a number beyond 64 bits, whose last digits would be lost: write the message as text".to_owned(),
        )),
        (Some(json), None, None) => Ok(Bytes::from(json.to_string())),
        (None, Some(text), None) => Ok(Bytes::from(text.clone())),
        (None, None, Some(base64)) => {
            STANDARD
                .decode(&base64.value)
                .map(Bytes::from)
                .map_err(|_| {
                    let text = "base64 is not Base64 with padding, such as \"aGk=\"".to_owned();
                    (Some(base64.referenced), text)
                })
        }
        _ => Err((
            None,
            "a message has several of json, text and base64, expected one".to_owned(),
        )),
    }
}

/// Whether a whole number was too long, and has become one with a fraction.
fn has_lost_digits(json: &Value) -> bool {
    match json {
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            number.fract() == 0.0 && number.abs() >= LONG
        }
        Value::Array(values) => values.iter().any(has_lost_digits),
        Value::Object(values) => values.values().any(has_lost_digits),
        _ => false,
    }
}
