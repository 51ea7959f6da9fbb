//! A schema that Pub/Sub itself holds messages against, before it takes them.

use super::{Subscriber, faults::is_resource_id};
use crate::handler::content::Content;

/// (Google, *Schemas*: 300 KB a definition.)
const LIMIT_BYTES: usize = 300_000;

/// A Pub/Sub schema on the topic: what does not fit is refused at publish. It stands beside the JSON Schema of the payload's
/// type, which documents it for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSchema {
    pub(crate) name: String,
    pub(crate) language: SchemaLanguage,
    pub(crate) encoding: SchemaEncoding,
    pub(crate) definition: String,
}

/// What a schema is written in (Google, *Schema*, `type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaLanguage {
    Avro,
    ProtocolBuffer,
}

/// How messages are written (Google, *Encoding*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaEncoding {
    Json,
    Binary,
}

impl TopicSchema {
    /// An Avro record named `name` in the project; messages are JSON unless [`binary`](Self::binary) says otherwise.
    pub fn avro(name: impl Into<String>, definition: impl Into<String>) -> Self {
        Self::of(SchemaLanguage::Avro, name.into(), definition.into())
    }

    /// A Protocol Buffers file with one message at its top, without imports (Google, *Schemas*); messages are JSON unless
    /// [`binary`](Self::binary) says otherwise.
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
            // What include_str! reads has the line ends of the checkout.
            definition: definition.replace("\r\n", "\n"),
        }
    }

    /// Messages are in the schema's own binary form, which a handler takes as `Message<Raw>`.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.encoding = SchemaEncoding::Binary;
        self
    }
}

impl SchemaLanguage {
    /// Google's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::ProtocolBuffer => "PROTOCOL_BUFFER",
        }
    }
}

impl SchemaEncoding {
    /// Google's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Binary => "BINARY",
        }
    }
}

impl Subscriber {
    /// A schema for the topic, kept by Pub/Sub. Where several subscribers of a topic declare one, it must be the same.
    #[must_use]
    pub fn topic_schema(mut self, schema: TopicSchema) -> Self {
        self.topic_schema = Some(schema);
        self
    }

    pub(super) fn topic_schema_faults(&self) -> Vec<(bool, String)> {
        let Some(TopicSchema {
            name,
            language,
            encoding,
            definition,
        }) = &self.topic_schema
        else {
            return Vec::new();
        };
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(definition).is_ok();
        let payload = self.payload().map(|payload| &payload.content);
        let is_read_as_json = matches!(payload, Some(Content::Json { .. }));
        let length = definition.len();
        vec![
            (
                is_resource_id(name),
                format!(
                    "topic schema {name:?} has a name that Pub/Sub refuses: see .topic_schema(…)"
                ),
            ),
            (
                (1..=LIMIT_BYTES).contains(&length),
                format!(
                    "topic schema {name:?} has {length} bytes, expected 1 to {LIMIT_BYTES}: see .topic_schema(…)"
                ),
            ),
            (
                *language != SchemaLanguage::Avro || is_json,
                format!(
                    "topic schema {name:?} is not JSON, as Avro is written: see .topic_schema(…)"
                ),
            ),
            (
                !(*encoding == SchemaEncoding::Binary && is_read_as_json),
                format!(
                    "messages of topic schema {name:?} are binary, and the handler reads JSON: take Message<Raw>, or leave .binary() out"
                ),
            ),
        ]
    }
}
