//! Rejects JSON with a repeated field, of which the library would take the last value.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use prost_reflect::{Kind, MessageDescriptor};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most bytes of an unknown field's name in an error.
const MAX_NAME_CHARS: usize = 64;
/// The end of an error text, after the name of the field.
pub(super) const GIVEN_TWICE: &str = "is given twice";

/// Reads and discards a value. Fields of a message have two spellings; other keys have one.
pub(super) struct Once {
    message: Option<MessageDescriptor>,
}

impl Once {
    pub(super) fn of(message: &MessageDescriptor) -> Self {
        let message = Some(message.clone());
        Self { message }
    }

    /// Returns the canonical name of a field, and the type of its value.
    fn field<'a>(&self, key: &'a str) -> (Cow<'a, str>, Self) {
        let field = self.message.as_ref().and_then(|message| {
            let by_json_name = message.get_field_by_json_name(key);
            by_json_name.or_else(|| message.get_field_by_name(key))
        });
        let Some(field) = field else {
            return (Cow::Borrowed(key), Self { message: None });
        };
        let message = match field.kind() {
            Kind::Message(message) if !field.is_map() => Some(message),
            _ => None,
        };
        (Cow::Owned(field.name().to_owned()), Self { message })
    }
}

impl<'de> DeserializeSeed<'de> for &Once {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Once {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
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
        Ok(())
    }
}

/// Returns an excerpt of a client's name.
pub(super) fn excerpt(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).collect()
}
