//! Eventarc's forms: a wrapped push inside a CloudEvent (Google, *Eventarc*: event format; CloudEvents 1.0, HTTP binding).
//!
//! Only that it is the right kind of event is read from the event. Identity and metadata are the wrapped push's.

use axum::http::HeaderMap;
use serde::Deserialize;

use super::wrapped::{Malformed, Wire, Wrapped, decode};
use super::{Envelope, EnvelopeError, header};
use crate::excerpt::excerpt;

pub(super) const VERSION: &str = "1.0";
pub(super) const TYPE: &str = "google.cloud.pubsub.topic.v1.messagePublished";

/// Where the event's attributes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the body, beside the push.
    Structured,
    /// In headers `ce-…`, of which the two that matter were checked; the body is the push. Eventarc's usual form.
    Binary,
}

/// Enough to tell whether the data is a push.
#[derive(Deserialize)]
struct Head {
    specversion: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    data: Option<Wire>,
    data_base64: Option<String>,
}

impl Mode {
    /// The mode of the event with these headers, if it is one.
    ///
    /// # Errors
    /// When it is an event that is not ours, or one in a format that is not read.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, EnvelopeError> {
        let content_type = header::once(headers, "content-type")?.unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => return Ok(Some(Self::Structured)),
            // A batch, or XML, Protobuf, Avro.
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
/// When it is an event that is not ours, or carries no push.
pub(super) fn read(mode: Mode, body: &[u8]) -> Result<Envelope, EnvelopeError> {
    let wrapped = match mode {
        Mode::Binary => Wrapped::parse(body),
        Mode::Structured => {
            let head: Head = parse(body)?;
            check(head.specversion.as_deref(), head.kind.as_deref())?;
            let event: Event = parse(body)?;
            match (event.data, event.data_base64) {
                (Some(_), Some(_)) => return Err(EnvelopeError::TwoData),
                (None, Some(encoded)) => Wrapped::parse(&decode(encoded)?),
                (wire, None) => wire.unwrap_or_default().complete(),
            }
        }
    };
    wrapped
        .map_err(EnvelopeError::EventWithoutPush)?
        .into_envelope()
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, EnvelopeError> {
    serde_json::from_slice(body).map_err(|error| EnvelopeError::NotAnEvent(Malformed::from(&error)))
}

fn check(version: Option<&str>, kind: Option<&str>) -> Result<(), EnvelopeError> {
    if version != Some(VERSION) {
        let found = version.map(excerpt);
        return Err(EnvelopeError::EventVersion { found });
    }
    if kind != Some(TYPE) {
        let found = kind.map(excerpt);
        return Err(EnvelopeError::EventType { found });
    }
    Ok(())
}
