//! The headers of a push of Eventarc: a CloudEvent in binary mode, whose body is the wrapped push (Google, *Eventarc*: event format).

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::wrapped::timestamp;
use crate::messages::message::ReceivedMessage;

const VERSION: HeaderValue = HeaderValue::from_static("1.0");
const TYPE: HeaderValue = HeaderValue::from_static("google.cloud.pubsub.topic.v1.messagePublished");

/// Returns the event's source, which is the topic.
pub(super) fn source(topic: &str) -> String {
    format!("//pubsub.googleapis.com/{topic}")
}

/// Adds the event's attributes, as far as Google documents their headers. It declares `topic`, too, and shows no `ce-topic`.
pub(super) fn write_attributes(
    headers: &mut HeaderMap,
    source: &HeaderValue,
    message: &ReceivedMessage,
) {
    let name = HeaderName::from_static;
    headers.insert(name("ce-specversion"), VERSION);
    headers.insert(name("ce-type"), TYPE);
    headers.insert(name("ce-source"), source.clone());
    let own = [
        ("ce-id", message.id.as_str()),
        ("ce-time", &timestamp(message.publish_time)),
    ];
    for (header, value) in own {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name(header), value);
        }
    }
}
