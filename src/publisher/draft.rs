//! A message that is ready to be sent, whatever its type was.

use std::collections::BTreeMap;

use bytes::Bytes;
use google_cloud_pubsub::model::Message;
use uuid::Uuid;

use super::{PublishError, limits};
use crate::trace::Trace;

/// What a message says, before the limits have been checked.
pub(crate) struct Draft {
    pub(crate) data: Bytes,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Empty for none.
    pub(crate) ordering_key: String,
}

impl Draft {
    /// Adds the attributes of event and trace; of the publisher's own none may have their names.
    pub(crate) fn marked(
        mut self,
        event_id: (&str, &str),
        trace: &Trace,
    ) -> Result<Self, PublishError> {
        let (name, value) = event_id;
        if value.is_empty() {
            let fault = "is empty, but it must say which event this is";
            return Err(PublishError::Attribute {
                name: name.to_owned(),
                fault,
            });
        }
        let event = [(name.to_owned(), value.to_owned())];
        for (name, value) in event.into_iter().chain(trace.attributes()) {
            if self.attributes.contains_key(&name) {
                let fault = "is set by the publisher itself, from the event id and the trace";
                return Err(PublishError::Attribute { name, fault });
            }
            self.attributes.insert(name, value);
        }
        Ok(self)
    }

    /// Checks the limits; gives the size in bytes, too.
    pub(crate) fn check(&self) -> Result<usize, PublishError> {
        limits::check(&self.data, &self.attributes, &self.ordering_key)
    }

    pub(super) fn into_message(self) -> Message {
        Message::new()
            .set_data(self.data)
            .set_attributes(self.attributes)
            .set_ordering_key(self.ordering_key)
    }
}

/// An id for an event that has none: unique, and in the order of time.
pub(crate) fn new_event_id() -> String {
    Uuid::now_v7().to_string()
}
