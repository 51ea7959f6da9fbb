//! A schema as a file declares it.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Schema, schema};
use serde::Deserialize;

/// A schema as a file declares it (Google, *Schema*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchemaDeclaration {
    /// `projects/PROJECT/schemas/ID`.
    pub name: String,
    /// The language of the definition.
    pub language: SchemaLanguage,
    /// The definition, in that language.
    pub definition: String,
}

impl SchemaDeclaration {
    /// Converts it to Google's *Schema*.
    pub(crate) fn to_schema(&self) -> Schema {
        let language = match self.language {
            SchemaLanguage::Avro => schema::Type::Avro,
            SchemaLanguage::ProtocolBuffer => schema::Type::ProtocolBuffer,
        };
        Schema {
            r#type: language.into(),
            definition: self.definition.clone(),
            ..Schema::default()
        }
    }
}

/// The language of a schema (Google, *Schema.Type*).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SchemaLanguage {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    ProtocolBuffer,
}
