//! Reads JSON more strictly than `serde` does, with errors that quote no value.
//!
//! A struct with a derived `Deserialize` can also be read from an array of its fields' values. No publisher intends that, so an
//! array is rejected in place of a struct. Errors name expectations only: a value may be secret, and as large as the document.

mod access;
mod clean;
mod trail;
mod visitor;

use std::cell::RefCell;

use serde::de::{Deserializer, Visitor};

pub(crate) use self::clean::Clean;
pub(crate) use self::trail::{Step, Thinning, Trail};
use self::visitor::{Reading, Target, Variant};

/// The key under which `serde_json` passes numbers if a crate has enabled its feature `arbitrary_precision`.
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
