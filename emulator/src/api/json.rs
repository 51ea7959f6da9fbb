//! Proto3 JSON: bytes as Base64, durations as seconds with an `s`, numbers also as strings, and what counts as not set.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::ApiError;
use crate::subscription::MAX_DURATION;

/// Both alphabets are read, padded or not (*ProtoJSON format*, `bytes`).
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// An object; derived structs alone would also read the array of their fields.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Visit(PhantomData)).map(Self)
    }
}

/// A field that is an object, or nothing.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let object: Option<Object<T>> = Option::deserialize(deserializer)?;
    Ok(object.map(|Object(read)| read))
}

/// A field that is a list of objects, or nothing.
pub(super) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects: Vec<Object<T>> = nullable(deserializer)?;
    Ok(objects.into_iter().map(|Object(read)| read).collect())
}

/// Bytes in Base64.
#[derive(Default)]
pub(super) struct Base64(pub(super) Bytes);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decoded = STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text));
        // The reason would quote the payload.
        let bytes = decoded.map_err(|_| D::Error::custom("bytes that are not Base64"))?;
        Ok(Self(bytes.into()))
    }
}

/// A duration such as `"600s"` or `"0.500s"`, written with 0, 3, 6 or 9 digits of a second (*ProtoJSON format*, `Duration`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Seconds(pub(super) Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (seconds, nanoseconds) = (self.0.as_secs(), self.0.subsec_nanos());
        let text = match nanoseconds {
            0 => format!("{seconds}s"),
            _ if nanoseconds % 1_000_000 == 0 => {
                format!("{seconds}.{:03}s", nanoseconds / 1_000_000)
            }
            _ if nanoseconds % 1_000 == 0 => format!("{seconds}.{:06}s", nanoseconds / 1_000),
            _ => format!("{seconds}.{nanoseconds:09}s"),
        };
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        seconds(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a duration such as \"600s\"")))
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    let duration = Duration::new(whole.parse().ok()?, nanoseconds);
    (duration <= MAX_DURATION).then_some(duration)
}

/// A 32-bit number, which clients may also write as a string or with a fraction of zero (*ProtoJSON format*, `int32`).
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
        Unset(()),
    }
    let number = match Written::deserialize(deserializer) {
        Ok(Written::Number(number)) => Some(number),
        Ok(Written::Text(text)) => text.parse().ok(),
        Ok(Written::Unset(())) => Some(0.0),
        Err(_) => None,
    };
    number
        .filter(|number| number.fract() == 0.0)
        .and_then(|number| format!("{number:.0}").parse().ok())
        .ok_or_else(|| D::Error::custom("expected a 32-bit number"))
}

/// A field that may be `null`, which is the same as left out.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Fields that choose a way of delivery by being there, even when they are empty.
const CHOICES: [&str; 4] = [
    "bigqueryConfig",
    "bigtableConfig",
    "cloudStorageConfig",
    "noWrapper",
];

/// Refuses fields that are set but would have no effect, and fields that do not exist.
pub(super) fn refuse_unsupported(
    message: &str,
    fields: &BTreeMap<String, Value>,
    unsupported: &[(&str, &str)],
    output_only: &[&str],
) -> Result<(), ApiError> {
    for (field, value) in fields {
        let field = camel_case(field);
        if output_only.contains(&field.as_str()) {
            continue;
        }
        let Some((_, reason)) = unsupported.iter().find(|(name, _)| *name == field) else {
            return Err(ApiError::invalid(format!(
                "{message} has no field {field:?}"
            )));
        };
        let is_choice = CHOICES.contains(&field.as_str()) && !value.is_null();
        if is_choice || !is_unset(value) {
            return Err(ApiError::unimplemented(format!(
                "The emulator does not act upon {message}.{field}: {reason}"
            )));
        }
    }
    Ok(())
}

/// Whether a field of this value asks for nothing: proto3 does not tell a default from what is left out.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// The camelCase spelling of a field's name, which may have been written in snake_case.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(
                seconds(text).map(|found| found.as_secs_f64()),
                expected,
                "{text:?}"
            );
        };
        check("600s", Some(600.0));
        check("0s", Some(0.0));
        check("1.5s", Some(1.5));
        check("0.000000001s", Some(1e-9));
        check("0.0000000001s", None);
        check("600", None);
        check("-1s", None);
        check("1.s", None);
        check("s", None);
        check("99999999999999999999s", None);
        check("315576000000s", Some(315_576_000_000.0));
        check("315576000000.1s", None);
        assert_eq!(
            to_value(Seconds(Duration::from_secs(600))).unwrap(),
            json!("600s")
        );
        assert_eq!(
            to_value(Seconds(Duration::from_millis(1_500))).unwrap(),
            json!("1.500s")
        );
        assert_eq!(
            to_value(Seconds(Duration::from_micros(1))).unwrap(),
            json!("0.000001s")
        );
        assert_eq!(
            to_value(Seconds(Duration::from_nanos(1))).unwrap(),
            json!("0.000000001s")
        );
    }

    #[test]
    fn base64_of_either_alphabet_padded_or_not() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            let decoded: Base64 = from_value(json!(text)).unwrap();
            assert_eq!(decoded.0.as_ref(), [0xfb, 0xff], "{text}");
        }
        assert!(from_value::<Base64>(json!("a")).is_err());
    }

    #[test]
    fn numbers_may_be_strings() {
        assert_eq!(number(json!(30)).unwrap(), 30);
        assert_eq!(number(json!("30")).unwrap(), 30);
        assert_eq!(number(json!(null)).unwrap(), 0);
        assert_eq!(number(json!(60.0)).unwrap(), 60);
        assert_eq!(number(json!("6e1")).unwrap(), 60);
        assert_eq!(number(json!(-2_147_483_648_i64)).unwrap(), i32::MIN);
        assert!(number(json!(1.5)).is_err());
        assert!(number(json!("NaN")).is_err());
        assert!(number(json!("inf")).is_err());
        assert!(number(json!([])).is_err());
        assert!(number(json!(4_000_000_000_u64)).is_err());
    }

    #[test]
    fn names_in_either_spelling() {
        assert_eq!(
            camel_case("enable_exactly_once_delivery"),
            "enableExactlyOnceDelivery"
        );
        assert_eq!(camel_case("noWrapper"), "noWrapper");
    }
}
