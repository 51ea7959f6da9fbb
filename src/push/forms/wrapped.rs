//! Pub/Sub's default form: a JSON object with the message's data in base64 (Google, *Push subscriptions*: wrapped messages).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Malformed, NotWrapped};
use super::{EnvelopeError, check_id, parse_time};
use crate::delivery::envelope::Envelope;
use crate::loggable::decoding;

/// The wire form. Unknown keys are ignored, since Google adds new ones.
#[derive(Default, Deserialize)]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    message: Option<WireMessage<'a>>,
    subscription: Option<String>,
    #[serde(rename = "deliveryAttempt")]
    delivery_attempt: Option<Box<RawValue>>,
}

/// The wire form of a message. Google sends both spellings of id and time, always equal; one suffices.
#[derive(Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow)]
    data: Option<Text<'a>>,
    attributes: Option<BTreeMap<String, String>>,
    #[serde(rename = "messageId")]
    message_id: Option<String>,
    #[serde(rename = "message_id")]
    message_id_too: Option<String>,
    #[serde(rename = "publishTime")]
    publish_time: Option<String>,
    #[serde(rename = "publish_time")]
    publish_time_too: Option<String>,
    #[serde(rename = "orderingKey")]
    ordering_key: Option<String>,
    #[serde(rename = "ordering_key")]
    ordering_key_too: Option<String>,
}

/// A text that is borrowed from the body unless it contains an escape, since it may be as large as the body.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A complete push.
pub(super) struct Wrapped<'a> {
    message: WireMessage<'a>,
    subscription: String,
    delivery_attempt: Option<u32>,
}

impl<'a> Wire<'a> {
    pub(super) fn complete(self) -> Result<Wrapped<'a>, NotWrapped> {
        Ok(Wrapped {
            message: self.message.ok_or(NotWrapped::Missing("message"))?,
            subscription: self
                .subscription
                .ok_or(NotWrapped::Missing("subscription"))?,
            delivery_attempt: self.delivery_attempt.as_deref().and_then(number),
        })
    }
}

/// Reads a number, or a string of digits. The delivery attempt is informational, so any other value counts as none.
fn number(json: &RawValue) -> Option<u32> {
    json.get().trim_matches('"').parse().ok()
}

impl<'a> Wrapped<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, NotWrapped> {
        if body.is_empty() {
            return Err(NotWrapped::Empty);
        }
        parse::<Wire<'a>>(body)?.complete()
    }

    pub(super) fn into_envelope(self) -> Result<Envelope, EnvelopeError> {
        let message = self.message;
        let publish_time = message
            .publish_time
            .or(message.publish_time_too)
            .ok_or(EnvelopeError::Missing("message.publishTime"))?;
        let id = the_id(message.message_id, message.message_id_too)?;
        Ok(Envelope {
            subscription: self.subscription,
            message_id: id,
            publish_time: parse_time(&publish_time)?,
            data: decode(&message.data.unwrap_or_default().0)?,
            attributes: message.attributes.unwrap_or_default(),
            ordering_key: message
                .ordering_key
                .or(message.ordering_key_too)
                .filter(|key| !key.is_empty()),
            delivery_attempt: self.delivery_attempt,
            is_unwrapped: false,
        })
    }
}

/// Decodes JSON of the wire form.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    decoding::decode(body).map_err(Malformed)
}

fn the_id(one: Option<String>, other: Option<String>) -> Result<String, EnvelopeError> {
    let id = match (one, other) {
        (Some(one), Some(other)) if one != other => return Err(EnvelopeError::TwoIds),
        (one, other) => one
            .or(other)
            .ok_or(EnvelopeError::Missing("message.messageId"))?,
    };
    check_id(&id)?;
    Ok(id)
}

/// Decodes base64: in the standard alphabet as Google sends it, or in the URL alphabet, with or without padding.
pub(super) fn decode(data: &str) -> Result<Bytes, EnvelopeError> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let engine = if data.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    engine
        .decode(data)
        .map(Bytes::from)
        .map_err(|_error_with_a_byte| EnvelopeError::Data)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use serde_json::{Value, json};

    use super::super::Endpoint;
    use super::*;

    const NAME: &str = "projects/p/subscriptions/orders";

    fn read(body: impl Into<Bytes>) -> Result<Envelope, EnvelopeError> {
        super::super::read(&Endpoint::default(), &HeaderMap::new(), body.into())
    }

    fn pushed(message: &Value) -> String {
        json!({"message": message, "subscription": NAME}).to_string()
    }

    /// A push with these fields of the message changed.
    fn with(change: &Value) -> String {
        let mut message = json!({"messageId": "1", "publishTime": "2030-01-02T03:04:05Z"});
        let fields = message.as_object_mut().expect("object");
        fields.extend(change.as_object().expect("object").clone());
        pushed(&message)
    }

    #[test]
    fn a_full_push_with_unknown_fields_is_read() {
        let envelope = read(json!({
            "message": {
                "@type": "type.googleapis.com/google.pubsub.v1.PubsubMessage", "data": "aGk=", "attributes": {"k": "v"},
                "messageId": "12", "message_id": "12", "publishTime": "2030-01-02T03:04:05.678901234Z",
                "publish_time": "2030-01-02T03:04:05.678901234Z", "orderingKey": "c-9", "new": {"deep": [1]}
            },
            "subscription": NAME, "deliveryAttempt": 2, "extra": null
        }).to_string())
        .expect("a push");
        assert_eq!(envelope.data.as_ref(), b"hi");
        assert_eq!(envelope.message_id, "12");
        assert_eq!(envelope.publish_time.nanosecond(), 678_901_234);
        assert_eq!(envelope.ordering_key.as_deref(), Some("c-9"));
        assert_eq!(envelope.delivery_attempt, Some(2));
        assert_eq!(envelope.attributes.get("k").map(String::as_str), Some("v"));
    }

    fn in_snake_case() -> Value {
        json!({"message_id": "1", "publish_time": "2030-01-02T03:04:05Z", "attributes": {"a": "b"}})
    }

    #[test]
    fn data_may_be_missing_null_or_empty() {
        for data in [json!({}), json!({"data": null}), json!({"data": ""})] {
            let mut message = in_snake_case();
            let fields = message.as_object_mut().expect("object");
            fields.extend(data.as_object().expect("object").clone());
            let envelope = read(pushed(&message)).expect("a push");
            assert!(envelope.data.is_empty());
            assert!(envelope.delivery_attempt.is_none());
        }
    }

    #[test]
    fn fields_may_be_written_in_snake_case() {
        let envelope = read(pushed(&in_snake_case())).expect("a push");
        assert_eq!(envelope.message_id, "1");
    }

    #[test]
    fn a_delivery_attempt_that_is_not_a_number_is_ignored() {
        let cases = [
            ("7", Some(7)),
            (r#""7""#, Some(7)),
            ("0", Some(0)),
            ("-1", None),
            ("7.5", None),
            ("4294967296", None),
            (r#""""#, None),
            (r#""soon""#, None),
            ("true", None),
            ("null", None),
            ("[7]", None),
            (r#"{"at":7}"#, None),
        ];
        for (json, expected) in cases {
            let push =
                with(&json!({})).replacen('{', &format!(r#"{{"deliveryAttempt":{json},"#), 1);
            let attempt = read(push).expect(json).delivery_attempt;
            assert_eq!(attempt, expected, "{json}");
        }
    }

    #[test]
    fn base64_is_read_in_all_its_forms() {
        for data in ["+/8=", "+/8", "-_8=", "-_8"] {
            let envelope = read(with(&json!({"data": data}))).expect("a push");
            assert_eq!(envelope.data.as_ref(), [0xfb, 0xff]);
        }
    }

    fn refused(body: &'static str, expected: &str) {
        let text = crate::loggable::chain(&read(body).expect_err(body));
        assert!(text.contains(expected), "{text:?}");
        assert!(!text.contains("hush"), "{text:?}");
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        refused(
            r#"{"message":{},"message":{}}"#,
            "field `message` is given twice",
        );
        refused(
            r#"{"message":{"data":"","data":""}}"#,
            "field `data` is given twice",
        );
    }

    #[test]
    fn an_array_in_place_of_an_object_is_refused() {
        let expected = "expected an object, not an array";
        refused(
            r#"[{"messageId":"1"},"projects/p/subscriptions/s",1]"#,
            expected,
        );
        refused(r#"{"message":["hush"],"subscription":"s"}"#, expected);
    }

    #[test]
    fn a_body_that_is_not_a_push_is_rejected_without_its_values() {
        let check = |body: &[u8], expected: &str| {
            let text = crate::loggable::chain(&read(body.to_vec()).expect_err("no push"));
            assert!(
                text.contains(expected),
                "{text:?} does not contain {expected:?}"
            );
            assert!(!text.contains("hush"), "{text:?} quotes a value");
        };
        check(b"", "it is empty");
        check(b"hush", "if payload unwrapping, no_wrapper, is on");
        check(b"hush", "the document (line 1, column 1): not valid JSON");
        check(br#"{"message":"#, "not valid JSON");
        check(b"{\"message\":{\"data\":\"\xff\"}}", "not valid JSON");
        check(
            br#"{"message":"hush"}"#,
            "`message` (line 1, column 17): expected",
        );
        check(
            br#"{"message":{"attributes":{"k":{"hush":1}}}}"#,
            "`message.attributes.k` (line 1, column 31): expected",
        );
        check("[".repeat(100_000).as_bytes(), "not a wrapped Pub/Sub push");
        check(
            br#"{"subscription":"projects/p/subscriptions/s"}"#,
            "\"message\" is missing",
        );
        check(br#"{"message":{}}"#, "\"subscription\" is missing");
        check(
            pushed(&json!({})).as_bytes(),
            "\"message.publishTime\" is missing",
        );
        let check = |change: Value, expected| check(with(&change).as_bytes(), expected);
        check(
            json!({"messageId": null}),
            "\"message.messageId\" is missing",
        );
        check(json!({"data": "hush!"}), "\"data\" is not base64");
        check(json!({"message_id": "2"}), "two ids");
        check(json!({"messageId": ""}), "0 bytes");
        check(json!({"messageId": "1".repeat(513)}), "513 bytes");
        check(json!({"publishTime": "hush"}), "not RFC 3339");
    }
}
