//! Proto3 JSON: bytes as Base64, durations as seconds with an `s`, numbers also as strings, and what counts as not set.

use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Both alphabets are read, padded or not (*ProtoJSON format*, `bytes`).
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

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

/// A duration such as `"600s"` or `"0.5s"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Seconds(pub(super) Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}s", self.0.as_secs_f64()))
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
    Some(Duration::new(whole.parse().ok()?, nanoseconds))
}

/// A 32-bit number, which clients may also write as a string.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i32),
        Text(String),
        Unset(()),
    }
    match Written::deserialize(deserializer) {
        Ok(Written::Number(number)) => Ok(number),
        Ok(Written::Text(text)) => text.parse().map_err(D::Error::custom),
        Ok(Written::Unset(())) => Ok(0),
        Err(_) => Err(D::Error::custom("expected a 32-bit number")),
    }
}

/// A field that may be `null`, which is the same as left out.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a field of this value is as good as left out: proto3 does not tell a default from nothing. An empty object
/// counts as set, since for messages it is.
pub(super) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

/// The camelCase spelling of a field's name, which may have been written in snake_case.
pub(super) fn camel_case(name: &str) -> String {
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
        assert_eq!(
            to_value(Seconds(Duration::from_secs(600))).unwrap(),
            json!("600s")
        );
        assert_eq!(
            to_value(Seconds(Duration::from_millis(1_500))).unwrap(),
            json!("1.5s")
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
        assert!(number(json!(1.5)).is_err());
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
