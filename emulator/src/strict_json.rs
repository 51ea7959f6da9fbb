//! Strict JSON objects. Derived `serde` code also accepts an array for a struct, and takes the last value of a repeated key
//! of a map.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value that accepts only an object.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadObject(PhantomData))
    }
}

/// Reads an optional object, for `#[serde(deserialize_with = "…")]`.
pub(crate) fn optional<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let read = Option::<Object<T>>::deserialize(deserializer)?;
    Ok(read.map(|Object(value)| value))
}

/// Reads texts by unique keys, for `#[serde(deserialize_with = "…")]`.
pub(crate) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_map(ReadTexts)
}

struct ReadObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ReadObject<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

struct ReadTexts;

impl<'de> Visitor<'de> for ReadTexts {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((key, text)) = map.next_entry()? {
            if texts.contains_key(&key) {
                return Err(A::Error::custom(format!("{key:?} is given twice")));
            }
            texts.insert(key, text);
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;

    fn rejected(json: &str, words: &str) {
        let read = serde_json::from_str::<Object<Faults>>(json);
        let error = read.err().unwrap().to_string();
        assert!(error.starts_with(words), "{error}");
    }

    #[test]
    fn an_object_is_no_array() {
        rejected("[0.1]", "invalid type: sequence, expected an object");
        let delay = r#"{"delay": [1, "0s", "1s"]}"#;
        rejected(delay, "invalid type: sequence, expected an object");
        let token = r#"{"token": [1, "any"]}"#;
        rejected(token, "invalid type: sequence, expected an object");
        let burst = r#"{"burst": [2, "1s"]}"#;
        rejected(burst, "invalid type: sequence, expected an object");
    }

    #[test]
    fn an_object_has_each_field_once() {
        let twice = r#"{"duplicate": 0.1, "duplicate": 0.1}"#;
        rejected(twice, "duplicate field `duplicate`");
    }

    #[test]
    fn a_field_that_is_null_is_absent() {
        let read: Object<Faults> = serde_json::from_str(r#"{"delay": null}"#).unwrap();
        assert_eq!(read.0, Faults::none());
    }
}
