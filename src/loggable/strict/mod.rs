//! Reads JSON more strictly than `serde` does, with errors that quote no value.
//!
//! A struct with a derived `Deserialize` can also be read from an array of its fields' values. No publisher intends that, so an
//! array is rejected in place of a struct. Errors name expectations only: a value may be secret, and as large as the document.

mod clean;
mod trail;

use std::cell::RefCell;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};

pub(crate) use self::clean::Clean;
pub(crate) use self::trail::{Step, Thinning, Trail};

/// The longest key that counts as a name. Longer keys are data.
const NAME_LIMIT_BYTES: usize = 64;

/// The key under which `serde_json` hands over numbers if a crate has switched on its feature `arbitrary_precision`.
pub(crate) const NUMBER: &str = "$serde_json::private::Number";

/// A JSON deserializer around another one.
pub(crate) struct Strict<'a, D> {
    inner: D,
    trail: &'a Trail,
    /// The place to record a key, if this reads the key of an object.
    key: Option<&'a RefCell<String>>,
}

impl<'a, D> Strict<'a, D> {
    pub(crate) fn new(inner: D, trail: &'a Trail) -> Self {
        Self {
            inner,
            trail,
            key: None,
        }
    }

    fn split<V>(self, visitor: V, target: Target) -> (D, Reading<'a, V>) {
        let reading = Reading {
            visitor,
            target,
            trail: self.trail,
            key: self.key,
        };
        (self.inner, reading)
    }
}

/// Reads numbers with [`Deserializer::deserialize_any`], whose errors quote no value. In keys, where numbers are strings, the method
/// itself is called.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let is_key = self.key.is_some();
            let (inner, reading) = self.split(visitor, Target::Number);
            let read = if is_key {
                inner.$method(reading)
            } else {
                inner.deserialize_any(reading)
            };
            read.map_err(Clean)
        }
    )*};
}

/// Reads other types with [`Deserializer::deserialize_any`].
macro_rules! others {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, Self::Error> {
            let (inner, reading) = self.split(visitor, Target::Other);
            inner.deserialize_any(reading).map_err(Clean)
        }
    )*};
}

/// Calls the same method of the inner deserializer.
macro_rules! direct {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, Self::Error> {
            let (inner, reading) = self.split(visitor, Target::Other);
            inner.$method($($argument,)* reading).map_err(Clean)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = Clean<D::Error>;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let (inner, reading) = self.split(visitor, Target::Anything);
        inner.deserialize_any(reading).map_err(Clean)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let (inner, reading) = self.split(visitor, Target::Struct);
        inner.deserialize_any(reading).map_err(Clean)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let (inner, reading) = self.split(visitor, Target::Map);
        inner.deserialize_any(reading).map_err(Clean)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let (inner, reading) = self.split(Variant(visitor), Target::Other);
        inner.deserialize_any(reading).map_err(Clean)
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    direct! {
        deserialize_i128() deserialize_u128() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_newtype_struct(name: &'static str) deserialize_ignored_any()
    }

    others! {
        deserialize_char() deserialize_str() deserialize_string() deserialize_unit()
        deserialize_unit_struct(_name: &'static str) deserialize_seq() deserialize_tuple(_length: usize)
        deserialize_tuple_struct(_name: &'static str, _length: usize) deserialize_identifier()
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The kind of value that a visitor reads, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Struct,
    /// Also the fields of an enum's variant.
    Map,
    Number,
    /// A value of any kind, also one that `serde` buffers for tagged and untagged enums and flattened structs.
    Anything,
    Other,
}

/// A visitor that applies this module's rules to all nested values.
struct Reading<'a, V> {
    visitor: V,
    target: Target,
    trail: &'a Trail,
    key: Option<&'a RefCell<String>>,
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

/// The elements of an array.
struct Items<'a, A> {
    inner: A,
    index: usize,
    trail: &'a Trail,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = Clean<A::Error>;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        while !self.trail.keeps(self.index) {
            let skipped = self.inner.next_element::<IgnoredAny>().map_err(Clean)?;
            if skipped.is_none() {
                return Ok(None);
            }
            self.index += 1;
        }
        let index = self.index;
        self.index += 1;
        let seed = Inside {
            seed,
            trail: self.trail,
            key: None,
        };
        self.inner.next_element_seed(seed).map_err(|error| {
            self.trail.push(Step::Index(index));
            Clean(error)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The entries of an object.
struct Entries<'a, A> {
    inner: A,
    /// True for a struct, of which no entry may be skipped.
    is_whole: bool,
    index: usize,
    trail: &'a Trail,
    /// The last key, empty if it does not look like a name.
    key: RefCell<String>,
}

impl<A> Entries<'_, A> {
    fn push_key(&self) {
        let key = Some(self.key.take()).filter(|key| !key.is_empty());
        self.trail.push(Step::Key(key));
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = Clean<A::Error>;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        while !self.is_whole && !self.trail.keeps(self.index) {
            let skipped = self.inner.next_entry::<IgnoredAny, IgnoredAny>();
            if skipped.map_err(Clean)?.is_none() {
                return Ok(None);
            }
            self.index += 1;
        }
        self.index += 1;
        self.key.borrow_mut().clear();
        let seed = Inside {
            seed,
            trail: self.trail,
            key: Some(&self.key),
        };
        self.inner.next_key_seed(seed).map_err(|error| {
            // An unknown field, or a syntax error before the next one.
            if !self.key.borrow().is_empty() {
                self.push_key();
            }
            Clean(error)
        })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Self::Error> {
        let seed = Inside {
            seed,
            trail: self.trail,
            key: None,
        };
        self.inner.next_value_seed(seed).map_err(|error| {
            self.push_key();
            Clean(error)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// A seed that applies this module's rules.
struct Inside<'a, S> {
    seed: S,
    trail: &'a Trail,
    key: Option<&'a RefCell<String>>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inside<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let strict = Strict {
            inner,
            trail: self.trail,
            key: self.key,
        };
        self.seed.deserialize(strict).map_err(Clean::into_inner)
    }
}

/// A visitor of an enum in `serde`'s default form: the name of the variant, or an object of this name and its content.
struct Variant<V>(V);

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
