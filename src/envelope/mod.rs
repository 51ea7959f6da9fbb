//! From one push to one [`Envelope`], in whichever form Google delivers.
//!
//! A publisher chooses the payload and the attributes of a message. In some forms these look like what Google says in
//! others: an unwrapped payload may be a wrapped push, an attribute may become a header `ce-type`. So the form is decided by
//! what no publisher can make: the headers that are Google's own, and the declaration of the subscriber that the path names.

mod cloud_event;
mod header;
mod unwrapped;
mod wrapped;

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::cloud_event::Mode;
use self::wrapped::{Malformed, NotWrapped, Wrapped};
use crate::excerpt::excerpt;
use crate::subscriber::{Form, Subscriber};

/// Ids are keys in the store. Google's have at most 20 digits today, and are documented as opaque.
const ID_LIMIT_BYTES: usize = 512;

/// A project's id has at most 30 characters, a subscription's 255 (Google, *Subscription*, `name`).
const NAME_LIMIT_BYTES: usize = 512;

/// One message as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The full name, `projects/P/subscriptions/S`.
    pub(crate) subscription: String,
    /// Google's, in every form but payload without metadata.
    pub(crate) message_id: Option<String>,
    /// What logs and handlers call the message: Google's id, or else one that follows from its data.
    pub(crate) known_as: String,
    pub(crate) publish_time: OffsetDateTime,
    pub(crate) data: Bytes,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) ordering_key: Option<String>,
    pub(crate) delivery_attempt: Option<u32>,
}

/// Where a push came in.
#[derive(Clone, Copy, Default)]
pub(crate) struct Endpoint<'a> {
    /// The subscription's short name, where the path gives one.
    pub(crate) path: Option<&'a str>,
    /// The subscriber of that name with its subscription's full name, where one is declared.
    pub(crate) declared: Option<(&'a str, &'a Subscriber)>,
}

/// Why a request is not a push. The text names places and expectations, never data or attribute values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EnvelopeError {
    #[error(
        "body is not a wrapped Pub/Sub push (is payload unwrapping, no_wrapper, on? then turn write_metadata on, or declare \
         the subscriber .unwrapped() with Idempotency by a payload key and push to /push/SUBSCRIPTION)"
    )]
    NotWrapped(#[source] NotWrapped),
    #[error("field {0:?} is missing, expected as in Google's PubsubMessage")]
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
    #[error(
        "the path names subscription {path:?}, but the push is from {found:?}: check the push endpoint, or declare the \
         subscriber .eventarc() if Eventarc owns the subscription"
    )]
    OtherSubscription { path: String, found: String },
    #[error(
        "Eventarc's subscription is {found:?}, expected one of the project of {expected:?}: check GOOGLE_CLOUD_PROJECT and the trigger's destination"
    )]
    OtherProject { found: String, expected: String },
    #[error(
        "header {0:?} stands there more than once, expected once: an attribute of that name may have made the other"
    )]
    Repeated(String),
    #[error("the value of header {0:?} is not UTF-8")]
    NotUtf8(String),
    #[error(
        "header {0:?} is missing, though other metadata of an unwrapped push is there: check write_metadata, and what a front end removes"
    )]
    MissingHeader(&'static str),
    #[error("header {0:?} holds a comma, as if a front end had made one header of two")]
    Joined(&'static str),
    #[error("headers \"x-goog-pubsub-ordering-key\" and \"x-goog-ordering-key\" differ")]
    TwoOrderingKeys,
    #[error(
        "{0} headers that could be attributes, expected at most {limit}: check what a front end adds",
        limit = unwrapped::ATTRIBUTE_LIMIT
    )]
    TooManyAttributes(usize),
    #[error(
        "no message id, since the push is payload without metadata: turn write_metadata on, or declare Idempotency by a payload key, or remove .unwrapped() if the subscription wraps after all"
    )]
    NoMessageId,
    #[error("content-type is {0:?}, expected application/cloudevents+json: one event a push")]
    EventFormat(String),
    #[error("body is not a CloudEvent, though its content-type says so")]
    NotAnEvent(#[source] Malformed),
    #[error("CloudEvent has specversion {found:?}, expected {expected:?}", expected = cloud_event::VERSION)]
    EventVersion { found: Option<String> },
    #[error("CloudEvent is of type {found:?}, expected {expected:?}: check the trigger's event filters", expected = cloud_event::TYPE)]
    EventType { found: Option<String> },
    #[error("CloudEvent has both \"data\" and \"data_base64\", expected one of them")]
    TwoData,
    #[error("the CloudEvent's data is not a wrapped Pub/Sub push")]
    EventWithoutPush(#[source] NotWrapped),
}

impl Envelope {
    /// Reads a push.
    ///
    /// # Errors
    /// When it is none, or one for another subscription than the path says.
    pub(crate) fn read(
        endpoint: &Endpoint<'_>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Self, EnvelopeError> {
        if unwrapped::has_metadata(headers) {
            return unwrapped::read(headers, body)?.at(endpoint);
        }
        if let Some((name, subscriber)) = endpoint.declared_as(Form::Unwrapped) {
            if subscriber.needs_message_id() {
                return Err(EnvelopeError::NoMessageId);
            }
            return Ok(unwrapped::payload(name, body));
        }
        match Mode::of(headers)? {
            Some(mode) => cloud_event::read(mode, &body)?.at_trigger(endpoint),
            None => Wrapped::parse(&body)
                .map_err(EnvelopeError::NotWrapped)?
                .into_envelope()?
                .at(endpoint),
        }
    }

    /// As it came, if the path names its subscription or none.
    fn at(self, endpoint: &Endpoint<'_>) -> Result<Self, EnvelopeError> {
        let (_, id) = parts(&self.subscription)?;
        match endpoint.path {
            Some(path) if path != id => Err(EnvelopeError::OtherSubscription {
                path: excerpt(path),
                found: excerpt(&self.subscription),
            }),
            _ => Ok(self),
        }
    }

    /// The same for an event, but for a subscriber that says that Eventarc owns its subscription: that one is named by the
    /// path. The project must still be its own, as for every other push.
    fn at_trigger(mut self, endpoint: &Endpoint<'_>) -> Result<Self, EnvelopeError> {
        let Some((name, _)) = endpoint.declared_as(Form::Eventarc) else {
            return self.at(endpoint);
        };
        if parts(&self.subscription)?.0 != parts(name)?.0 {
            return Err(EnvelopeError::OtherProject {
                found: excerpt(&self.subscription),
                expected: name.to_owned(),
            });
        }
        name.clone_into(&mut self.subscription);
        Ok(self)
    }
}

impl<'a> Endpoint<'a> {
    /// The subscriber that the path names, if it is declared to get this form.
    fn declared_as(&self, form: Form) -> Option<(&'a str, &'a Subscriber)> {
        self.declared
            .filter(|(_, subscriber)| subscriber.form == form)
    }
}

/// Project and short name.
fn parts(subscription: &str) -> Result<(&str, &str), EnvelopeError> {
    let parts: Vec<&str> = subscription.split('/').collect();
    match parts.as_slice() {
        ["projects", project, "subscriptions", id]
            if !project.is_empty() && !id.is_empty() && subscription.len() <= NAME_LIMIT_BYTES =>
        {
            Ok((project, id))
        }
        _ => Err(EnvelopeError::SubscriptionName(excerpt(subscription))),
    }
}

fn check_id(id: &str) -> Result<(), EnvelopeError> {
    match id.len() {
        1..=ID_LIMIT_BYTES => Ok(()),
        length => Err(EnvelopeError::IdLength(length)),
    }
}

fn parse_time(text: &str) -> Result<OffsetDateTime, EnvelopeError> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(EnvelopeError::PublishTime)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::context::Context;
    use crate::subscriber::Idempotency;

    const NAME: &str = "projects/p/subscriptions/orders";
    const EVENT: [(&str, &str); 2] = [("ce-specversion", "1.0"), ("ce-type", cloud_event::TYPE)];
    const METADATA: [(&str, &str); 3] = [
        ("x-goog-pubsub-subscription-name", NAME),
        ("x-goog-pubsub-message-id", "7"),
        ("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.6Z"),
    ];

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    fn wrapped(subscription: &str) -> Bytes {
        let message = json!({"messageId": "1", "publishTime": "2030-01-02T03:04:05Z"});
        let push = json!({"message": message, "subscription": subscription});
        push.to_string().into()
    }

    fn declared() -> Subscriber {
        Subscriber::new("orders", async |_: Context| ())
            .idempotency(Idempotency::none("for the test"))
    }

    /// As it comes to the path of `orders`, declared so.
    fn at(
        subscriber: &Subscriber,
        head: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Result<Envelope, EnvelopeError> {
        let endpoint = Endpoint {
            path: Some("orders"),
            declared: Some((NAME, subscriber)),
        };
        Envelope::read(&endpoint, &headers(head), body)
    }

    #[test]
    fn a_path_must_name_the_subscription_of_the_push() {
        let read = |path, subscription: &str| {
            let endpoint = Endpoint {
                path,
                declared: None,
            };
            Envelope::read(&endpoint, &HeaderMap::new(), wrapped(subscription))
        };
        assert!(read(Some("orders"), NAME).is_ok() && read(None, NAME).is_ok());
        for path in ["other", "", NAME] {
            let error = read(Some(path), NAME).expect_err("another subscription");
            assert!(
                matches!(error, EnvelopeError::OtherSubscription { .. }),
                "{path}"
            );
        }
        let long = format!("projects/p/subscriptions/{}", "s".repeat(500));
        for name in [
            "",
            "orders",
            "projects/p/topics/t",
            "projects//subscriptions/s",
            "projects/p/subscriptions/",
            "projects/p/subscriptions/a/b",
            &long,
        ] {
            let error = read(None, name).expect_err("no name");
            assert!(
                matches!(error, EnvelopeError::SubscriptionName(_)),
                "{name}"
            );
        }
    }

    #[test]
    fn metadata_of_google_makes_the_body_payload_whatever_else_is_there() {
        let other = wrapped("projects/p/subscriptions/other");
        let attributes = [
            ("content-type", "application/cloudevents+json"),
            ("ce-type", "anything"),
            ("ce-specversion", "1.0"),
        ];
        for subscriber in [declared(), declared().unwrapped(), declared().eventarc()] {
            let head = [METADATA.as_slice(), attributes.as_slice()].concat();
            let envelope = at(&subscriber, &head, other.clone()).expect("a push");
            assert_eq!(envelope.data, other);
            assert_eq!(
                (envelope.subscription.as_str(), envelope.known_as.as_str()),
                (NAME, "7")
            );
            assert_eq!(
                envelope.attributes.get("ce-type").map(String::as_str),
                Some("anything")
            );
        }
        for (index, (missing, _)) in METADATA.iter().enumerate() {
            let mut head = METADATA.to_vec();
            head.remove(index);
            let error = at(&declared().unwrapped(), &head, wrapped(NAME)).expect_err(missing);
            assert!(matches!(error, EnvelopeError::MissingHeader(name) if name == *missing));
        }
    }

    #[test]
    fn an_unwrapped_subscribers_bodies_are_payload_also_if_they_look_like_a_push() {
        let unwrapped = declared().unwrapped();
        for head in [
            EVENT.as_slice(),
            &[("content-type", "application/cloudevents-batch+json")],
            &[],
        ] {
            let body = wrapped("projects/p/subscriptions/other");
            let envelope = at(&unwrapped, head, body.clone()).expect("payload");
            assert_eq!((envelope.data, envelope.message_id), (body, None));
            assert_eq!(envelope.subscription, NAME);
        }
        let needing = unwrapped.idempotency(Idempotency::by_message_id());
        let error = at(&needing, &[], wrapped(NAME)).expect_err("no id");
        assert!(matches!(error, EnvelopeError::NoMessageId));
        assert!(at(&needing, &METADATA, Bytes::new()).is_ok());
    }

    #[test]
    fn an_event_belongs_to_the_path_only_where_eventarc_is_declared_and_in_the_same_project() {
        let created = "projects/p/subscriptions/eventarc-europe-west1-orders-sub-042";
        let envelope = at(&declared().eventarc(), &EVENT, wrapped(created)).expect("a push");
        assert_eq!(envelope.subscription, NAME);
        let check = |subscriber: Subscriber, head, name: &str, expected: &str| {
            let text = at(&subscriber, head, wrapped(name))
                .expect_err("none")
                .to_string();
            assert!(
                text.contains(expected),
                "{text:?} does not say {expected:?}"
            );
        };
        check(
            declared(),
            &EVENT,
            created,
            "declare the subscriber .eventarc()",
        );
        check(declared().eventarc(), &[], created, "the push is from");
        let foreign = "projects/q/subscriptions/orders";
        check(
            declared().eventarc(),
            &EVENT,
            foreign,
            "check GOOGLE_CLOUD_PROJECT",
        );
        check(
            declared().eventarc(),
            &EVENT,
            "orders",
            "expected projects/",
        );
    }
}
