//! Rejects JSON before it is converted: with a repeated field, of which the library would take the last value, or with more values
//! than a request may have, since each takes far more memory than its text.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::api::pull::MAX_ACK_REQUEST_BYTES;
use crate::messages::message::MAX_MESSAGES;

/// The most bytes of an unknown field's name in an error.
const MAX_NAME_CHARS: usize = 64;
/// The end of an error text, after the name of the field.
pub(super) const GIVEN_TWICE: &str = "is given twice";

/// The most values of a body, with those within others. A publish request of 1,000 messages with 100 attributes each has some
/// 100,000.
const MAX_VALUES: usize = 200_000;
/// The errors of bodies that are too long, in the words of the RPCs.
pub(super) const TOO_LONG: [&str; 3] = [TOO_LONG_BODY, TOO_MANY_MESSAGES, TOO_LONG_ACK_REQUEST];
const TOO_LONG_BODY: &str = "The request body may have 200000 values, not more";
const TOO_MANY_MESSAGES: &str = "A publish request may have 1000 messages, not more";
const TOO_LONG_ACK_REQUEST: &str = "Request payload size exceeds the limit: 524288 bytes.";

/// Reads and discards a value. Fields of a message have two spellings; other keys have one.
pub(super) struct Once {
    message: Option<MessageDescriptor>,
    bound: Bound,
    /// The number of values that the body may still have.
    left: Rc<Cell<usize>>,
}

/// The bound of a list, with the error beyond it.
#[derive(Clone, Copy)]
enum Bound {
    None,
    Elements(usize, &'static str),
    /// The bytes of its texts together.
    Bytes(usize, &'static str),
}

impl Once {
    pub(super) fn of(message: &MessageDescriptor) -> Self {
        Self {
            message: Some(message.clone()),
            bound: Bound::None,
            left: Rc::new(Cell::new(MAX_VALUES)),
        }
    }

    /// Returns the canonical name of a field, and the type of its value.
    fn field<'a>(&self, key: &'a str) -> (Cow<'a, str>, Self) {
        let field = self.message.as_ref().and_then(|message| {
            let by_json_name = message.get_field_by_json_name(key);
            by_json_name.or_else(|| message.get_field_by_name(key))
        });
        let left = Rc::clone(&self.left);
        let Some(field) = field else {
            let value = Self {
                message: None,
                bound: Bound::None,
                left,
            };
            return (Cow::Borrowed(key), value);
        };
        let message = match field.kind() {
            Kind::Message(message) if !field.is_map() => Some(message),
            _ => None,
        };
        let value = Self {
            message,
            bound: Bound::of(&field),
            left,
        };
        (Cow::Owned(field.name().to_owned()), value)
    }

    fn count<E: Error>(&self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| E::custom(TOO_LONG_BODY))?);
        Ok(())
    }
}

impl Bound {
    /// Returns the bound of a field (Google, *Quotas and limits*).
    fn of(field: &FieldDescriptor) -> Self {
        match field.full_name() {
            "google.pubsub.v1.PublishRequest.messages" => {
                Self::Elements(MAX_MESSAGES, TOO_MANY_MESSAGES)
            }
            "google.pubsub.v1.AcknowledgeRequest.ack_ids"
            | "google.pubsub.v1.ModifyAckDeadlineRequest.ack_ids" => {
                Self::Bytes(MAX_ACK_REQUEST_BYTES, TOO_LONG_ACK_REQUEST)
            }
            _ => Self::None,
        }
    }

    fn check<E: Error>(self, elements: usize, bytes: usize) -> Result<(), E> {
        match self {
            Self::Elements(most, error) if elements > most => Err(E::custom(error)),
            Self::Bytes(most, error) if bytes > most => Err(E::custom(error)),
            _ => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &Once {
    /// The bytes of a text, or of the texts of a list.
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Once {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_str<E>(self, text: &str) -> Result<usize, E> {
        Ok(text.len())
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<usize, A::Error> {
        let (mut elements, mut bytes) = (0, 0);
        while let Some(length) = values.next_element_seed(self)? {
            elements += 1;
            bytes += length;
            self.bound.check(elements, bytes)?;
        }
        Ok(bytes)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<usize, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            let (name, value) = self.field(&key);
            if !seen.insert(name.into_owned()) {
                fields.next_value::<IgnoredAny>()?;
                let key = excerpt(&key);
                return Err(A::Error::custom(format!("{key:?} {GIVEN_TWICE}")));
            }
            fields.next_value_seed(&value)?;
        }
        Ok(0)
    }
}

/// Returns an excerpt of a client's name.
pub(super) fn excerpt(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).collect()
}
