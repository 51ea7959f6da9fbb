//! The schema against which Pub/Sub itself checks messages at publish.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Subscriber;
use super::collector::{Faults, is_resource_id};
use crate::handler::content::Content;

/// The largest definition (Google, *Schemas*).
const LIMIT_BYTES: usize = 300_000;

/// A Pub/Sub schema on the topic: messages that do not fit are rejected at publish. It exists beside the JSON Schema of the
/// payload's type, which documents it for readers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "A Pub/Sub schema (Google, *Schema*, *SchemaSettings*).")]
pub struct TopicSchema {
    /// The short name.
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) language: SchemaLanguage,
    pub(crate) encoding: SchemaEncoding,
    pub(crate) definition: String,
}

/// The language of a schema (Google, *Schema*, `type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SchemaLanguage {
    Avro,
    ProtocolBuffer,
}

/// The encoding of messages (Google, *Encoding*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SchemaEncoding {
    Json,
    Binary,
}

impl TopicSchema {
    /// Returns an Avro record named `name` in the project; messages are JSON unless [`binary`](Self::binary) is set.
    pub fn avro(name: impl Into<String>, definition: impl Into<String>) -> Self {
        Self::of(SchemaLanguage::Avro, name.into(), definition.into())
    }

    /// Returns a Protocol Buffers file with one message at its top, without imports (Google, *Schemas*); messages are JSON unless
    /// [`binary`](Self::binary) is set.
    pub fn protocol_buffer(name: impl Into<String>, definition: impl Into<String>) -> Self {
        Self::of(
            SchemaLanguage::ProtocolBuffer,
            name.into(),
            definition.into(),
        )
    }

    fn of(language: SchemaLanguage, name: String, definition: String) -> Self {
        Self {
            name,
            language,
            encoding: SchemaEncoding::Json,
            // Text from include_str! has the line ends of the checkout.
            definition: definition.replace("\r\n", "\n"),
        }
    }

    /// Sets that messages are in the schema's own binary form, which a handler reads as `Message<Raw>`.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.encoding = SchemaEncoding::Binary;
        self
    }
}

impl SchemaLanguage {
    /// Returns Google's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::ProtocolBuffer => "PROTOCOL_BUFFER",
        }
    }
}

impl SchemaEncoding {
    /// Returns Google's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Binary => "BINARY",
        }
    }
}

impl Subscriber {
    /// Sets a schema for the topic, kept by Pub/Sub. If several subscribers of a topic declare one, it must be the same.
    #[must_use]
    pub fn topic_schema(mut self, schema: TopicSchema) -> Self {
        self.topic_schema = Some(schema);
        self
    }

    pub(super) fn check_topic_schema(&self, faults: &mut Faults) {
        let Some(TopicSchema {
            name,
            language,
            encoding,
            definition,
        }) = &self.topic_schema
        else {
            return;
        };
        faults.require(is_resource_id(name), || {
            format!("topic schema {name:?} has a name that Pub/Sub rejects: see .topic_schema(…)")
        });
        let length = definition.len();
        faults.require((1..=LIMIT_BYTES).contains(&length), || {
            format!(
                "topic schema {name:?} has {length} bytes, expected 1 to {LIMIT_BYTES}: see .topic_schema(…)"
            )
        });
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(definition).is_ok();
        faults.require(*language != SchemaLanguage::Avro || is_json, || {
            format!("topic schema {name:?} is not JSON, as Avro is written: see .topic_schema(…)")
        });
        let payload = self.payload().map(|payload| &payload.content);
        let reads_json = matches!(payload, Some(Content::Json { .. }));
        faults.require(*encoding != SchemaEncoding::Binary || !reads_json, || {
            format!(
                "messages of topic schema {name:?} are binary, and the handler reads JSON: take Message<Raw>, or remove .binary()"
            )
        });
    }
}
