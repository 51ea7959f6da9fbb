//! The check of JSON against an Avro type (Apache, *Avro specification*, *JSON Encoding*).
//!
//! Google's emulator is less strict: it accepts unknown fields, truncates 1.5 to an int, takes any character in bytes, and
//! ignores text after the value. This check rejects all of these.

use serde_json::Value;

use super::{Avro, Part, Shape, ShapeId};
use crate::schema::mismatch::Mismatch;

/// 2 to the power of 63, the first integer beyond a long, which a float represents exactly.
const BEYOND_LONG: f64 = 9_223_372_036_854_775_808.0;

pub(super) fn check(avro: &Avro, data: &[u8]) -> Result<(), Mismatch> {
    let value = serde_json::from_slice(data)
        .map_err(|error| Mismatch::new(format!("the message is not JSON: {error}")))?;
    fits(avro, avro.root, &value)
}

/// Checks a value against a type. The JSON parser bounds the depth of the value, and so of this recursion.
fn fits(avro: &Avro, id: ShapeId, value: &Value) -> Result<(), Mismatch> {
    match (avro.shape(id), value) {
        (Shape::Null, Value::Null)
        | (Shape::Boolean, Value::Bool(_))
        | (Shape::String, Value::String(_))
        | (Shape::Float | Shape::Double, Value::Number(_)) => Ok(()),
        (Shape::Int, Value::Number(_)) if whole(value).is_some_and(is_int) => Ok(()),
        (Shape::Long, Value::Number(_)) if whole(value).is_some() => Ok(()),
        (Shape::Bytes, Value::String(text)) => are_bytes(text),
        (Shape::Fixed(size), Value::String(text)) => is_fixed(*size, text),
        (Shape::Enum(symbols), Value::String(symbol)) => is_symbol(symbols, symbol),
        (Shape::Array(items), Value::Array(values)) => {
            for (place, value) in values.iter().enumerate() {
                fits(avro, *items, value).map_err(|mismatch| mismatch.inside(place))?;
            }
            Ok(())
        }
        (Shape::Map(values), Value::Object(entries)) => {
            for (key, value) in entries {
                fits(avro, *values, value).map_err(|mismatch| mismatch.inside(key))?;
            }
            Ok(())
        }
        (Shape::Union(branches), value) => fits_union(avro, branches, value),
        (Shape::Record(fields), Value::Object(members)) => fits_record(avro, fields, members),
        (shape, value) => Err(Mismatch::new(format!(
            "expected {}, found {}",
            expected(shape),
            found(value)
        ))),
    }
}

fn fits_record(
    avro: &Avro,
    fields: &[Part],
    members: &serde_json::Map<String, Value>,
) -> Result<(), Mismatch> {
    for field in fields {
        let Some(value) = members.get(&field.name) else {
            let missing = format!("the field {:?} is missing", field.name);
            return Err(Mismatch::new(missing));
        };
        fits(avro, field.shape, value).map_err(|mismatch| mismatch.inside(&field.name))?;
    }
    if members.len() == fields.len() {
        return Ok(());
    }
    let is_unknown = |key: &&String| !fields.iter().any(|field| field.name == **key);
    match members.keys().find(is_unknown) {
        Some(key) => Err(Mismatch::new(format!("there is no field {key:?}"))),
        None => Ok(()),
    }
}

/// Checks a union: `null`, or an object with one key, which names the type of its value.
fn fits_union(avro: &Avro, branches: &[Part], value: &Value) -> Result<(), Mismatch> {
    let chosen = match value {
        Value::Null => Some(("null", value)),
        Value::Object(members) if members.len() == 1 => members
            .iter()
            .next()
            .map(|(name, value)| (name.as_str(), value)),
        _ => None,
    };
    let names = || {
        let names: Vec<_> = branches.iter().map(|branch| branch.name.as_str()).collect();
        names.join(", ")
    };
    let Some((name, value)) = chosen else {
        return Err(Mismatch::new(format!(
            "expected null or an object of one member, named for its type ({}), found {}",
            names(),
            found(value)
        )));
    };
    let Some(branch) = branches.iter().find(|branch| branch.name == name) else {
        return Err(Mismatch::new(format!(
            "the union has no type {name:?}, only {}",
            names()
        )));
    };
    fits(avro, branch.shape, value).map_err(|mismatch| mismatch.inside(name))
}

/// Returns the integer value of a JSON number in any notation, if it fits a long.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number is whole and within the range of the type"
)]
fn whole(value: &Value) -> Option<i64> {
    let is_whole =
        |number: &f64| number.fract() == 0.0 && (-BEYOND_LONG..BEYOND_LONG).contains(number);
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(is_whole).map(|number| number as i64))
}

fn is_int(number: i64) -> bool {
    i32::try_from(number).is_ok()
}

/// Checks that every character of a string stands for the byte of its number.
fn are_bytes(text: &str) -> Result<(), Mismatch> {
    match text.chars().find(|each| *each > '\u{ff}') {
        Some(character) => Err(Mismatch::new(format!(
            "the character {character:?} does not stand for a byte"
        ))),
        None => Ok(()),
    }
}

fn is_fixed(size: usize, text: &str) -> Result<(), Mismatch> {
    are_bytes(text)?;
    let length = text.chars().count();
    if length == size {
        return Ok(());
    }
    Err(Mismatch::new(format!(
        "expected {size} bytes, found {length}"
    )))
}

fn is_symbol(symbols: &[String], symbol: &str) -> Result<(), Mismatch> {
    if symbols.iter().any(|each| each == symbol) {
        return Ok(());
    }
    Err(Mismatch::new(format!(
        "expected one of {}, found {symbol:?}",
        symbols.join(", ")
    )))
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Null => "null",
        Shape::Boolean => "a boolean",
        Shape::Int => "a whole number of 32 bits",
        Shape::Long => "a whole number of 64 bits",
        Shape::Float | Shape::Double => "a number",
        Shape::Bytes | Shape::Fixed(_) => "a string that stands for bytes",
        Shape::String | Shape::Enum(_) => "a string",
        Shape::Array(_) => "an array",
        Shape::Map(_) | Shape::Record(_) => "an object",
        Shape::Union(_) => "a union",
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number that does not fit",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks `message` against a record `shop.R` with one field `x` of the given type.
    fn reason(field_type: &str, message: &str) -> Option<String> {
        let definition = format!(
            r#"{{"type": "record", "name": "R", "namespace": "shop", "fields": [{{"name": "x", "type": {field_type}}}]}}"#
        );
        let avro = Avro::compile(&definition).unwrap();
        let checked = avro.check_json(message.as_bytes());
        checked.err().map(|mismatch| mismatch.to_string())
    }

    fn fits(field_type: &str, value: &str) {
        let message = format!(r#"{{"x": {value}}}"#);
        assert_eq!(reason(field_type, &message), None, "{field_type} {value}");
    }

    fn rejected(field_type: &str, value: &str, expected: &str) {
        let message = format!(r#"{{"x": {value}}}"#);
        let reason = reason(field_type, &message);
        assert_eq!(reason.as_deref(), Some(expected), "{field_type} {value}");
    }

    #[test]
    fn numbers_are_held_to_the_width_of_their_type() {
        fits(r#""int""#, "-2147483648");
        rejected(
            r#""int""#,
            "2147483648",
            "x: expected a whole number of 32 bits, found a number that does not fit",
        );
        fits(r#""int""#, "1.0");
        fits(r#""int""#, "1e2");
        rejected(
            r#""int""#,
            "1.5",
            "x: expected a whole number of 32 bits, found a number that does not fit",
        );
        rejected(
            r#""int""#,
            r#""1""#,
            "x: expected a whole number of 32 bits, found a string",
        );
        fits(r#""long""#, "9223372036854775807");
        fits(r#""long""#, "-9.223372036854775808e18");
        rejected(
            r#""long""#,
            "9223372036854775808",
            "x: expected a whole number of 64 bits, found a number that does not fit",
        );
        fits(r#""double""#, "1");
        fits(r#""float""#, "1e300");
        rejected(
            r#""double""#,
            r#""NaN""#,
            "x: expected a number, found a string",
        );
    }

    #[test]
    fn bytes_are_characters_of_their_numbers() {
        fits(r#""bytes""#, r#""\u0000ÿ""#);
        rejected(
            r#""bytes""#,
            r#""Ā""#,
            "x: the character 'Ā' does not stand for a byte",
        );
        let two = r#"{"type": "fixed", "name": "F", "size": 2}"#;
        fits(two, r#""aÿ""#);
        rejected(two, r#""a""#, "x: expected 2 bytes, found 1");
        rejected(
            two,
            r#""aĀ""#,
            "x: the character 'Ā' does not stand for a byte",
        );
    }

    #[test]
    fn other_types_are_json_of_the_same_form() {
        fits(r#""null""#, "null");
        fits(r#""boolean""#, "true");
        rejected(
            r#""boolean""#,
            "0",
            "x: expected a boolean, found a number that does not fit",
        );
        fits(r#""string""#, r#""π""#);
        rejected(r#""string""#, "null", "x: expected a string, found null");
        let answer = r#"{"type": "enum", "name": "Answer", "symbols": ["YES", "NO"]}"#;
        fits(answer, r#""NO""#);
        rejected(
            answer,
            r#""no""#,
            r#"x: expected one of YES, NO, found "no""#,
        );
        let numbers = r#"{"type": "array", "items": "int"}"#;
        fits(numbers, "[]");
        rejected(
            numbers,
            "[1, true]",
            "x.1: expected a whole number of 32 bits, found a boolean",
        );
        let map = r#"{"type": "map", "values": "string"}"#;
        fits(map, r#"{"a": "b"}"#);
        rejected(
            map,
            r#"{"a": 1}"#,
            "x.a: expected a string, found a number that does not fit",
        );
    }

    #[test]
    fn a_union_names_the_type_of_its_value() {
        let optional = r#"["null", "string"]"#;
        fits(optional, "null");
        fits(optional, r#"{"string": "a"}"#);
        fits(optional, r#"{"null": null}"#);
        rejected(
            optional,
            r#""a""#,
            "x: expected null or an object of one member, named for its type (null, string), found a string",
        );
        rejected(
            optional,
            r#"{"int": 1}"#,
            r#"x: the union has no type "int", only null, string"#,
        );
        rejected(
            optional,
            r#"{"string": 1}"#,
            "x.string: expected a string, found a number that does not fit",
        );
        assert!(reason(optional, r#"{"x": {"string": "a", "null": null}}"#).is_some());
        let required = r#"["int", "string"]"#;
        rejected(
            required,
            "null",
            r#"x: the union has no type "null", only int, string"#,
        );
        fits(
            r#"["null", {"type": "array", "items": "int"}]"#,
            r#"{"array": [1]}"#,
        );
        fits(
            r#"["null", {"type": "map", "values": "int"}]"#,
            r#"{"map": {}}"#,
        );
    }

    #[test]
    fn named_types_are_named_in_full() {
        let inner = r#"["null", {"type": "record", "name": "I", "fields": []}]"#;
        fits(inner, r#"{"shop.I": {}}"#);
        rejected(
            inner,
            r#"{"I": {}}"#,
            r#"x: the union has no type "I", only null, shop.I"#,
        );
        fits(
            r#"["null", {"type": "enum", "name": "E", "symbols": ["A"]}]"#,
            r#"{"shop.E": "A"}"#,
        );
        fits(
            r#"["null", {"type": "fixed", "name": "other.F", "size": 1}]"#,
            r#"{"other.F": "a"}"#,
        );
        fits(
            r#"["null", "R"]"#,
            r#"{"shop.R": {"x": {"shop.R": {"x": null}}}}"#,
        );
    }

    #[test]
    fn logical_types_are_their_underlying_types() {
        fits(
            r#"["null", {"type": "int", "logicalType": "date"}]"#,
            r#"{"int": 3}"#,
        );
        fits(
            r#"["null", {"type": "long", "logicalType": "timestamp-millis"}]"#,
            r#"{"long": 3}"#,
        );
        fits(
            r#"{"type": "string", "logicalType": "uuid"}"#,
            r#""anything""#,
        );
        let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#;
        fits(decimal, r#""\u0001""#);
        let decimal = r#"{"type": "fixed", "name": "D", "size": 2, "logicalType": "decimal", "precision": 4}"#;
        fits(&format!(r#"["null", {decimal}]"#), r#"{"shop.D": "ab"}"#);
        let duration = r#"{"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}"#;
        fits(duration, r#""abcdefghijkl""#);
    }

    /// Checks a message against a record of two fields, of which one has a default.
    fn check_record(message: &str) -> Result<(), String> {
        let definition = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": 1}, {"name": "b", "type": "int"}]}"#;
        let avro = Avro::compile(definition).unwrap();
        let checked = avro.check_json(message.as_bytes());
        checked.map_err(|mismatch| mismatch.to_string())
    }

    #[test]
    fn the_fields_of_a_record_have_any_order() {
        assert_eq!(check_record(r#"{"b": 2, "a": 1}"#), Ok(()));
    }

    #[test]
    fn a_record_has_all_its_fields() {
        assert_eq!(
            check_record(r#"{"b": 2}"#),
            Err(r#"the field "a" is missing"#.to_owned())
        );
    }

    #[test]
    fn a_record_has_no_other_fields() {
        assert_eq!(
            check_record(r#"{"b": 2, "a": 1, "c": 3}"#),
            Err(r#"there is no field "c""#.to_owned())
        );
    }

    #[test]
    fn a_message_that_is_not_json_is_rejected() {
        for message in [
            "",
            "x",
            "{",
            r#"{"a": 1, "b": 2} x"#,
            r#"{"a": 1, "b": 2} {}"#,
        ] {
            let reason = check_record(message).unwrap_err();
            assert!(reason.starts_with("the message is not JSON"), "{reason}");
        }
    }

    #[test]
    fn json_that_is_very_deep_is_rejected() {
        let depth = 100_000;
        let message = format!(
            "{}{}",
            r#"{"x":{"shop.R":"#.repeat(depth),
            "}}".repeat(depth)
        );
        assert!(reason(r#"["null", "R"]"#, &message).is_some());
    }
}
