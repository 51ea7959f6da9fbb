//! Pub/Sub's own form: a JSON object with the message's data in base64 (Google, *Push subscriptions*: wrapped messages).

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;

use super::{Envelope, EnvelopeError, check_id, parse_time};

/// Why something is not a wrapped push at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotWrapped {
    #[error("it is empty")]
    Empty,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("field {0:?} is missing")]
    Missing(&'static str),
}

/// JSON that cannot be read. The texts of `serde_json` may quote values; its places and categories do not.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub(crate) struct Malformed {
    line: usize,
    column: usize,
    what: &'static str,
}

/// The wire form; unknown keys are ignored, as Google adds some.
#[derive(Default, Deserialize)]
pub(super) struct Wire {
    message: Option<WireMessage>,
    subscription: Option<String>,
    #[serde(rename = "deliveryAttempt")]
    delivery_attempt: Option<u32>,
}

/// Both spellings of id and time are on the wire, always equal; either will do.
#[derive(Deserialize)]
struct WireMessage {
    data: Option<String>,
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

/// What has the parts of a push.
pub(super) struct Wrapped {
    message: WireMessage,
    subscription: String,
    delivery_attempt: Option<u32>,
}

impl Wire {
    pub(super) fn complete(self) -> Result<Wrapped, NotWrapped> {
        Ok(Wrapped {
            message: self.message.ok_or(NotWrapped::Missing("message"))?,
            subscription: self
                .subscription
                .ok_or(NotWrapped::Missing("subscription"))?,
            delivery_attempt: self.delivery_attempt,
        })
    }
}

impl Wrapped {
    pub(super) fn parse(body: &[u8]) -> Result<Self, NotWrapped> {
        if body.is_empty() {
            return Err(NotWrapped::Empty);
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|error| Malformed::from(&error))?;
        wire.complete()
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
            message_id: Some(id.clone()),
            known_as: id,
            publish_time: parse_time(&publish_time)?,
            data: decode(message.data.unwrap_or_default())?,
            attributes: message.attributes.unwrap_or_default(),
            ordering_key: message
                .ordering_key
                .or(message.ordering_key_too)
                .filter(|key| !key.is_empty()),
            delivery_attempt: self.delivery_attempt,
        })
    }
}

impl From<&serde_json::Error> for Malformed {
    fn from(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "not valid JSON",
            serde_json::error::Category::Data | serde_json::error::Category::Io => {
                "a field has the wrong type or stands there twice"
            }
        };
        Self {
            line: error.line(),
            column: error.column(),
            what,
        }
    }
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

/// Standard base64 as Google sends it, lenient about padding; the URL alphabet as hand-made requests sometimes have it.
pub(super) fn decode(data: String) -> Result<Bytes, EnvelopeError> {
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
        .map_err(|_quotes_a_byte| EnvelopeError::Data)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NAME: &str = "projects/p/subscriptions/orders";

    fn parse(body: &Value) -> Result<Envelope, EnvelopeError> {
        Envelope::parse(None, body.to_string().as_bytes())
    }

    fn pushed(message: Value) -> Value {
        json!({"message": message, "subscription": NAME})
    }

    #[test]
    fn a_full_push_is_read_whatever_else_it_holds() {
        let envelope = parse(&json!({
            "message": {
                "@type": "type.googleapis.com/google.pubsub.v1.PubsubMessage", "data": "aGk=", "attributes": {"k": "v"},
                "messageId": "12", "message_id": "12", "publishTime": "2030-01-02T03:04:05.678901234Z",
                "publish_time": "2030-01-02T03:04:05.678901234Z", "orderingKey": "c-9", "new": {"deep": [1]}
            },
            "subscription": NAME, "deliveryAttempt": 2, "extra": null
        }))
        .expect("a push");
        assert_eq!(
            (envelope.data.as_ref(), envelope.message_id.as_str()),
            (b"hi".as_slice(), "12")
        );
        assert_eq!(
            (envelope.ordering_key.as_deref(), envelope.delivery_attempt),
            (Some("c-9"), Some(2))
        );
        assert_eq!(envelope.attributes.get("k").map(String::as_str), Some("v"));
    }

    #[test]
    fn data_may_be_missing_null_or_empty_and_either_spelling_will_do() {
        for data in [json!({}), json!({"data": null}), json!({"data": ""})] {
            let mut message = json!({"message_id": "1", "publish_time": "2030-01-02T03:04:05Z", "attributes": {"a": "b"}});
            message
                .as_object_mut()
                .expect("object")
                .extend(data.as_object().expect("object").clone());
            let envelope = parse(&pushed(message)).expect("a push");
            assert!(
                envelope.data.is_empty()
                    && envelope.message_id == "1"
                    && envelope.delivery_attempt.is_none()
            );
        }
    }

    #[test]
    fn base64_is_read_with_and_without_padding_and_in_both_alphabets() {
        for data in ["+/8=", "+/8", "-_8=", "-_8"] {
            let message =
                json!({"data": data, "messageId": "1", "publishTime": "2030-01-02T03:04:05Z"});
            assert_eq!(
                parse(&pushed(message)).expect("a push").data.as_ref(),
                [0xfb, 0xff]
            );
        }
    }

    #[test]
    fn what_is_no_push_is_refused_with_its_place_and_never_a_value() {
        let check = |body: &[u8], expected: &str| {
            let text = Envelope::parse(None, body)
                .expect_err("no push")
                .to_string();
            assert!(
                text.contains(expected),
                "{text:?} does not say {expected:?}"
            );
            assert!(!text.contains("hush"), "{text:?} quotes a value");
        };
        check(b"", "body is empty");
        check(b"hush", "line 1, column 1: not valid JSON");
        check(br#"{"message":"#, "it ends too early");
        check(b"{\"message\":{\"data\":\"\xff\"}}", "not valid JSON");
        check(br#"{"message":"hush"}"#, "wrong type");
        check(
            br#"{"message":{"attributes":{"k":{"hush":1}}}}"#,
            "wrong type",
        );
        check("[".repeat(100_000).as_bytes(), "not a wrapped Pub/Sub push");
        check(
            br#"{"subscription":"projects/p/subscriptions/s"}"#,
            "\"message\" is missing",
        );
        check(br#"{"message":{}}"#, "\"subscription\" is missing");
        check(
            &pushed(json!({})).to_string().into_bytes(),
            "\"message.publishTime\" is missing",
        );
        let message = |change: Value| {
            let mut message = json!({"messageId": "1", "publishTime": "2030-01-02T03:04:05Z"});
            message
                .as_object_mut()
                .expect("object")
                .extend(change.as_object().expect("object").clone());
            pushed(message).to_string().into_bytes()
        };
        check(&message(json!({"data": "hush!"})), "\"data\" is not base64");
        check(&message(json!({"message_id": "2"})), "two ids");
        check(&message(json!({"messageId": ""})), "0 bytes");
        check(&message(json!({"messageId": "1".repeat(513)})), "513 bytes");
        check(&message(json!({"publishTime": "hush"})), "not RFC 3339");
    }

    #[test]
    fn a_path_must_name_the_subscription_of_the_body() {
        let body =
            pushed(json!({"messageId": "1", "publishTime": "2030-01-02T03:04:05Z"})).to_string();
        assert!(Envelope::parse(Some("orders"), body.as_bytes()).is_ok());
        let error =
            Envelope::parse(Some("other"), body.as_bytes()).expect_err("another subscription");
        assert!(matches!(error, EnvelopeError::OtherSubscription { .. }));
        for name in [
            "orders",
            "projects/p/topics/t",
            "projects//subscriptions/s",
            "projects/p/subscriptions/a/b",
        ] {
            let body = json!({"message": {}, "subscription": name}).to_string();
            assert!(
                matches!(
                    Envelope::parse(None, body.as_bytes()),
                    Err(EnvelopeError::SubscriptionName(_))
                ),
                "{name}"
            );
        }
    }
}
