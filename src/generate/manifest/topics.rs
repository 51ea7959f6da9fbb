//! What is known of topics: the sum of what their subscribers declare.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::generate::schemas::json_type;
use crate::subscriber::{Subscriber, TopicSchema};

/// One topic.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Topic<'a> {
    /// The short name.
    id: &'a str,
    /// The JSON Schemas of the types that its subscribers read, by name; a message should fit all of those that get it.
    messages: BTreeMap<&'a str, Schema>,
    /// What Pub/Sub itself holds messages against.
    schema: Option<SchemaTerms<'a>>,
}

/// A Pub/Sub schema (Google, *Schema*, *SchemaSettings*).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TopicSchema")]
struct SchemaTerms<'a> {
    /// The short name.
    name: &'a str,
    /// `AVRO` or `PROTOCOL_BUFFER`.
    r#type: &'static str,
    /// `JSON` or `BINARY`.
    encoding: &'static str,
    definition: &'a str,
}

impl<'a> Topic<'a> {
    pub(super) fn all(subscribers: &'a [Subscriber]) -> Vec<Self> {
        let mut topics = BTreeMap::new();
        for subscriber in subscribers {
            let id = subscriber.topic.as_str();
            let topic = topics.entry(id).or_insert(Self {
                id,
                messages: BTreeMap::new(),
                schema: None,
            });
            topic.add(subscriber);
        }
        topics.into_values().collect()
    }

    fn add(&mut self, subscriber: &'a Subscriber) {
        if let Some((name, schema)) = json_type(subscriber) {
            self.messages.entry(name).or_insert_with(schema);
        }
        if let Some(schema) = &subscriber.topic_schema {
            self.schema = Some(SchemaTerms::of(schema));
        }
    }
}

impl<'a> SchemaTerms<'a> {
    fn of(schema: &'a TopicSchema) -> Self {
        Self {
            name: &schema.name,
            r#type: schema.language.name(),
            encoding: schema.encoding.name(),
            definition: &schema.definition,
        }
    }
}
