//! A message of a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_saphyr::Location;

use super::document::MessageEntry;
use super::json;
use crate::messages::message::{Message, check_request};

/// Returns a message of the file `text`, or the place and the reason of an error. The place is `None` if the error
/// concerns the whole message.
pub(super) fn read(entry: MessageEntry, text: &str) -> Result<Message, (Option<Location>, String)> {
    let message = Message {
        data: data(&entry, text)?,
        attributes: entry.attributes,
        ordering_key: entry.ordering_key,
    };
    match check_request(std::slice::from_ref(&message)) {
        Ok(()) => Ok(message),
        Err(error) => Err((None, error.to_string())),
    }
}

fn data(entry: &MessageEntry, file: &str) -> Result<Bytes, (Option<Location>, String)> {
    match (&entry.json, &entry.text, &entry.base64) {
        (None, None, None) => Ok(Bytes::new()),
        (Some(json), None, None) => json::write(json, file).map(Bytes::from),
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
