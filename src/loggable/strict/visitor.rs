//! The visitors that apply the rules to the values of a document.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use super::access::{Entries, Items};
use super::clean::Clean;
use super::trail::Trail;
use super::{NUMBER, Strict};

/// The longest key that counts as a name. Longer keys are data.
const NAME_LIMIT_BYTES: usize = 64;

/// The kind of value that a visitor reads, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Struct,
    /// Also the fields of an enum's variant.
    Map,
    Number,
    /// A value of any kind, also one that `serde` buffers for tagged and untagged enums and flattened structs.
    Anything,
    Other,
}

/// A visitor that applies this module's rules to all nested values.
pub(super) struct Reading<'a, V> {
    pub(super) visitor: V,
    pub(super) target: Target,
    pub(super) trail: &'a Trail,
    pub(super) key: Option<&'a RefCell<String>>,
}

impl<'a, V> Reading<'a, V> {
    fn note(&self, found: &str) {
        let Some(key) = self.key else { return };
        let is_name = found.len() <= NAME_LIMIT_BYTES
            && found
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let mut key = key.borrow_mut();
        key.clear();
        key.push_str(if is_name { found } else { "" });
    }

    fn inside<D>(self, inner: D) -> (V, Strict<'a, D>) {
        let strict = Strict {
            inner,
            trail: self.trail,
            key: self.key,
        };
        (self.visitor, strict)
    }
}

/// Passes plain values on.
macro_rules! plain {
    ($($method:ident($($value:ident: $kind:ty)?))*) => {$(
        fn $method<E: Error>(self, $($value: $kind)?) -> Result<V::Value, E> {
            self.visitor.$method($($value)?).map_err(Clean::into_inner)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reading<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    plain! {
        visit_bool(value: bool) visit_i8(value: i8) visit_i16(value: i16) visit_i32(value: i32) visit_i64(value: i64)
        visit_i128(value: i128) visit_u8(value: u8) visit_u16(value: u16) visit_u32(value: u32) visit_u64(value: u64)
        visit_u128(value: u128) visit_f32(value: f32) visit_f64(value: f64) visit_char(value: char) visit_bytes(value: &[u8])
        visit_borrowed_bytes(value: &'de [u8]) visit_byte_buf(value: Vec<u8>) visit_none() visit_unit()
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.note(value);
        self.visitor.visit_str(value).map_err(Clean::into_inner)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.note(value);
        let read = self.visitor.visit_borrowed_str(value);
        read.map_err(Clean::into_inner)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<V::Value, E> {
        self.note(&value);
        self.visitor.visit_string(value).map_err(Clean::into_inner)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (visitor, strict) = self.inside(inner);
        visitor.visit_some(strict).map_err(Clean::into_inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let (visitor, strict) = self.inside(inner);
        let read = visitor.visit_newtype_struct(strict);
        read.map_err(Clean::into_inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        if matches!(self.target, Target::Struct | Target::Map) {
            return Err(A::Error::invalid_type(
                Unexpected::Seq,
                &"an object, not an array",
            ));
        }
        if self.target == Target::Anything {
            self.trail.note_opaque_array();
        }
        let items = Items {
            inner,
            index: 0,
            trail: self.trail,
        };
        self.visitor.visit_seq(items).map_err(Clean::into_inner)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut inner: A) -> Result<V::Value, A::Error> {
        if self.target == Target::Number {
            return number(self.visitor, &mut inner);
        }
        let entries = Entries {
            inner,
            is_whole: self.target == Target::Struct,
            index: 0,
            trail: self.trail,
            key: RefCell::default(),
        };
        self.visitor.visit_map(entries).map_err(Clean::into_inner)
    }
}

/// Reads a number in the form of `arbitrary_precision`: a map of [`NUMBER`] to its digits.
fn number<'de, V: Visitor<'de>, A: MapAccess<'de>>(
    visitor: V,
    map: &mut A,
) -> Result<V::Value, A::Error> {
    if map.next_key::<String>()?.is_none_or(|key| key != NUMBER) {
        return Err(A::Error::invalid_type(Unexpected::Map, &visitor));
    }
    let digits: String = map.next_value()?;
    let visited = if let Ok(whole) = digits.parse() {
        visitor.visit_u64(whole)
    } else if let Ok(whole) = digits.parse() {
        visitor.visit_i64(whole)
    } else if let Ok(rounded) = digits.parse() {
        visitor.visit_f64(rounded)
    } else {
        return Err(A::Error::invalid_type(Unexpected::Map, &visitor));
    };
    visited.map_err(Clean::into_inner)
}

/// A visitor of an enum in `serde`'s default form: the name of the variant, or an object of this name and its content.
pub(super) struct Variant<V>(pub(super) V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Variant<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        self.0.visit_enum(name.into_deserializer())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(MapAccessDeserializer::new(map))
    }
}
