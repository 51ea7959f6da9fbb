//! Message types: of one topic, of one name, and beside Pub/Sub's own schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::finding::Finding;
use super::rules::{EXAMPLES, TOPIC_SCHEMA, TYPES};
use crate::handler::content::Content;
use crate::subscriber::{SchemaLanguage, Subscriber, TopicSchema};

pub(super) fn findings(subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut findings = same_names(subscribers);
    findings.extend(subscribers.iter().filter_map(examples));
    let mut topics = BTreeSet::new();
    for subscriber in subscribers {
        if subscriber.topic_schema.is_none() || !topics.insert(&subscriber.topic) {
            continue; // Where several declare one, it is the same.
        }
        let readers = subscribers
            .iter()
            .filter(|reader| reader.topic == subscriber.topic);
        findings.extend(readers.flat_map(|reader| topic_schema(subscriber, reader)));
    }
    findings
}

/// A name is also that of a file, so it means one schema everywhere.
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
    match &subscriber.payload()?.content {
        Content::Json { name, schema } => Some((name, schema().to_value())),
        Content::Bytes | Content::Attributes => None,
    }
}

/// Some are there to show what is refused, but not all.
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

/// As far as names and simple types tell; a schema's own meaning is for Pub/Sub to judge.
fn topic_schema(subscriber: &Subscriber, reader: &Subscriber) -> Vec<Finding> {
    let (Some(declared), Some((name, schema))) = (&subscriber.topic_schema, json(reader)) else {
        return Vec::new();
    };
    let misfits = match declared.language {
        SchemaLanguage::Avro => avro_misfits(declared, &schema),
        SchemaLanguage::ProtocolBuffer => protocol_buffer_misfits(declared, &schema),
    };
    misfits
        .into_iter()
        .map(|misfit| {
            TOPIC_SCHEMA.found(
                &reader.id,
                format!("topic schema {:?} and the handler's type {name}: {misfit}", declared.name),
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

fn avro_misfits(declared: &TopicSchema, schema: &Value) -> Vec<String> {
    // One that is no JSON is refused as a declaration.
    let Ok(avro) = serde_json::from_str::<Value>(&declared.definition) else {
        return Vec::new();
    };
    let Some(fields) = avro.get("fields").and_then(Value::as_array) else {
        return Vec::new();
    };
    let named =
        |field: &&Value, name: &str| field.get("name").and_then(Value::as_str) == Some(name);
    let mut misfits: Vec<String> = required(schema)
        .into_iter()
        .filter(|name| !fields.iter().any(|field| named(&field, name)))
        .map(|name| format!("the handler needs {name:?}, which the topic schema has not"))
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let field = fields.iter().find(|field| named(field, name));
        let types = field
            .and_then(|field| field.get("type"))
            .and_then(Value::as_str)
            .zip(property.get("type").and_then(Value::as_str));
        if let Some((avro, json)) = types.filter(|(avro, json)| !is_read_as(avro, json)) {
            misfits.push(format!(
                "{name:?} is {avro} in the one and {json} in the other"
            ));
        }
    }
    misfits
}

/// How Avro's simple types look in JSON (Apache, *Avro specification*, JSON encoding); named types are not followed.
fn is_read_as(avro: &str, json: &str) -> bool {
    match avro {
        "int" | "long" => json == "integer" || json == "number",
        "float" | "double" => json == "number",
        "string" | "bytes" => json == "string",
        "boolean" | "null" => json == avro,
        _ => true,
    }
}

/// A field of Protocol Buffers is `order_id`, and in JSON `orderId` (Google, *ProtoJSON format*): whether the text has either.
fn protocol_buffer_misfits(declared: &TopicSchema, schema: &Value) -> Vec<String> {
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
