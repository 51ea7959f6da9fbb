//! Converts a YAML value to JSON, by YAML's core schema (YAML 1.2.2, section 10.3). Text of that schema stays text, fields
//! keep their order, and numbers keep their digits.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_saphyr::{Location, Spanned};

/// A JSON value whose numbers are not parsed, but copied from their places in the file.
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Numeral),
    Text(String),
    List(Vec<Spanned<Json>>),
    Object(Vec<(String, Spanned<Json>)>),
}

/// The value of a number.
pub(super) enum Numeral {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// The reason for which a value cannot be written, and its place.
type Rejected = (Option<Location>, String);

/// Reads a field that may be null, since null is JSON as well.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Spanned<Json>>, D::Error> {
    Spanned::deserialize(deserializer).map(Some)
}

/// Writes a value of the file `text` as JSON.
///
/// # Errors
/// If a number is ambiguous or has no form in JSON.
pub(super) fn write(json: &Spanned<Json>, text: &str) -> Result<String, Rejected> {
    let mut output = String::new();
    append(&mut output, json, text)?;
    Ok(output)
}

fn append(output: &mut String, json: &Spanned<Json>, text: &str) -> Result<(), Rejected> {
    match &json.value {
        Json::Null => output.push_str("null"),
        Json::Bool(is_true) => output.push_str(if *is_true { "true" } else { "false" }),
        Json::Number(value) => output.push_str(&number(value, json.defined, text)?),
        Json::Text(value) => output.push_str(&quoted(value)),
        Json::List(values) => {
            output.push('[');
            for (place, value) in values.iter().enumerate() {
                output.push_str(if place > 0 { "," } else { "" });
                append(output, value, text)?;
            }
            output.push(']');
        }
        Json::Object(fields) => {
            output.push('{');
            for (place, (key, value)) in fields.iter().enumerate() {
                output.push_str(if place > 0 { "," } else { "" });
                output.push_str(&quoted(key));
                output.push(':');
                append(output, value, text)?;
            }
            output.push('}');
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a number in JSON, unchanged if it is valid JSON.
fn number(value: &Numeral, place: Location, text: &str) -> Result<String, Rejected> {
    let written = written(place, text);
    let reject = |why: String| (Some(place), why);
    let digits = written.trim_start_matches(['+', '-']);
    if is_json_number(written) {
        return Ok(written.to_owned());
    }
    if digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(reject(format!(
            "{written} begins with a zero, which other readers of YAML take for an octal number: write \"{written}\" for text, \
             or the number without its zero"
        )));
    }
    // Numbers of other parsers, such as 0b11, are text in the core schema.
    if !is_core_number(digits) || (digits.len() < written.len() && digits.starts_with("0x")) {
        return Ok(quoted(written));
    }
    match value {
        Numeral::Unsigned(value) => Ok(value.to_string()),
        Numeral::Signed(value) => Ok(value.to_string()),
        Numeral::Float(value) => Number::from_f64(*value)
            .map(|number| number.to_string())
            .ok_or_else(|| {
                reject(format!(
                    "{written} has no form in JSON: write \"{written}\" for text"
                ))
            }),
    }
}

/// Returns the text at a place.
fn written(place: Location, text: &str) -> &str {
    let span = place.span();
    let range = span.byte_offset().zip(span.byte_len());
    let range = range.and_then(|(offset, length)| {
        let start = usize::try_from(offset).ok()?;
        let end = usize::try_from(offset.checked_add(length)?).ok()?;
        text.get(start..end)
    });
    range.unwrap_or_default().trim()
}

fn is_json_number(written: &str) -> bool {
    let begins = written.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    begins && serde_json::from_str::<IgnoredAny>(written).is_ok()
}

/// Returns true for a number of the core schema, after its sign.
fn is_core_number(digits: &str) -> bool {
    let is_special = [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&digits);
    let is_radix = ["0o", "0x"].iter().any(|radix| digits.starts_with(radix));
    let is_decimal = digits.starts_with(|first: char| first == '.' || first.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    is_special || is_radix || is_decimal
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadJson)
    }
}

struct ReadJson;

impl<'de> Visitor<'de> for ReadJson {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(Numeral::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(Numeral::Signed(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(Numeral::Float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Json::Object(object))
    }
}
