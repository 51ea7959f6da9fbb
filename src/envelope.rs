//! From the body of a push to one [`Envelope`], whatever form Pub/Sub sent.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::excerpt::excerpt;

/// Ids are keys in the store. Google's have at most 20 digits today, and are documented as opaque.
const ID_LIMIT_BYTES: usize = 512;

/// A project's id has at most 30 characters, a subscription's 255 (Google, *Subscription*, `name`).
const NAME_LIMIT_BYTES: usize = 512;

/// One message as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The full name, `projects/P/subscriptions/S`.
    pub(crate) subscription: String,
    pub(crate) message_id: String,
    pub(crate) publish_time: OffsetDateTime,
    pub(crate) data: Bytes,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) ordering_key: Option<String>,
    pub(crate) delivery_attempt: Option<u32>,
}

/// Why a body is not a push. The text names places and expectations, never data or attribute values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EnvelopeError {
    #[error(
        "body is empty, expected a wrapped Pub/Sub push: a JSON object with \"message\" and \"subscription\""
    )]
    Empty,
    #[error("body is not a wrapped Pub/Sub push at line {line}, column {column}: {what}")]
    NotAPush {
        line: usize,
        column: usize,
        what: &'static str,
    },
    #[error(
        "field {0:?} is missing, expected as in Google's PubsubMessage: is payload unwrapping (no_wrapper) on?"
    )]
    Missing(&'static str),
    #[error("the message has two ids, \"messageId\" and \"message_id\", and they differ")]
    TwoIds,
    #[error("the message id has {0} bytes, expected 1 to {ID_LIMIT_BYTES}")]
    IdLength(usize),
    #[error("the publish time is not RFC 3339")]
    PublishTime(#[source] time::error::Parse),
    #[error("\"data\" is not base64")]
    Data,
    #[error("subscription is {0:?}, expected projects/PROJECT/subscriptions/NAME")]
    SubscriptionName(String),
    #[error("the path names subscription {path:?}, but the body {body:?}: check the push endpoint")]
    OtherSubscription { path: String, body: String },
}

/// The wire form (Google, *Push subscriptions*: wrapped messages; unknown keys are ignored, as Google adds some).
#[derive(Deserialize)]
struct Wrapped {
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

impl Envelope {
    /// Reads a wrapped push. `path` is the subscription's short name, where the endpoint's path gives one.
    ///
    /// # Errors
    /// When the body is no push, or one for another subscription than the path says.
    pub(crate) fn parse(path: Option<&str>, body: &[u8]) -> Result<Self, EnvelopeError> {
        if body.is_empty() {
            return Err(EnvelopeError::Empty);
        }
        let wrapped: Wrapped =
            serde_json::from_slice(body).map_err(|error| EnvelopeError::not_a_push(&error))?;
        let message = wrapped.message.ok_or(EnvelopeError::Missing("message"))?;
        let subscription = wrapped
            .subscription
            .ok_or(EnvelopeError::Missing("subscription"))?;
        check_name(path, &subscription)?;
        let publish_time = message
            .publish_time
            .or(message.publish_time_too)
            .ok_or(EnvelopeError::Missing("message.publishTime"))?;
        Ok(Self {
            subscription,
            message_id: the_id(message.message_id, message.message_id_too)?,
            publish_time: OffsetDateTime::parse(&publish_time, &Rfc3339)
                .map_err(EnvelopeError::PublishTime)?,
            data: decode(message.data.unwrap_or_default())?,
            attributes: message.attributes.unwrap_or_default(),
            ordering_key: message
                .ordering_key
                .or(message.ordering_key_too)
                .filter(|key| !key.is_empty()),
            delivery_attempt: wrapped.delivery_attempt,
        })
    }
}

impl EnvelopeError {
    /// The texts of `serde_json` may quote values; its places and categories do not.
    fn not_a_push(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "not valid JSON",
            serde_json::error::Category::Data | serde_json::error::Category::Io => {
                "a field has the wrong type or stands there twice"
            }
        };
        Self::NotAPush {
            line: error.line(),
            column: error.column(),
            what,
        }
    }
}

fn check_name(path: Option<&str>, subscription: &str) -> Result<(), EnvelopeError> {
    let parts: Vec<&str> = subscription.split('/').collect();
    let ["projects", project, "subscriptions", id] = parts.as_slice() else {
        return Err(EnvelopeError::SubscriptionName(excerpt(subscription)));
    };
    if project.is_empty() || id.is_empty() || subscription.len() > NAME_LIMIT_BYTES {
        return Err(EnvelopeError::SubscriptionName(excerpt(subscription)));
    }
    match path {
        Some(path) if path != *id => Err(EnvelopeError::OtherSubscription {
            path: excerpt(path),
            body: excerpt(subscription),
        }),
        _ => Ok(()),
    }
}

fn the_id(one: Option<String>, other: Option<String>) -> Result<String, EnvelopeError> {
    let id = match (one, other) {
        (Some(one), Some(other)) if one != other => return Err(EnvelopeError::TwoIds),
        (one, other) => one
            .or(other)
            .ok_or(EnvelopeError::Missing("message.messageId"))?,
    };
    if id.is_empty() || id.len() > ID_LIMIT_BYTES {
        Err(EnvelopeError::IdLength(id.len()))
    } else {
        Ok(id)
    }
}

/// Standard base64 as Google sends it, lenient about padding; the URL alphabet as hand-made requests sometimes have it.
fn decode(data: String) -> Result<Bytes, EnvelopeError> {
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
