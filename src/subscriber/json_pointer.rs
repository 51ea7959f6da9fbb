//! Finds a scalar in a JSON text by its place, a JSON Pointer (RFC 6901), in memory that does not grow with the text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::loggable::strict::NUMBER;

/// Finds the string, integer of at most 64 bits or boolean at a place, as text; `None` if there is none.
///
/// An object that has the pointer's key twice has nothing at that place: two readers could see two values.
///
/// # Errors
/// When the text is not one JSON document.
pub(crate) fn find(text: &[u8], pointer: &str) -> Result<Option<String>, serde_json::Error> {
    let keys: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|key| key.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut json = serde_json::Deserializer::from_slice(text);
    let found = Place { keys: &keys }.deserialize(&mut json)?;
    json.end()?;
    Ok(found)
}

/// A place below the value that is read next, as the keys that lead there.
#[derive(Clone, Copy)]
struct Place<'a> {
    keys: &'a [String],
}

impl Place<'_> {
    /// Returns the text if it stands at the place, and not above it.
    fn here(self, text: impl FnOnce() -> String) -> Option<String> {
        self.keys.is_empty().then(text)
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        inner.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(self.here(|| flag.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.here(|| number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.here(|| number.to_string()))
    }

    /// Other numbers are rounded when they are read, so that two could become one.
    fn visit_f64<E: Error>(self, _rounded: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.here(|| text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let wanted = self.keys.split_first();
        let wanted = wanted.and_then(|(key, rest)| Some((index(key)?, rest)));
        let mut found = None;
        for at in 0_usize.. {
            let is_over = match wanted {
                Some((index, rest)) if index == at => {
                    let inside = items.next_element_seed(Place { keys: rest })?;
                    let is_over = inside.is_none();
                    found = inside.flatten();
                    is_over
                }
                _ => items.next_element::<IgnoredAny>()?.is_none(),
            };
            if is_over {
                break;
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let wanted = self.keys.split_first();
        let (mut found, mut times) = (None, 0_u32);
        if self.keys.is_empty() {
            return digits(entries);
        }
        while let Some(is_wanted) = entries.next_key_seed(Key(wanted.map(|(key, _)| key)))? {
            match wanted {
                Some((_, rest)) if is_wanted => {
                    found = entries.next_value_seed(Place { keys: rest })?;
                    times = times.saturating_add(1);
                }
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found.filter(|_| times == 1))
    }
}

/// Reads a number as `arbitrary_precision` hands it over, which is a map, and every other map as nothing.
fn digits<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Option<String>, A::Error> {
    let number = NUMBER.to_owned();
    let mut found = None;
    while let Some(is_number) = entries.next_key_seed(Key(Some(&number)))? {
        if is_number {
            found = Some(entries.next_value::<String>()?);
        } else {
            entries.next_value::<IgnoredAny>()?;
        }
    }
    let is_whole = |digits: &String| digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok();
    Ok(found.filter(is_whole))
}

/// Returns the index that a key is: digits without a leading zero (RFC 6901, 4).
fn index(key: &str) -> Option<usize> {
    let is_plain = key == "0" || !key.starts_with('0');
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && is_number).then(|| key.parse().ok()).flatten()
}

/// Compares a key with the wanted one without keeping it.
struct Key<'a>(Option<&'a String>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<bool, D::Error> {
        inner.deserialize_identifier(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(self.0.is_some_and(|wanted| wanted == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_as_rfc_6901_writes_it() {
        let text = r#"{"a":{"b":["x",{"c":true}],"":"empty"},"m~n":1,"o/p":-7,"~1":"tilde","n":18446744073709551615,
            "1":"key","f":1.0,"big":18446744073709551616,"null":null,"e\u0041":"escaped"}"#;
        let found = |pointer| find(text.as_bytes(), pointer).expect("JSON");
        for (pointer, expected) in [
            ("/a/b/0", "x"),
            ("/a/b/1/c", "true"),
            ("/a/", "empty"),
            ("/m~0n", "1"),
            ("/o~1p", "-7"),
            ("/~01", "tilde"),
            ("/n", "18446744073709551615"),
            ("/1", "key"),
            ("/eA", "escaped"),
        ] {
            assert_eq!(found(pointer).as_deref(), Some(expected), "{pointer}");
        }
        for pointer in [
            "/a", "/a/b", "/a/b/2", "/a/b/00", "/a/b/01", "/a/b/-", "/a/b/+1", "/a/b/0/0", "/f",
            "/big", "/null", "/none", "/a/b/1",
        ] {
            assert_eq!(found(pointer), None, "{pointer}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_on_the_way_is_no_key() {
        let found = |text: &str, pointer| find(text.as_bytes(), pointer).expect("JSON");
        assert_eq!(found(r#"{"id":"a","id":"b"}"#, "/id"), None);
        assert_eq!(found(r#"{"o":{"id":"a"},"o":1}"#, "/o/id"), None);
        let beside = r#"{"x":1,"x":2,"id":"a"}"#;
        assert_eq!(found(beside, "/id").as_deref(), Some("a"));
    }

    #[test]
    fn what_is_not_one_document_has_no_places() {
        for text in ["", "{", r#"{"id":"a"} hush"#, r#"{"id":"a",}"#, "hush"] {
            assert!(find(text.as_bytes(), "/id").is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(find(deep.as_bytes(), "/id").is_err());
    }
}
