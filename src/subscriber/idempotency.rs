//! Which deliveries count as the same message, and what becomes of two that only seem to be.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::dedup::Fingerprint;
use crate::handler::Delivery;
use crate::loggable::hash;
use crate::subscriber::json_pointer;

/// Which deliveries count as the same message.
///
/// A key that is not the message id is kept as a hash: what an attribute or payload says reaches neither the store nor a log.
#[derive(Clone, Debug)]
pub struct Idempotency {
    key: Key,
    conflict: Conflict,
}

type KeyFunction = Arc<dyn Fn(&Delivery) -> Option<String> + Send + Sync>;

#[derive(Clone)]
enum Key {
    MessageId,
    Attribute(String),
    Payload(String),
    Function(KeyFunction),
    /// With the reason.
    None(String),
}

/// What becomes of a message whose key was handled before, with another payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// It goes to the dead-letter topic, for a person to look at: two events have been given one key, or one has changed.
    #[default]
    DeadLetter,
    /// It counts as handled, like any duplicate.
    Ignore,
    /// It is asked for again until Pub/Sub dead-letters it after the last attempt, or the first one is forgotten.
    Retry,
}

/// What a delivery is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: String,
    /// Where the key does not imply the payload.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Why a message has no key. The text names places, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoKey {
    #[error("the idempotency key is missing: no attribute {0:?}, or an empty one")]
    Attribute(String),
    #[error("the idempotency key is missing: the payload is not JSON")]
    NotJson,
    #[error(
        "the idempotency key is missing: no string, integer of 64 bits or boolean at {0:?} in the payload, or an empty one"
    )]
    Payload(String),
    #[error("the idempotency key is missing: the declared function gives none, or an empty one")]
    Function,
    #[error("the idempotency key is missing: the declared function panicked")]
    Panic,
}

impl Idempotency {
    /// All deliveries with one message id: each redelivery of Pub/Sub, but not a publisher's second publish of the same event.
    #[must_use]
    pub fn by_message_id() -> Self {
        Self::by(Key::MessageId)
    }

    /// All messages with one value of this attribute, which the publisher gives to every publish of the same event. A message
    /// without it is dead-lettered.
    pub fn by_attribute(name: impl Into<String>) -> Self {
        Self::by(Key::Attribute(name.into()))
    }

    /// All messages with one value at this place of their JSON payload, a JSON Pointer (RFC 6901) such as `/order/id`, where
    /// a string, an integer of at most 64 bits or a boolean must stand. A message without it is dead-lettered.
    pub fn by_payload(pointer: impl Into<String>) -> Self {
        Self::by(Key::Payload(pointer.into()))
    }

    /// All messages for which this function gives the same text; one for which it gives none is dead-lettered.
    pub fn by_function(key: impl Fn(&Delivery) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::by(Key::Function(Arc::new(key)))
    }

    /// The handler runs for each delivery, duplicates included; `reason` says why that is harmless.
    pub fn none(reason: impl Into<String>) -> Self {
        Self::by(Key::None(reason.into()))
    }

    /// What becomes of a message whose key was handled before with another payload; by default it is dead-lettered. A message
    /// id always has one payload.
    #[must_use]
    pub fn on_conflict(mut self, conflict: Conflict) -> Self {
        self.conflict = conflict;
        self
    }

    fn by(key: Key) -> Self {
        Self {
            key,
            conflict: Conflict::default(),
        }
    }

    pub(crate) fn conflict(&self) -> Conflict {
        self.conflict
    }

    /// Whether anything is remembered at all.
    pub(crate) fn is_guarded(&self) -> bool {
        !matches!(self.key, Key::None(_))
    }

    /// What the key is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.key {
            Key::MessageId => "messageId",
            Key::Attribute(_) => "attribute",
            Key::Payload(_) => "payload",
            Key::Function(_) => "function",
            Key::None(_) => "none",
        }
    }

    /// Where the key stands: the attribute, or the place in the payload.
    pub(crate) fn place(&self) -> Option<&str> {
        match &self.key {
            Key::Attribute(place) | Key::Payload(place) => Some(place),
            Key::MessageId | Key::Function(_) | Key::None(_) => None,
        }
    }

    /// Why there is no key, where there is none.
    pub(crate) fn reason(&self) -> Option<&str> {
        match &self.key {
            Key::None(reason) => Some(reason),
            _ => None,
        }
    }

    /// The attribute that is the key, if it is one.
    pub(crate) fn attribute(&self) -> Option<&str> {
        match &self.key {
            Key::Attribute(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the key stands beside the payload, where a push of payload alone has nothing.
    pub(crate) fn needs_metadata(&self) -> bool {
        matches!(self.key, Key::MessageId | Key::Attribute(_))
    }

    /// What this delivery is known by.
    pub(crate) fn identify(&self, delivery: &Delivery) -> Result<Identity, NoKey> {
        let key = match &self.key {
            Key::MessageId | Key::None(_) => return Ok(Identity::of_message(delivery)),
            Key::Attribute(name) => delivery
                .context
                .attributes
                .get(name)
                .filter(|value| !value.is_empty())
                .cloned()
                .ok_or_else(|| NoKey::Attribute(name.clone()))?,
            Key::Payload(pointer) => from_payload(&delivery.data, pointer)?,
            Key::Function(function) => catch_unwind(AssertUnwindSafe(|| function(delivery)))
                .map_err(|_| NoKey::Panic)?
                .filter(|key| !key.is_empty())
                .ok_or(NoKey::Function)?,
        };
        Ok(Identity {
            id: hashed(&key),
            fingerprint: Some(Fingerprint::of(&delivery.data)),
        })
    }

    /// What is wrong with the declaration itself.
    pub(super) fn fault(&self) -> Option<&'static str> {
        match &self.key {
            Key::None(reason) if reason.trim().is_empty() => {
                Some("Idempotency::none needs the reason why running twice is harmless")
            }
            Key::Attribute(name) if name.is_empty() => {
                Some("Idempotency::by_attribute needs the name of an attribute")
            }
            Key::Payload(pointer) if !pointer.starts_with('/') => Some(
                "Idempotency::by_payload needs a JSON Pointer that begins with a slash, such as \"/order/id\"",
            ),
            _ => None,
        }
    }
}

impl Identity {
    /// By the message id alone.
    pub(crate) fn of_message(delivery: &Delivery) -> Self {
        Self {
            id: delivery.context.message_id.to_string(),
            fingerprint: None,
        }
    }
}

fn from_payload(data: &[u8], pointer: &str) -> Result<String, NoKey> {
    match json_pointer::find(data, pointer) {
        Ok(Some(key)) if !key.is_empty() => Ok(key),
        Ok(_) => Err(NoKey::Payload(pointer.to_owned())),
        Err(_may_quote) => Err(NoKey::NotJson),
    }
}

/// No message id of Google's looks like that.
fn hashed(key: &str) -> String {
    format!("key:{}", hash::digits(key.as_bytes()))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageId => f.write_str("MessageId"),
            Self::Attribute(name) => f.debug_tuple("Attribute").field(name).finish(),
            Self::Payload(pointer) => f.debug_tuple("Payload").field(pointer).finish(),
            Self::Function(_) => f.write_str("Function"),
            Self::None(reason) => f.debug_tuple("None").field(reason).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::context::Context;
    use crate::handler::state::States;

    fn delivery(data: &'static str) -> Delivery {
        let mut context = Context::for_test("17");
        let attributes = [("event", "e-1"), ("empty", "")];
        context.attributes = Arc::new(
            attributes
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        );
        Delivery {
            data: data.into(),
            context,
            states: States::default(),
        }
    }

    fn id(idempotency: &Idempotency, data: &'static str) -> Result<String, NoKey> {
        idempotency
            .identify(&delivery(data))
            .map(|identity| identity.id)
    }

    #[test]
    fn a_key_is_the_same_wherever_it_stands_and_cannot_be_read() {
        let order = r#"{"order":{"id":"e-1"},"n":7}"#;
        let by_attribute = id(&Idempotency::by_attribute("event"), order).expect("a key");
        let by_payload = id(&Idempotency::by_payload("/order/id"), order).expect("a key");
        let by_function = Idempotency::by_function(|_| Some("e-1".into()));
        assert_eq!(by_attribute, by_payload);
        assert_eq!(by_attribute, id(&by_function, order).expect("a key"));
        assert!(by_attribute.starts_with("key:") && by_attribute.len() == 36);
        assert_ne!(
            by_attribute,
            id(&Idempotency::by_payload("/n"), order).expect("a key")
        );
        assert_eq!(
            id(&Idempotency::by_message_id(), order).as_deref(),
            Ok("17")
        );
    }

    #[test]
    fn a_message_without_its_key_says_where_it_was_looked_for() {
        let check = |idempotency: Idempotency, data, expected: NoKey| {
            assert_eq!(id(&idempotency, data), Err(expected));
        };
        let at = |pointer: &str| Idempotency::by_payload(pointer);
        let attribute = |name: &str| Idempotency::by_attribute(name);
        check(attribute("none"), "{}", NoKey::Attribute("none".into()));
        check(attribute("empty"), "{}", NoKey::Attribute("empty".into()));
        for data in [
            r#"{"id":null}"#,
            r#"{"id":1.5}"#,
            r#"{"id":100000000000000000000001}"#,
            r#"{"id":{}}"#,
            r#"{"id":""}"#,
            "[]",
            "7",
        ] {
            check(at("/id"), data, NoKey::Payload("/id".into()));
        }
        check(at("/id"), "hush", NoKey::NotJson);
        check(Idempotency::by_function(|_| None), "", NoKey::Function);
        check(
            Idempotency::by_function(|_| panic!("hush")),
            "",
            NoKey::Panic,
        );
    }

    #[test]
    fn only_a_key_of_the_publishers_own_has_a_fingerprint() {
        let fingerprint = |idempotency: Idempotency, data| {
            idempotency
                .identify(&delivery(data))
                .expect("a key")
                .fingerprint
        };
        assert_eq!(fingerprint(Idempotency::by_message_id(), "a"), None);
        let by_event = || Idempotency::by_attribute("event");
        assert_ne!(fingerprint(by_event(), "a"), fingerprint(by_event(), "b"));
        assert_eq!(fingerprint(by_event(), "a"), fingerprint(by_event(), "a"));
    }
}
