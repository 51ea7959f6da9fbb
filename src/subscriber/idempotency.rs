//! The idempotency key: deliveries with one key are the same message.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::collector::Faults;
use crate::dedup::Fingerprint;
use crate::handler::Input;
use crate::loggable::hash;
use crate::subscriber::json_pointer;

/// The rule by which deliveries count as the same message.
///
/// A key that is not the message id is stored as a hash. Values of attributes and payloads reach neither the store nor a log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(description = "The rule by which deliveries count as the same message.")]
pub struct Idempotency {
    #[serde(flatten)]
    key: Key,
    #[serde(rename = "onConflict")]
    conflict: Conflict,
}

type KeyFunction = Arc<dyn Fn(&Input) -> Option<String> + Send + Sync>;

#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum Key {
    MessageId,
    /// The name of the attribute that is the key.
    Attribute {
        key: String,
    },
    /// The place of the key in the payload, a JSON Pointer.
    Payload {
        key: String,
    },
    Function {
        #[serde(skip)]
        function: KeyFunction,
    },
    /// The reason why running twice is harmless.
    None {
        reason: String,
    },
}

/// The fate of a message whose key was handled before with another payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Conflict {
    /// It goes to the dead-letter topic, where a person decides: two events have been given one key, or one has changed.
    #[default]
    DeadLetter,
    /// It counts as handled, like any duplicate.
    Ignore,
    /// It is redelivered until Pub/Sub dead-letters it after the last attempt, or the record of the first one expires.
    Retry,
}

/// The identity of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: String,
    /// The fingerprint of the payload, if the key does not imply the payload.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// The reason why a message has no key. The text names places, never a value.
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
    /// Recognises each redelivery of Pub/Sub by its message id, but not a publisher's second publish of the same event.
    #[must_use]
    pub fn by_message_id() -> Self {
        Self::with(Key::MessageId)
    }

    /// Recognises messages by this attribute, which the publisher sets to the same value in every publish of an event. A
    /// message without it is dead-lettered.
    pub fn by_attribute(name: impl Into<String>) -> Self {
        Self::with(Key::Attribute { key: name.into() })
    }

    /// Recognises messages by the value at this place of their JSON payload, a JSON Pointer (RFC 6901) such as `/order/id`. The
    /// value must be a string, an integer of at most 64 bits or a boolean. A message without it is dead-lettered.
    pub fn by_payload(pointer: impl Into<String>) -> Self {
        Self::with(Key::Payload {
            key: pointer.into(),
        })
    }

    /// Recognises messages by the text that this function returns. A message for which it returns none is dead-lettered.
    pub fn by_function(key: impl Fn(&Input) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with(Key::Function {
            function: Arc::new(key),
        })
    }

    /// Runs the handler for each delivery, duplicates included. `reason` explains why that is harmless.
    pub fn none(reason: impl Into<String>) -> Self {
        Self::with(Key::None {
            reason: reason.into(),
        })
    }

    /// Sets the fate of a message whose key was handled before with another payload; by default it is dead-lettered. A message
    /// id always has one payload.
    #[must_use]
    pub fn on_conflict(mut self, conflict: Conflict) -> Self {
        self.conflict = conflict;
        self
    }

    fn with(key: Key) -> Self {
        Self {
            key,
            conflict: Conflict::default(),
        }
    }

    pub(crate) fn conflict(&self) -> Conflict {
        self.conflict
    }

    /// Returns true if handled messages are remembered.
    pub(crate) fn is_guarded(&self) -> bool {
        !matches!(self.key, Key::None { .. })
    }

    /// Returns the kind of the key in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.key {
            Key::MessageId => "messageId",
            Key::Attribute { .. } => "attribute",
            Key::Payload { .. } => "payload",
            Key::Function { .. } => "function",
            Key::None { .. } => "none",
        }
    }

    /// Describes the key that publishers give their messages; `None` if the message id is the key.
    pub(crate) fn by(&self) -> Option<String> {
        match &self.key {
            Key::MessageId | Key::None { .. } => None,
            Key::Attribute { key } => Some(format!("the attribute {key:?}")),
            Key::Payload { key } => Some(format!("the value at {key:?} in their payload")),
            Key::Function { .. } => Some("the text of their declared function".to_owned()),
        }
    }

    /// Returns the attribute, or the place in the payload, that is the key.
    pub(crate) fn place(&self) -> Option<&str> {
        match &self.key {
            Key::Attribute { key } | Key::Payload { key } => Some(key),
            Key::MessageId | Key::Function { .. } | Key::None { .. } => None,
        }
    }

    /// Returns the reason why there is no key, if there is none.
    pub(crate) fn reason(&self) -> Option<&str> {
        match &self.key {
            Key::None { reason } => Some(reason),
            _ => None,
        }
    }

    /// Returns the attribute that is the key, if it is one.
    pub(crate) fn attribute(&self) -> Option<&str> {
        match &self.key {
            Key::Attribute { key } => Some(key),
            _ => None,
        }
    }

    /// Returns true if the key is metadata, which a push of payload alone does not have.
    pub(crate) fn needs_metadata(&self) -> bool {
        matches!(self.key, Key::MessageId | Key::Attribute { .. })
    }

    /// Returns the identity of this delivery.
    pub(crate) fn identify(&self, input: &Input) -> Result<Identity, NoKey> {
        let key = match &self.key {
            Key::MessageId | Key::None { .. } => return Ok(Identity::of_message(input)),
            Key::Attribute { key } => input
                .context
                .attributes
                .get(key)
                .filter(|value| !value.is_empty())
                .cloned()
                .ok_or_else(|| NoKey::Attribute(key.clone()))?,
            Key::Payload { key } => from_payload(&input.data, key)?,
            Key::Function { function } => catch_unwind(AssertUnwindSafe(|| function(input)))
                .map_err(|_| NoKey::Panic)?
                .filter(|key| !key.is_empty())
                .ok_or(NoKey::Function)?,
        };
        Ok(Identity {
            id: Identity::of_key(&key),
            fingerprint: Some(Fingerprint::of(&input.data)),
        })
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        match &self.key {
            Key::None { reason } => faults.require(!reason.trim().is_empty(), || {
                "Idempotency::none needs the reason why running twice is harmless"
            }),
            Key::Attribute { key } => faults.require(!key.is_empty(), || {
                "Idempotency::by_attribute needs the name of an attribute"
            }),
            Key::Payload { key } => faults.require(key.starts_with('/'), || {
                "Idempotency::by_payload needs a JSON Pointer that begins with a slash, such as \"/order/id\""
            }),
            Key::MessageId | Key::Function { .. } => {}
        }
    }
}

impl Identity {
    /// Returns the id of the messages with this key. No message id of Google's can equal it.
    pub(crate) fn of_key(key: &str) -> String {
        format!("key:{}", hash::digits(key.as_bytes()))
    }

    /// Returns the identity by the message id alone.
    pub(crate) fn of_message(input: &Input) -> Self {
        Self {
            id: input.context.message_id.to_string(),
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

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = match self {
            Self::MessageId => ("MessageId", None),
            Self::Attribute { key } => ("Attribute", Some(key)),
            Self::Payload { key } => ("Payload", Some(key)),
            Self::Function { .. } => ("Function", None),
            Self::None { reason } => ("None", Some(reason)),
        };
        match text {
            Some(text) => f.debug_tuple(kind).field(text).finish(),
            None => f.write_str(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::context::Context;
    use crate::handler::state::States;

    fn input(data: &'static str) -> Input {
        let mut context = Context::for_test("17");
        let attributes = [("event", "e-1"), ("empty", "")];
        context.attributes = Arc::new(
            attributes
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        );
        Input {
            data: data.into(),
            context,
            states: States::default(),
        }
    }

    fn id(idempotency: &Idempotency, data: &'static str) -> Result<String, NoKey> {
        idempotency
            .identify(&input(data))
            .map(|identity| identity.id)
    }

    /// Returns the key of a message that has `e-1` as an attribute, too.
    fn key(idempotency: &Idempotency) -> String {
        id(idempotency, r#"{"order":{"id":"e-1"},"n":7}"#).expect("a key")
    }

    #[test]
    fn a_key_is_the_same_wherever_it_stands() {
        let by_attribute = key(&Idempotency::by_attribute("event"));
        let by_function = Idempotency::by_function(|_| Some("e-1".into()));
        assert_eq!(by_attribute, key(&Idempotency::by_payload("/order/id")));
        assert_eq!(by_attribute, key(&by_function));
    }

    #[test]
    fn a_key_cannot_be_read() {
        let key = key(&Idempotency::by_attribute("event"));
        assert!(key.starts_with("key:"), "{key}");
        assert_eq!(key.len(), 36);
    }

    #[test]
    fn other_values_make_other_keys() {
        let by_attribute = key(&Idempotency::by_attribute("event"));
        assert_ne!(by_attribute, key(&Idempotency::by_payload("/n")));
    }

    #[test]
    fn a_message_id_is_used_as_it_is() {
        assert_eq!(key(&Idempotency::by_message_id()), "17");
    }

    #[test]
    fn a_missing_key_is_named_with_its_place() {
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
                .identify(&input(data))
                .expect("a key")
                .fingerprint
        };
        assert_eq!(fingerprint(Idempotency::by_message_id(), "a"), None);
        let by_event = || Idempotency::by_attribute("event");
        assert_ne!(fingerprint(by_event(), "a"), fingerprint(by_event(), "b"));
        assert_eq!(fingerprint(by_event(), "a"), fingerprint(by_event(), "a"));
    }
}
