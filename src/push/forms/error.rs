//! The reasons why a request is not a push.

use super::{ATTRIBUTE_LIMIT, EVENT_TYPE, EVENT_VERSION, ID_LIMIT_BYTES};

/// The reason why a request is not a push. The text names places and expectations, never data or attribute values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EnvelopeError {
    #[error(
        "body is not a wrapped Pub/Sub push (if payload unwrapping, no_wrapper, is on: turn write_metadata on, or declare \
         the subscriber .unwrapped() with Idempotency by a payload key and push to /push/SUBSCRIPTION)"
    )]
    NotWrapped(#[source] NotWrapped),
    #[error("field {0:?} is missing, expected as in Google's PubsubMessage")]
    Missing(&'static str),
    #[error("the message has two ids, \"messageId\" and \"message_id\", that differ")]
    TwoIds,
    #[error("the message id has {0} bytes, expected 1 to {ID_LIMIT_BYTES}")]
    IdLength(usize),
    #[error("the message id contains the character NUL")]
    NulInId,
    #[error("the publish time is not RFC 3339")]
    PublishTime(#[source] time::error::Parse),
    #[error("\"data\" is not base64")]
    Data,
    #[error("subscription is {0:?}, expected projects/PROJECT/subscriptions/NAME")]
    SubscriptionName(String),
    #[error(
        "the path names subscription {path:?}, but the push is from {found:?}: check the push endpoint, or, if Eventarc owns \
         the subscription, declare the subscriber .eventarc() and let the trigger send CloudEvents"
    )]
    OtherSubscription { path: String, found: String },
    #[error(
        "Eventarc's subscription is {found:?}, expected one of the project of {expected:?}: check GOOGLE_CLOUD_PROJECT and the trigger's destination"
    )]
    OtherProject { found: String, expected: String },
    #[error(
        "header {0:?} occurs more than once, expected once: an attribute of that name may have added one"
    )]
    Repeated(String),
    #[error("the value of header {0:?} is not UTF-8")]
    NotUtf8(String),
    #[error(
        "header {0:?} is missing, but other metadata of an unwrapped push is present: check write_metadata, and the headers that a front end removes"
    )]
    MissingHeader(&'static str),
    #[error("header {0:?} contains a comma: a front end may have joined two headers")]
    Joined(&'static str),
    #[error("headers \"x-goog-pubsub-ordering-key\" and \"x-goog-ordering-key\" differ")]
    TwoOrderingKeys,
    #[error(
        "{0} headers that could be attributes, expected at most {limit}: check the headers that a front end adds",
        limit = ATTRIBUTE_LIMIT
    )]
    TooManyAttributes(usize),
    #[error(
        "no message id, since the push is payload without metadata: turn write_metadata on, or declare Idempotency by a payload key, or remove .unwrapped() if the subscription wraps payloads"
    )]
    NoMessageId,
    #[error(
        "the push is wrapped, but its subscriber is declared .unwrapped(): set the push endpoint to /push/SUBSCRIPTION, or remove .unwrapped() if it wraps payloads"
    )]
    WrappedThoughUnwrapped,
    #[error("content-type is {0:?}, expected application/cloudevents+json: one event a push")]
    EventFormat(String),
    #[error("body is not a CloudEvent, but its content-type is application/cloudevents+json")]
    NotAnEvent(#[source] Malformed),
    #[error("CloudEvent has specversion {}, expected {expected:?}: check the sender", .found.as_deref().unwrap_or("(none)"), expected = EVENT_VERSION)]
    EventVersion { found: Option<String> },
    #[error("CloudEvent is of type {}, expected {expected:?}: check the trigger's event filters", .found.as_deref().unwrap_or("(none)"), expected = EVENT_TYPE)]
    EventType { found: Option<String> },
    #[error("CloudEvent has both \"data\" and \"data_base64\", expected one of them")]
    TwoData,
    #[error("the CloudEvent's data is not a wrapped Pub/Sub push")]
    EventWithoutPush(#[source] NotWrapped),
}

/// The reason why a document is not a wrapped push.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotWrapped {
    #[error("it is empty")]
    Empty,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("field {0:?} is missing")]
    Missing(&'static str),
}

/// JSON that does not have the wire form, with the place and the expectation.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(super) String);
