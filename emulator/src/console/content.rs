//! Payloads and bodies, in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::history::Content;
use crate::messages::message::ReceivedMessage;

/// The most bytes of a payload or of a request's body that are shown.
pub(super) const MAX_SHOWN_BYTES: usize = 64 * 1024;

pub(super) fn content(content: &Content, limit: usize) -> Value {
    match content {
        Content::Kept(message) => message_content(message, limit),
        Content::Released {
            data_bytes,
            attributes,
            ordering_key,
        } => json!({
            "kept": false, "dataBytes": data_bytes, "attributeCount": attributes, "orderingKey": ordering_key,
        }),
    }
}

pub(super) fn message_content(message: &ReceivedMessage, limit: usize) -> Value {
    json!({
        "kept": true, "dataBytes": message.data.len(), "data": data(&message.data, limit),
        "attributes": message.attributes, "attributeCount": message.attributes.len(),
        "orderingKey": message.ordering_key,
    })
}

/// Returns the first bytes of some content: as text if it is text, and otherwise in Base64.
pub(super) fn data(bytes: &[u8], limit: usize) -> Value {
    let shown = bytes.get(..limit).unwrap_or(bytes);
    let (encoding, text) = match std::str::from_utf8(shown) {
        Ok(text) => ("text", text.to_owned()),
        // A character that is cut by the limit does not make it binary.
        Err(error) if error.error_len().is_none() && shown.len() < bytes.len() => {
            let whole = shown.get(..error.valid_up_to()).unwrap_or_default();
            ("text", String::from_utf8_lossy(whole).into_owned())
        }
        Err(_) => ("base64", STANDARD.encode(shown)),
    };
    json!({"encoding": encoding, "text": text, "bytes": bytes.len(), "isCut": shown.len() < bytes.len()})
}

/// Returns a request's body as it is shown.
pub(super) fn body(bytes: &[u8]) -> Value {
    data(bytes, MAX_SHOWN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], limit: usize, encoding: &str, text: &str) {
        let found = data(bytes, limit);
        assert_eq!(found["encoding"], encoding);
        assert_eq!(found["text"], text);
    }

    #[test]
    fn bytes_are_shown_as_text_if_they_are() {
        check(b"hi", 10, "text", "hi");
        check(b"", 10, "text", "");
        check(b"\xff\x00", 10, "base64", "/wA=");
        check("aß".as_bytes(), 2, "text", "a");
        check(b"a\xc3", 10, "base64", "YcM=");
        assert_eq!(data(b"hello", 2)["isCut"], true);
        assert_eq!(data(b"hello", 5)["isCut"], false);
    }
}
