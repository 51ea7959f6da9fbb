//! Rules for message types: of one topic, of one name, and with a Pub/Sub schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::finding::Finding;
use super::rules::{EXAMPLES, TOPIC_SCHEMA, TYPES};
use crate::generate::schemas::json_type;
use crate::generate::topics::topics;
use crate::subscriber::{SchemaLanguage, Subscriber, TopicSchema};

pub(super) fn findings(subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut findings = same_names(subscribers);
    findings.extend(subscribers.iter().filter_map(examples));
    for topic in topics(subscribers) {
        if let Some(schema) = topic.schema() {
            let readers = topic.subscribers.iter();
            findings.extend(readers.flat_map(|reader| topic_schema(schema, reader)));
        }
    }
    findings
}

/// Finds names with two schemas. A name is also that of a file, so it has one schema everywhere.
fn same_names(subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut known: BTreeMap<&str, (&Subscriber, Value)> = BTreeMap::new();
    let mut findings = Vec::new();
    for subscriber in subscribers {
        let Some((name, schema)) = json(subscriber) else {
            continue;
        };
        match known.get(name) {
            Some((first, known)) if *known != schema => findings.push(TYPES.found(
                name,
                format!(
                    "subscribers {:?} (topic {:?}) and {:?} (topic {:?}) both read a type of this name, with different schemas",
                    first.id, first.topic, subscriber.id, subscriber.topic
                ),
                "read one type of m2m/ in both, or give one another name with #[schemars(rename = \"…\")]",
            )),
            Some(_) => {}
            None => {
                known.insert(name, (subscriber, schema));
            }
        }
    }
    findings
}

fn json(subscriber: &Subscriber) -> Option<(&str, Value)> {
    json_type(subscriber).map(|(name, schema)| (name, schema().to_value()))
}

/// Finds a subscriber that can read none of its examples. Some examples may be unreadable on purpose.
fn examples(subscriber: &Subscriber) -> Option<Finding> {
    let payload = subscriber.payload()?;
    let mut last = None;
    for example in &subscriber.examples {
        let (data, attributes) = (example.data.clone(), example.attributes.clone());
        match payload.check(&data.into(), &Arc::new(attributes)) {
            Ok(()) => return None,
            Err(error) => last = Some((example, error)),
        }
    }
    let (example, error) = last?;
    Some(EXAMPLES.found(
        &subscriber.id,
        format!(
            "no example can be read, such as {:?}: {error}",
            example.title
        ),
        "add to .examples([…]) a message that fits",
    ))
}

/// Finds fields that differ, by their names and simple types. The schema's own meaning is for Pub/Sub to judge.
fn topic_schema(declared: &TopicSchema, reader: &Subscriber) -> Vec<Finding> {
    let Some((name, schema)) = json(reader) else {
        return Vec::new();
    };
    let mismatches = match declared.language {
        SchemaLanguage::Avro => avro_mismatches(declared, &schema),
        SchemaLanguage::ProtocolBuffer => protocol_buffer_mismatches(declared, &schema),
    };
    mismatches
        .into_iter()
        .map(|mismatch| {
            TOPIC_SCHEMA.found(
                &reader.id,
                format!("topic schema {:?} and the handler's type {name}: {mismatch}", declared.name),
                "change the definition in .topic_schema(…) or the handler's type, so that both name the same fields",
            )
        })
        .collect()
}

fn required(schema: &Value) -> Vec<&str> {
    let required = schema.get("required").and_then(Value::as_array);
    required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn avro_mismatches(declared: &TopicSchema, schema: &Value) -> Vec<String> {
    // A definition that is not JSON is rejected as a declaration.
    let Ok(avro) = serde_json::from_str::<Value>(&declared.definition) else {
        return Vec::new();
    };
    let Some(fields) = avro.get("fields").and_then(Value::as_array) else {
        return Vec::new();
    };
    let named =
        |field: &&Value, name: &str| field.get("name").and_then(Value::as_str) == Some(name);
    let mut mismatches: Vec<String> = required(schema)
        .into_iter()
        .filter(|name| !fields.iter().any(|field| named(&field, name)))
        .map(|name| format!("the handler needs {name:?}, which the topic schema does not have"))
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let field = fields.iter().find(|field| named(field, name));
        let types = field
            .and_then(|field| field.get("type"))
            .and_then(Value::as_str)
            .zip(property.get("type").and_then(Value::as_str));
        if let Some((avro, json)) = types.filter(|(avro, json)| !is_read_as(avro, json)) {
            mismatches.push(format!(
                "{name:?} is {avro} in the topic schema and {json} in the handler's type"
            ));
        }
    }
    mismatches
}

/// Returns true if the handler can read this simple type of Avro in JSON (Apache, *Avro specification*, JSON encoding). Named
/// types are not followed.
fn is_read_as(avro: &str, json: &str) -> bool {
    match avro {
        "int" | "long" => json == "integer" || json == "number",
        "float" | "double" => json == "number",
        "string" | "bytes" => json == "string",
        "boolean" | "null" => json == avro,
        _ => true,
    }
}

/// Finds required fields that the definition does not mention. A field of Protocol Buffers is `order_id`, and in JSON `orderId`
/// (Google, *ProtoJSON format*).
fn protocol_buffer_mismatches(declared: &TopicSchema, schema: &Value) -> Vec<String> {
    let is_outside = |each: char| !(each.is_ascii_alphanumeric() || each == '_');
    let words: Vec<String> = declared
        .definition
        .split(is_outside)
        .map(|word| word.replace('_', "").to_lowercase())
        .collect();
    required(schema)
        .into_iter()
        .filter(|name| !words.contains(&name.replace('_', "").to_lowercase()))
        .map(|name| format!("the handler needs {name:?}, which the topic schema does not mention"))
        .collect()
}
