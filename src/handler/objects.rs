//! Rejects arrays in place of objects in values that `serde` buffers: tagged and untagged enums, and flattened structs.
//!
//! From its buffer `serde` accepts an array of the fields' values as a struct. Only the type's JSON Schema states that an object is
//! required there.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::Value;

use crate::handler::field_names::Place;

/// A reader of a value that rejects an array at each place where the schema requires an object.
pub(crate) struct Objects<'a>(Place<'a>);

impl<'a> Objects<'a> {
    pub(crate) fn of(schema: &'a Value) -> Self {
        Self(Place::root(schema))
    }
}

impl<'de> DeserializeSeed<'de> for Objects<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        inner.deserialize_any(self)
    }
}

/// Accepts values of these kinds.
macro_rules! accept {
    ($($method:ident($($kind:ty)?))*) => {$(
        fn $method<E: Error>(self, $(_: $kind)?) -> Result<(), E> {
            Ok(())
        }
    )*};
}

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    accept! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_unit() }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.0.expects_object() {
            return Err(A::Error::invalid_type(
                Unexpected::Seq,
                &"an object, not an array",
            ));
        }
        let elements = self.0.elements();
        if elements.is_unknown() {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while items.next_element_seed(Self(elements.clone()))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value_seed(Self(self.0.value(&key)))?;
        }
        Ok(())
    }
}
