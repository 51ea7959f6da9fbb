//! A typed message to be published.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use validator::Validate;

use super::PublishError;
use super::draft::{Draft, new_event_id};
use crate::handler::context::Context;
use crate::handler::message::PayloadError;
use crate::trace::Trace;

/// A message to be published: payload, attributes, ordering key, event id and trace. A clone is the same event.
#[derive(Clone, Debug)]
pub struct Outgoing<T> {
    payload: T,
    attributes: BTreeMap<String, String>,
    ordering_key: String,
    event_id: String,
    trace: Trace,
}

impl<T> Outgoing<T> {
    /// Creates a message of this payload, with a new event id (a UUID of version 7), in a new trace.
    pub fn new(payload: T) -> Self {
        Self {
            payload,
            attributes: BTreeMap::new(),
            ordering_key: String::new(),
            event_id: new_event_id(),
            trace: Trace::begin(),
        }
    }

    /// Continues the trace of the delivery, if it has one.
    #[must_use]
    pub fn caused_by(mut self, context: &Context) -> Self {
        if let Some(trace) = context.trace() {
            self.trace = trace;
        }
        self
    }

    /// Sets the trace.
    #[must_use]
    pub fn trace(mut self, trace: Trace) -> Self {
        self.trace = trace;
        self
    }

    /// Sets the event id, 1 to 1,024 bytes. It must be the same each time that the event is published: subscribers that declare
    /// [`Idempotency::by_attribute("event-id")`](crate::Idempotency::by_attribute) run once for it.
    ///
    /// A handler may run again. In a handler, derive the id from values that stay the same, such as
    /// `format!("{}-reserved", context.idempotency_key())`.
    #[must_use]
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.event_id = event_id.into();
        self
    }

    /// Sets the ordering key, at most 1,024 bytes (Google, *Order messages*). Ordered subscriptions get the messages of one key
    /// in order. An empty key is none.
    #[must_use]
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = key.into();
        self
    }

    /// Adds an attribute. A message has at most 100, of which event id and trace take three to five. Names have 1 to 256 bytes
    /// and do not begin with `goog`; values have at most 1,024 bytes (Google, *Quotas and limits*).
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}

impl<T> From<T> for Outgoing<T> {
    fn from(payload: T) -> Self {
        Self::new(payload)
    }
}

impl<T: Serialize + Validate> Outgoing<T> {
    /// Validates the payload, and serializes it.
    pub(super) fn draft(self, event_id_attribute: &str) -> Result<Draft, PublishError> {
        self.payload
            .validate()
            .map_err(|errors| PayloadError::invalid(&errors))?;
        let data = serde_json::to_vec(&self.payload)
            .map_err(|error| PublishError::Json(Arc::new(error)))?;
        let draft = Draft {
            data: data.into(),
            attributes: self.attributes,
            ordering_key: self.ordering_key,
        };
        draft.with_event((event_id_attribute, &self.event_id), &self.trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Serialize, Validate)]
    struct Shipped {
        #[validate(length(min = 1))]
        order: String,
    }

    fn shipped(order: &str) -> Outgoing<Shipped> {
        Outgoing::new(Shipped {
            order: order.into(),
        })
    }

    #[test]
    fn a_message_that_breaks_its_own_rules_is_rejected() {
        let error = shipped("").draft("event-id").err().expect("rejected");
        assert_eq!(
            error.to_string(),
            "payload does not fit: `order` breaks the rule length (min 1)"
        );
        assert!(!error.is_transient());
    }

    #[test]
    fn a_clone_is_the_same_event() {
        let id = |message: Outgoing<Shipped>| {
            let draft = message.draft("id").expect("a draft");
            draft.attributes["id"].clone()
        };
        let message = shipped("A-1");
        assert_eq!(id(message.clone()), id(message));
        assert_ne!(id(shipped("A-1")), id(shipped("A-1")));
        assert_eq!(id(shipped("A-1").event_id("mine")), "mine");
    }

    #[test]
    fn attributes_of_the_publisher_cannot_be_set_by_the_caller() {
        for name in ["event-id", "traceparent", "googclient_traceparent"] {
            let error = shipped("A-1")
                .attribute(name, "hush")
                .draft("event-id")
                .err();
            let text = error.expect("rejected").to_string();
            assert!(text.contains(name) && !text.contains("hush"), "{text}");
        }
        assert!(shipped("A-1").event_id("").draft("event-id").is_err());
    }

    #[test]
    fn the_trace_of_a_delivery_is_continued() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut context = Context::for_test("1");
        let begun = shipped("A-1")
            .caused_by(&context)
            .draft("event-id")
            .expect("a draft");
        assert!(begun.attributes["traceparent"].starts_with("00-"));
        context.attributes = Arc::new(BTreeMap::from([(
            "googclient_traceparent".into(),
            traceparent.into(),
        )]));
        let continued = shipped("A-1")
            .caused_by(&context)
            .draft("event-id")
            .expect("a draft");
        assert_eq!(continued.attributes["traceparent"], traceparent);
        assert_eq!(continued.attributes["googclient_traceparent"], traceparent);
    }
}
