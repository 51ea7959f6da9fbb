//! The headers of an unwrapped push with metadata.

use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::wrapped::timestamp;
use crate::messages::message::ReceivedMessage;

/// The prefix of headers that only Pub/Sub sends (Google, *NoWrapper*, `writeMetadata`).
const PREFIX: &str = "x-goog-";
/// Header names that no attribute can set: they identify the pusher, the target or the length of the request, or belong to
/// the connection (RFC 9110, section 7.6.1).
const RESERVED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "proxy-connection",
    // Cloud Run takes the pusher's token from it rather than from `Authorization` (Google, *Authenticating service-to-service*).
    "x-serverless-authorization",
];

/// Adds the fields of the message as `x-goog-pubsub-…` and every attribute under its own name (Google, *NoWrapper*,
/// `writeMetadata`). The attribute `Content-Type` becomes that of the request (Google, *Payload unwrapping*).
///
/// Metadata that is not a valid header is left out. Google's behaviour is not documented.
pub(super) fn write_metadata(
    headers: &mut HeaderMap,
    subscription: &HeaderValue,
    message: &ReceivedMessage,
) {
    for (key, value) in &message.attributes {
        let Some((name, value)) = header(key, value) else {
            continue;
        };
        if name == CONTENT_TYPE {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    let time = timestamp(message.publish_time);
    let name = HeaderName::from_static;
    headers.insert(
        name("x-goog-pubsub-subscription-name"),
        subscription.clone(),
    );
    let mut insert = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(name("x-goog-pubsub-message-id"), &message.id);
    insert(name("x-goog-pubsub-publish-time"), &time);
    if !message.ordering_key.is_empty() {
        insert(name("x-goog-pubsub-ordering-key"), &message.ordering_key);
    }
}

/// Returns an attribute as a header, if it is a valid one. Characters beyond ASCII are sent as UTF-8.
fn header(key: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(key.as_bytes()).ok()?;
    let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
    (!is_reserved(name.as_str())).then_some((name, value))
}

/// Returns true if no attribute can set this header. Header names are in lower case, whatever the case of the key.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with(PREFIX) || name.starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::message::Message;
    use time::macros::datetime;

    fn written(message: Message) -> HeaderMap {
        let message = ReceivedMessage::new(77, message, datetime!(2030-01-02 03:04:05.678 UTC));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("a/default"));
        let subscription = HeaderValue::from_static("projects/shop/subscriptions/orders");
        write_metadata(&mut headers, &subscription, &message);
        headers
    }

    #[test]
    fn all_but_the_data_of_a_message_is_headers() {
        let message = Message::new("hi")
            .with_attribute("Kind", "order")
            .with_attribute("city", "Zürich")
            .with_attribute("traceparent", "00-1-2-01")
            .with_ordering_key("customer-9");
        let headers = written(message);
        for (name, value) in [
            (
                "x-goog-pubsub-subscription-name",
                "projects/shop/subscriptions/orders",
            ),
            ("x-goog-pubsub-message-id", "77"),
            ("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.678Z"),
            ("x-goog-pubsub-ordering-key", "customer-9"),
            ("kind", "order"),
            ("city", "Zürich"),
            ("traceparent", "00-1-2-01"),
            ("content-type", "a/default"),
        ] {
            assert_eq!(headers[name].as_bytes(), value.as_bytes(), "{name}");
        }
        assert_eq!(headers.len(), 8);
    }

    #[test]
    fn an_empty_ordering_key_is_no_header() {
        assert_eq!(written(Message::new("hi")).len(), 4);
    }

    #[test]
    fn the_attribute_content_type_is_that_of_the_request() {
        for key in ["Content-Type", "content-type"] {
            let headers = written(Message::new("<a/>").with_attribute(key, "text/xml"));
            let types: Vec<_> = headers.get_all(CONTENT_TYPE).iter().collect();
            assert_eq!(types, ["text/xml"]);
        }
    }

    fn check_left_out(key: &str, value: &str) {
        let headers = written(Message::new("hi").with_attribute(key, value));
        assert_eq!(headers, written(Message::new("hi")), "{key}: {value:?}");
    }

    #[test]
    fn an_attribute_cannot_speak_for_pubsub_or_end_a_request() {
        for name in RESERVED {
            check_left_out(name, "1");
            check_left_out(&name.to_uppercase(), "1");
        }
        for name in [
            "Proxy-Authorization",
            "X-Goog-PubSub-Message-Id",
            "x-goog-ordering-key",
            "X-Serverless-Authorization",
        ] {
            check_left_out(name, "1");
        }
    }

    #[test]
    fn what_cannot_be_said_in_a_header_is_left_out() {
        for key in ["two words", "grün", "a:b", "a\r\nauthorization"] {
            check_left_out(key, "1");
        }
        for value in ["two\nlines", "1\r\nauthorization: Bearer x", "\0"] {
            check_left_out("kind", value);
        }
        let headers = written(Message::new("hi").with_ordering_key("two\nlines"));
        assert_eq!(headers.get("x-goog-pubsub-ordering-key"), None);
    }
}
