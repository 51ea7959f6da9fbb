//! Eventarc's forms: a wrapped push inside a CloudEvent (Google, *Eventarc*: event format; CloudEvents 1.0, HTTP binding).
//!
//! Of the event itself only version and type are checked. Identity and metadata are those of the wrapped push.

use axum::http::HeaderMap;
use serde::Deserialize;

use super::wrapped::{Text, Wire, Wrapped, decode, parse};
use super::{EVENT_TYPE, EVENT_VERSION, EnvelopeError, header};
use crate::delivery::envelope::Envelope;
use crate::loggable::excerpt;

/// The place of the event's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the body, beside the push.
    Structured,
    /// In headers `ce-…`, of which version and type are checked; the body is the push. Eventarc's usual form.
    Binary,
}

/// The fields from which a push is recognized.
#[derive(Deserialize)]
struct Head {
    specversion: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    data: Option<Wire<'a>>,
    #[serde(borrow)]
    data_base64: Option<Text<'a>>,
}

impl Mode {
    /// Returns the mode of an event with these headers, or `None` if the request is not an event.
    ///
    /// # Errors
    /// If the event is of another type or in an unsupported format.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, EnvelopeError> {
        let content_type = header::once(headers, "content-type")?.unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => return Ok(Some(Self::Structured)),
            // Batches, XML, Protobuf and Avro.
            other if other.starts_with("application/cloudevents") => {
                return Err(EnvelopeError::EventFormat(excerpt(media_type)));
            }
            _ => {}
        }
        let version = header::once(headers, "ce-specversion")?;
        let kind = header::once(headers, "ce-type")?;
        if version.is_none() && kind.is_none() {
            return Ok(None);
        }
        check(version, kind)?;
        Ok(Some(Self::Binary))
    }
}

/// Reads the push that the event carries.
///
/// # Errors
/// If the event is of another type or carries no push.
pub(super) fn read(mode: Mode, body: &[u8]) -> Result<Envelope, EnvelopeError> {
    match mode {
        Mode::Binary => Wrapped::parse(body)
            .map_err(EnvelopeError::EventWithoutPush)?
            .into_envelope(),
        Mode::Structured => read_structured(body),
    }
}

fn read_structured(body: &[u8]) -> Result<Envelope, EnvelopeError> {
    let head: Head = parse(body).map_err(EnvelopeError::NotAnEvent)?;
    check(head.specversion.as_deref(), head.kind.as_deref())?;
    let event: Event = parse(body).map_err(EnvelopeError::NotAnEvent)?;
    let decoded;
    let wrapped = match (event.data, event.data_base64) {
        (Some(_), Some(_)) => return Err(EnvelopeError::TwoData),
        (None, Some(Text(encoded))) => {
            decoded = decode(&encoded)?;
            Wrapped::parse(&decoded)
        }
        (wire, None) => wire.unwrap_or_default().complete(),
    };
    wrapped
        .map_err(EnvelopeError::EventWithoutPush)?
        .into_envelope()
}

fn check(version: Option<&str>, kind: Option<&str>) -> Result<(), EnvelopeError> {
    if version != Some(EVENT_VERSION) {
        let found = version.map(excerpt);
        return Err(EnvelopeError::EventVersion { found });
    }
    if kind != Some(EVENT_TYPE) {
        let found = kind.map(excerpt);
        return Err(EnvelopeError::EventType { found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;

    const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");

    fn push() -> Value {
        json!({
            "message": {"data": "aGk=", "messageId": "1", "publishTime": "2030-01-02T03:04:05.678Z"},
            "subscription": "projects/p/subscriptions/orders",
        })
    }

    fn event(change: &Value) -> String {
        let mut event = json!({
            "id": "9", "source": "//pubsub.googleapis.com/projects/p/topics/orders", "specversion": EVENT_VERSION, "type": EVENT_TYPE,
            "time": "2031-01-02T03:04:05Z", "datacontenttype": "application/json", "data": push(),
        });
        let fields = event.as_object_mut().expect("object");
        fields.extend(change.as_object().expect("object").clone());
        event.to_string()
    }

    fn read_all(head: &[(&'static str, &str)], body: &str) -> Result<Envelope, EnvelopeError> {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let mode = Mode::of(&headers)?.expect("an event");
        read(mode, body.as_bytes())
    }

    #[test]
    fn the_identity_is_that_of_the_push_not_of_the_event() {
        let body = push().to_string();
        let binary = [
            ("ce-specversion", EVENT_VERSION),
            ("ce-type", EVENT_TYPE),
            ("ce-id", "9"),
            ("ce-time", "2031-01-02T03:04:05Z"),
            ("content-type", "application/json; charset=utf-8"),
        ];
        let encoded = json!({"data": null, "data_base64": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &body)});
        for (head, body) in [
            (binary.as_slice(), body),
            (&[STRUCTURED], event(&json!({}))),
            (&[STRUCTURED], event(&encoded)),
            (
                &[(
                    "content-type",
                    "Application/CloudEvents+JSON ; charset=\"UTF-8\"",
                )],
                event(&json!({})),
            ),
        ] {
            let envelope = read_all(head, &body).expect("a push");
            assert_eq!(envelope.message_id, "1");
            assert_eq!(envelope.data.as_ref(), b"hi");
            assert_eq!(envelope.publish_time.year(), 2030);
        }
    }

    fn check(head: &[(&'static str, &str)], body: &str, expected: &str) {
        let text = crate::loggable::chain(&read_all(head, body).expect_err("no push"));
        assert!(text.contains(expected), "{text:?} ({expected:?})");
        assert!(!text.contains("hush"), "{text:?} quotes a value");
    }

    #[test]
    fn headers_of_other_events_are_refused() {
        let storage = ("ce-type", "google.cloud.storage.object.v1.finalized");
        let (version, kind) = (("ce-specversion", EVENT_VERSION), ("ce-type", EVENT_TYPE));
        let old = ("ce-specversion", "0.3");
        let (found, twice) = (
            format!("type {}, expected {EVENT_TYPE:?}", storage.1),
            "more than once",
        );
        check(&[version, storage], "", &found);
        check(&[version], "", "of type (none)");
        check(&[kind], "", "specversion (none), expected \"1.0\"");
        check(&[kind, old], "", "specversion 0.3, expected");
        check(&[version, kind, kind], "", twice);
        check(&[version, version, kind], "", twice);
        check(&[STRUCTURED, STRUCTURED], "", twice);
        check(
            &[version, kind],
            "",
            "not a wrapped Pub/Sub push: it is empty",
        );
        for format in ["cloudevents-batch+json", "cloudevents+xml; charset=utf-8"] {
            let format = format!("application/{format}");
            check(&[("content-type", &format)], "[]", "one event a push");
        }
    }

    #[test]
    fn a_body_that_is_no_event_is_refused() {
        let unreadable = "body is not a CloudEvent, but its content-type is application/cloudevents+json: the document (line 1";
        check(&[STRUCTURED], "hush", unreadable);
        check(&[STRUCTURED], "[]", unreadable);
        check(&[STRUCTURED], "[]", "expected an object, not an array");
        check(
            &[STRUCTURED],
            &"{\"data\":".repeat(100_000),
            "not valid JSON",
        );
    }

    #[test]
    fn an_event_that_is_no_push_is_refused() {
        let check = |change: Value, expected| check(&[STRUCTURED], &event(&change), expected);
        let storage = "google.cloud.storage.object.v1.finalized";
        check(json!({"type": storage, "data": "hush"}), "of type google");
        check(
            json!({"specversion": "1.0.2"}),
            "specversion 1.0.2, expected",
        );
        check(json!({"data": null}), "field \"message\" is missing");
        check(json!({"data": "hush"}), "expected struct Wire");
        check(json!({"data_base64": "hush"}), "both \"data\" and");
        check(json!({"data": null, "data_base64": "?"}), "not base64");
        check(
            json!({"data": null, "data_base64": "aHVzaA=="}),
            "(line 1, column 1): not valid JSON",
        );
        for data in [
            json!([{}, "s"]),
            json!({"message": [], "subscription": "s"}),
        ] {
            check(json!({"data": data}), "expected an object, not an array");
        }
        let bare = json!({"data": {"message": {}, "subscription": "s"}});
        check(bare, "\"message.publishTime\" is missing");
    }
}
