//! A message that is ready to be sent, and Pub/Sub's limits for it.

use std::collections::BTreeMap;

use bytes::Bytes;
use google_cloud_pubsub::model::Message;
use uuid::Uuid;

use super::PublishError;
use crate::trace::Trace;

/// The most bytes of the data, and of a publish request with all that is in it (Google, *Quotas and limits*).
const MESSAGE_BYTES: usize = 10_000_000;
const ATTRIBUTES: usize = 100;
const NAME_BYTES: usize = 256;
const VALUE_BYTES: usize = 1_024;
/// The most bytes of an ordering key (Google, *Order messages*).
const ORDERING_KEY_BYTES: usize = 1_024;
/// An upper bound for the tags and lengths of the fields in the request.
const FRAMING_BYTES: usize = 64;

/// A message of any type, before its limits are checked.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) data: Bytes,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The ordering key, or the empty string.
    pub(crate) ordering_key: String,
}

impl Draft {
    /// Adds the attributes of the event and of the trace.
    ///
    /// # Errors
    /// If the event id is empty, or one of these attributes is set already.
    pub(crate) fn with_event(
        mut self,
        (name, id): (&str, &str),
        trace: &Trace,
    ) -> Result<Self, PublishError> {
        if id.is_empty() {
            let fault = "is empty, expected the id of the event";
            return Err(PublishError::Attribute {
                name: name.to_owned(),
                fault,
            });
        }
        let event = [(name.to_owned(), id.to_owned())];
        for (name, value) in event.into_iter().chain(trace.attributes()) {
            if self.attributes.contains_key(&name) {
                let fault = "is set by the publisher itself, from the event id and the trace";
                return Err(PublishError::Attribute { name, fault });
            }
            self.attributes.insert(name, value);
        }
        Ok(self)
    }

    /// Checks the limits. Returns an upper bound for the size of the request in bytes.
    pub(crate) fn check(&self) -> Result<usize, PublishError> {
        let (data, attributes, key) = (&self.data, &self.attributes, &self.ordering_key);
        at_most("the data", data.len(), MESSAGE_BYTES, "bytes")?;
        at_most("the message", attributes.len(), ATTRIBUTES, "attributes")?;
        at_most("the ordering key", key.len(), ORDERING_KEY_BYTES, "bytes")?;
        let mut bytes = data.len() + key.len() + FRAMING_BYTES;
        for (name, value) in attributes {
            check_name(name)?;
            let what = format!("the value of attribute {name:?}");
            at_most(&what, value.len(), VALUE_BYTES, "bytes")?;
            bytes += name.len() + value.len();
        }
        let most = MESSAGE_BYTES + FRAMING_BYTES;
        at_most("the message with its attributes", bytes, most, "bytes")?;
        Ok(bytes)
    }

    pub(super) fn into_message(self) -> Message {
        Message::new()
            .set_data(self.data)
            .set_attributes(self.attributes)
            .set_ordering_key(self.ordering_key)
    }
}

/// Returns a new event id: a UUID of version 7, so that ids sort by time.
pub(crate) fn new_event_id() -> String {
    Uuid::now_v7().to_string()
}

/// Rejects names that begin with `goog`, which Google reserves, except those of its client libraries (`googclient_`).
fn check_name(name: &str) -> Result<(), PublishError> {
    let fault = if name.is_empty() {
        "has no name"
    } else if name.starts_with("goog") && !name.starts_with("googclient_") {
        "begins with \"goog\", which is reserved"
    } else {
        // The error omits a name that is too long: it may be data.
        return at_most("the name of an attribute", name.len(), NAME_BYTES, "bytes");
    };
    Err(PublishError::Attribute {
        name: name.to_owned(),
        fault,
    })
}

fn at_most(what: &str, found: usize, most: usize, unit: &'static str) -> Result<(), PublishError> {
    if found <= most {
        return Ok(());
    }
    Err(PublishError::TooLarge {
        what: what.to_owned(),
        found,
        most,
        unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(data_bytes: usize, pairs: &[(String, String)], key_bytes: usize) -> String {
        let draft = Draft {
            data: vec![b'0'; data_bytes].into(),
            attributes: pairs.iter().cloned().collect(),
            ordering_key: "k".repeat(key_bytes),
        };
        match draft.check() {
            Ok(_) => "fits".into(),
            Err(error) => error.to_string(),
        }
    }

    fn one(name: &str, value: &str) -> String {
        result(1, &[(name.into(), value.into())], 0)
    }

    #[test]
    fn the_limits_of_a_message_are_exact() {
        let many = |count: usize| -> Vec<_> {
            (0..count)
                .map(|each| (each.to_string(), String::new()))
                .collect()
        };
        let table = [
            (result(10_000_000, &[], 0), "fits"),
            (
                result(10_000_001, &[], 0),
                "the data has 10000001 bytes, at most 10000000 are allowed",
            ),
            (
                result(9_999_999, &[("a".into(), "bc".into())], 0),
                "the message with its attributes has",
            ),
            (result(1, &many(100), 0), "fits"),
            (
                result(1, &many(101), 0),
                "the message has 101 attributes, at most 100 are allowed",
            ),
            (result(1, &[], 1_024), "fits"),
            (result(1, &[], 1_025), "the ordering key has 1025 bytes"),
            (one(&"n".repeat(256), ""), "fits"),
            (
                one(&"n".repeat(257), ""),
                "the name of an attribute has 257 bytes",
            ),
            (one("a", &"v".repeat(1_024)), "fits"),
            (
                one("a", &"hush".repeat(257)),
                "the value of attribute \"a\" has 1028 bytes",
            ),
            (one("", "x"), "attribute \"\" has no name"),
            (
                one("google", "x"),
                "attribute \"google\" begins with \"goog\"",
            ),
            (one("googclient_traceparent", "x"), "fits"),
        ];
        for (found, expected) in table {
            assert!(
                found.starts_with(expected) && !found.contains("hush"),
                "{expected}: {found}"
            );
        }
    }
}
