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
