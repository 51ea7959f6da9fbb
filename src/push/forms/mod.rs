//! Reads an [`Envelope`] from a push, in each form that Google delivers.
//!
//! A publisher chooses the payload and the attributes of a message, and can imitate other forms with them: an unwrapped payload may
//! look like a wrapped push, and an attribute may become a header `ce-type`. So only facts that no publisher controls decide the
//! form: Google's own headers, and the declaration of the subscriber that the path names.

mod cloud_event;
mod error;
mod header;
pub(crate) mod unwrapped;
mod wrapped;

use axum::http::HeaderMap;
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::cloud_event::Mode;
pub(crate) use self::error::EnvelopeError;
use self::wrapped::Wrapped;
use crate::delivery::envelope::Envelope;
use crate::loggable::excerpt;
use crate::subscriber::{Form, Subscriber};

/// The version of CloudEvents that is read and written.
pub(crate) const EVENT_VERSION: &str = "1.0";

pub(crate) const EVENT_TYPE: &str = "google.cloud.pubsub.topic.v1.messagePublished";

/// The limit of attributes. A message has at most 100 (Google, *Quotas and limits*); a front end may add headers that look alike.
const ATTRIBUTE_LIMIT: usize = 120;

/// The limit of an id, which is a key in the store. Google's have at most 20 digits today, and are documented as opaque.
const ID_LIMIT_BYTES: usize = 512;

/// The limit of a subscription's full name. Its id has at most 255 characters (Google, *Subscription*, `name`), its project's 30.
const NAME_LIMIT_BYTES: usize = 512;

/// The endpoint that received a push.
#[derive(Clone, Copy, Default)]
pub(crate) struct Endpoint<'a> {
    /// The subscription's short name in the path, if any.
    pub(crate) path: Option<&'a str>,
    /// The declared subscriber of that name, with its subscription's full name.
    pub(crate) declared: Option<(&'a str, &'a Subscriber)>,
}

/// Reads a push.
///
/// # Errors
/// If the request is not a push, or the path names another subscription.
pub(crate) fn read(
    endpoint: &Endpoint<'_>,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Envelope, EnvelopeError> {
    if unwrapped::has_metadata(headers) {
        return at(endpoint, unwrapped::read(headers, body)?);
    }
    if let Some((name, subscriber)) = endpoint.declared_as(Form::Unwrapped) {
        if subscriber.needs_message_id() {
            return Err(EnvelopeError::NoMessageId);
        }
        return Ok(unwrapped::payload(name, body));
    }
    if let Some(mode) = Mode::of(headers)? {
        return at_trigger(endpoint, cloud_event::read(mode, &body)?);
    }
    let wrapped = Wrapped::parse(&body).map_err(EnvelopeError::NotWrapped)?;
    at(endpoint, wrapped.into_envelope()?)
}

/// Rejects a wrapped push to a subscriber declared `.unwrapped()`: the publisher could have written the wrapper. A push to `/` needs
/// this check; a path that names the subscriber decides the form earlier.
pub(crate) fn check_form(
    envelope: &Envelope,
    subscriber: &Subscriber,
) -> Result<(), EnvelopeError> {
    if subscriber.pushes.form == Form::Unwrapped && !envelope.is_unwrapped {
        return Err(EnvelopeError::WrappedThoughUnwrapped);
    }
    Ok(())
}

/// Returns the envelope, if the path names its subscription or none.
fn at(endpoint: &Endpoint<'_>, envelope: Envelope) -> Result<Envelope, EnvelopeError> {
    let (_, id) = parts(&envelope.subscription)?;
    match endpoint.path {
        Some(path) if path != id => Err(EnvelopeError::OtherSubscription {
            path: excerpt(path),
            found: excerpt(&envelope.subscription),
        }),
        _ => Ok(envelope),
    }
}

/// Returns the envelope of an event. If the path names a subscriber that is declared for Eventarc, the envelope gets the name of its
/// subscription instead of the one that Eventarc owns. The project must be the same.
fn at_trigger(endpoint: &Endpoint<'_>, mut envelope: Envelope) -> Result<Envelope, EnvelopeError> {
    let Some((name, _)) = endpoint.declared_as(Form::Eventarc) else {
        return at(endpoint, envelope);
    };
    if parts(&envelope.subscription)?.0 != parts(name)?.0 {
        return Err(EnvelopeError::OtherProject {
            found: excerpt(&envelope.subscription),
            expected: name.to_owned(),
        });
    }
    name.clone_into(&mut envelope.subscription);
    Ok(envelope)
}

impl<'a> Endpoint<'a> {
    /// Returns the subscriber that the path names, if it is declared with this form.
    fn declared_as(&self, form: Form) -> Option<(&'a str, &'a Subscriber)> {
        self.declared
            .filter(|(_, subscriber)| subscriber.pushes.form == form)
    }
}

/// Returns the project and the short name of a subscription.
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
        // Not every store accepts NUL.
        1..=ID_LIMIT_BYTES if id.contains('\0') => Err(EnvelopeError::NulInId),
        1..=ID_LIMIT_BYTES => Ok(()),
        length => Err(EnvelopeError::IdLength(length)),
    }
}

fn parse_time(text: &str) -> Result<OffsetDateTime, EnvelopeError> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(EnvelopeError::PublishTime)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::handler::context::Context;
    use crate::subscriber::Idempotency;

    const NAME: &str = "projects/p/subscriptions/orders";
    const EVENT: [(&str, &str); 2] = [("ce-specversion", "1.0"), ("ce-type", EVENT_TYPE)];
    const METADATA: [(&str, &str); 3] = [
        ("x-goog-pubsub-subscription-name", NAME),
        ("x-goog-pubsub-message-id", "7"),
        ("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.6Z"),
    ];

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn wrapped(subscription: &str) -> Bytes {
        let message = json!({"messageId": "1", "publishTime": "2030-01-02T03:04:05Z"});
        let push = json!({"message": message, "subscription": subscription});
        push.to_string().into()
    }

    /// A subscription as Eventarc names it.
    const CREATED: &str = "projects/p/subscriptions/eventarc-europe-west1-orders-sub-042";

    fn declared() -> Subscriber {
        Subscriber::new("orders", async |_: Context| ())
            .idempotency(Idempotency::none("for the test"))
    }

    /// Reads a push to the path of `orders`, with this declaration.
    fn at(
        subscriber: &Subscriber,
        head: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Result<Envelope, EnvelopeError> {
        let endpoint = Endpoint {
            path: Some("orders"),
            declared: Some((NAME, subscriber)),
        };
        read(&endpoint, &headers(head), body)
    }

    #[test]
    fn a_path_must_name_the_subscription_of_the_push() {
        let read_at = |path, subscription: &str| {
            let endpoint = Endpoint {
                path,
                declared: None,
            };
            read(&endpoint, &HeaderMap::new(), wrapped(subscription))
        };
        assert!(read_at(Some("orders"), NAME).is_ok() && read_at(None, NAME).is_ok());
        for path in ["other", "", NAME] {
            let error = read_at(Some(path), NAME).expect_err(path);
            assert!(matches!(error, EnvelopeError::OtherSubscription { .. }));
        }
        let long = format!("projects/p/subscriptions/{}", "s".repeat(500));
        let wrong = "orders projects/p/topics/t projects//subscriptions/s projects/p/subscriptions/a/b projects/p/subscriptions/";
        for name in wrong.split(' ').chain(["", &long]) {
            let error = read_at(None, name).expect_err("no name");
            let is_of_name = matches!(error, EnvelopeError::SubscriptionName(_));
            assert!(is_of_name, "{name}");
        }
    }

    #[test]
    fn metadata_headers_make_the_body_payload() {
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
            assert_eq!(envelope.subscription, NAME);
            assert_eq!(envelope.message_id, "7");
            assert!(envelope.attributes.contains_key("ce-type"));
        }
    }

    #[test]
    fn a_missing_metadata_header_is_named() {
        for (index, (missing, _)) in METADATA.iter().enumerate() {
            let mut head = METADATA.to_vec();
            head.remove(index);
            let error = at(&declared().unwrapped(), &head, wrapped(NAME)).expect_err(missing);
            assert!(matches!(error, EnvelopeError::MissingHeader(name) if name == *missing));
        }
    }

    #[test]
    fn the_body_of_an_unwrapped_push_is_always_payload() {
        let unwrapped = declared().unwrapped();
        for head in [
            EVENT.as_slice(),
            &[("content-type", "application/cloudevents-batch+json")],
            &[],
        ] {
            let body = wrapped("projects/p/subscriptions/other");
            let envelope = at(&unwrapped, head, body.clone()).expect("payload");
            assert_eq!(envelope.data, body);
            assert!(envelope.message_id.starts_with("payload:"));
            assert_eq!(envelope.subscription, NAME);
        }
    }

    #[test]
    fn an_unwrapped_push_needs_the_message_id_that_is_its_key() {
        let needing = declared()
            .unwrapped()
            .idempotency(Idempotency::by_message_id());
        let error = at(&needing, &[], wrapped(NAME)).expect_err("no id");
        assert!(matches!(error, EnvelopeError::NoMessageId));
        assert!(at(&needing, &METADATA, Bytes::new()).is_ok());
    }

    #[test]
    fn an_event_belongs_to_the_path_that_declares_eventarc() {
        let envelope = at(&declared().eventarc(), &EVENT, wrapped(CREATED)).expect("a push");
        assert_eq!(envelope.subscription, NAME);
    }

    #[test]
    fn an_event_that_does_not_belong_to_the_path_is_refused() {
        let check = |subscriber, head, name: &str, expected: &str| {
            let error = at(&subscriber, head, wrapped(name)).expect_err("none");
            assert!(error.to_string().contains(expected), "{error} ({expected})");
        };
        let (event, foreign) = (EVENT.as_slice(), "projects/q/subscriptions/orders");
        check(declared(), event, CREATED, "declare the subscriber .event");
        let eventarc = declared().eventarc();
        check(eventarc.clone(), &[], CREATED, "the push is from");
        check(eventarc.clone(), event, foreign, "GOOGLE_CLOUD_PROJECT");
        check(eventarc, event, "orders", "expected projects/");
    }
}
