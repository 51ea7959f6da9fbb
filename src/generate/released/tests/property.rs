//! If no change is found, no message that fits the old schema is rejected by the new one: with small schemas at random, and
//! a judge that shares no code with the comparison.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::generate::released::comparison::compare;

/// Returns true if the value fits. Only the keywords that are generated below are known.
fn fits(schema: &Value, value: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return schema == &json!(true);
    };
    schema
        .iter()
        .all(|(keyword, limit)| keeps(schema, keyword, limit, value))
}

fn keeps(schema: &Map<String, Value>, keyword: &str, limit: &Value, value: &Value) -> bool {
    let length = value.as_str().map(|text| text.chars().count() as u64);
    let items = value.as_array();
    match keyword {
        "type" => match limit {
            Value::Array(types) => types.iter().any(|name| is_of(name, value)),
            name => is_of(name, value),
        },
        "enum" => limit
            .as_array()
            .is_some_and(|values| values.contains(value)),
        "anyOf" => limit
            .as_array()
            .is_some_and(|any| any.iter().any(|each| fits(each, value))),
        "minimum" => value
            .as_i64()
            .is_none_or(|number| number >= limit.as_i64().unwrap()),
        "maximum" => value
            .as_i64()
            .is_none_or(|number| number <= limit.as_i64().unwrap()),
        "exclusiveMinimum" => value
            .as_i64()
            .is_none_or(|number| number > limit.as_i64().unwrap()),
        "minLength" => length.is_none_or(|length| length >= limit.as_u64().unwrap()),
        "maxLength" => length.is_none_or(|length| length <= limit.as_u64().unwrap()),
        "minItems" => items.is_none_or(|items| items.len() as u64 >= limit.as_u64().unwrap()),
        "maxItems" => items.is_none_or(|items| items.len() as u64 <= limit.as_u64().unwrap()),
        "items" => items.is_none_or(|items| items.iter().all(|each| fits(limit, each))),
        "required" => value.as_object().is_none_or(|fields| {
            let mut names = limit.as_array().unwrap().iter();
            names.all(|name| fields.contains_key(name.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|fields| {
            let known = fields
                .iter()
                .filter_map(|(name, field)| Some((limit.get(name)?, field)));
            known.into_iter().all(|(schema, field)| fits(schema, field))
        }),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            let others = fields.iter().filter(|(name, _)| {
                schema
                    .get("properties")
                    .and_then(|known| known.get(name))
                    .is_none()
            });
            others.into_iter().all(|(_, field)| fits(limit, field))
        }),
        other => panic!("{other} is not made"),
    }
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" | "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

fn schema() -> impl Strategy<Value = Value> {
    let bound = -2..3i64;
    let count = 0..3u64;
    let leaf = prop_oneof![
        Just(json!({"type": "null"})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"enum": ["", "a"]})),
        Just(json!({"enum": ["a", 1, null]})),
        (bound.clone(), bound).prop_map(
            |(least, most)| json!({"type": "integer", "minimum": least, "maximum": most})
        ),
        (-2..3i64).prop_map(|least| json!({"type": "integer", "exclusiveMinimum": least})),
        (count.clone(), count).prop_map(
            |(least, most)| json!({"type": "string", "minLength": least, "maxLength": most})
        ),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let open = prop_oneof![Just(json!(true)), Just(json!(false))];
        prop_oneof![
            (inner.clone(), 0..2u64, 1..3u64).prop_map(|(items, least, most)| {
                json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
            }),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| json!({"anyOf": [one, other]})),
            inner.clone().prop_map(|others| json!({"type": "object", "additionalProperties": others})),
            (inner.clone(), inner, any::<bool>(), any::<bool>(), open).prop_map(
                |(x, y, has_y, needs_x, others)| {
                    let mut schema = json!({"type": "object", "properties": {"x": x}, "additionalProperties": others});
                    if has_y {
                        schema["properties"]["y"] = y;
                    }
                    if needs_x {
                        schema["required"] = json!(["x"]);
                    }
                    schema
                }
            ),
        ]
    })
}

/// Generates values near the limits above, and objects with the fields that schemas name, so that none is beyond the contract.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3..4i64).prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[xy]", inner, 0..3).prop_map(|fields| json!(fields)),
        ]
    })
}

/// Returns true if the value has a field anywhere that the schema does not name: such a publisher follows no contract.
fn is_beyond(schema: &Value, value: &Value) -> bool {
    let any_of = schema.get("anyOf").and_then(Value::as_array);
    if let Some(any) = any_of {
        return any
            .iter()
            .filter(|each| fits(each, value))
            .all(|each| is_beyond(each, value));
    }
    match value {
        Value::Array(items) => items.iter().any(|each| is_beyond(&schema["items"], each)),
        Value::Object(fields) => fields.iter().any(|(name, field)| {
            let named = schema.get("properties").and_then(|known| known.get(name));
            let map = schema
                .get("additionalProperties")
                .filter(|others| others.is_object());
            named.or(map).is_none_or(|known| is_beyond(known, field))
        }),
        _ => false,
    }
}

/// Collects the places of a schema that can change: numbers, switches and whole schemas.
fn places(schema: &Value, at: &str, found: &mut Vec<String>) {
    let is_schema = ["type", "enum", "anyOf"]
        .iter()
        .any(|word| schema.get(word).is_some());
    if is_schema || schema.is_number() || schema.is_boolean() {
        found.push(at.to_owned());
    }
    match schema {
        Value::Object(fields) => {
            for (name, inner) in fields.iter().filter(|(name, _)| *name != "enum") {
                places(inner, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Returns the schema with one place changed a little, or replaced.
fn changed(schema: &Value, choice: usize, step: i64, other: &Value) -> Value {
    let mut found = Vec::new();
    places(schema, "", &mut found);
    let mut new = schema.clone();
    let place = new.pointer_mut(&found[choice % found.len()]).unwrap();
    *place = match place {
        Value::Number(number) => json!((number.as_i64().unwrap() + step).max(0)),
        Value::Bool(flag) => json!(!*flag),
        _ => other.clone(),
    };
    new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_fitted_is_refused_without_a_finding(
        old in schema(),
        other in schema(),
        choice in any::<usize>(),
        step in prop_oneof![Just(-1), Just(1)],
        values in proptest::collection::vec(value(), 40),
    ) {
        let new = changed(&old, choice, step, &other);
        let widened = json!({"anyOf": [new, old]});
        prop_assert_eq!(compare(&old, &widened), [], "an alternative more is wider");
        if compare(&old, &new).is_empty() {
            for value in values.iter().filter(|value| fits(&old, value) && !is_beyond(&old, value)) {
                prop_assert!(fits(&new, value), "{} fits {} and not {}", value, old, new);
            }
        }
    }
}
