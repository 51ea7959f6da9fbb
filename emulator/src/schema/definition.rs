//! The compiled definition of a schema's revision, in either language.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Schema;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::schema::Type;

use super::avro::Avro;
use super::mismatch::{Mismatch, shortened};
use super::protobuf::Protobuf;
use crate::error::ApiError;
use crate::resources::topic::Encoding;

/// The most bytes of a definition, 300 KB (Google, *Schema overview*, *Quotas and limits for schemas*).
const MAX_BYTES: usize = 300_000;
#[derive(Debug)]
pub(super) enum Definition {
    Avro(Avro),
    Protobuf(Protobuf),
}

impl Definition {
    /// # Errors
    /// If the definition is too long or invalid, or if its language is unset.
    pub(super) fn compile(schema: &Schema) -> Result<Self, ApiError> {
        let text = schema.definition.as_str();
        if text.len() > MAX_BYTES {
            return Err(ApiError::invalid(format!(
                "The schema definition has {} bytes, more than {MAX_BYTES}",
                text.len()
            )));
        }
        if text.is_empty() {
            return Err(ApiError::invalid(
                "The schema has no definition. (A compiledProtoSchema is not one: the emulator reads the text of a schema)",
            ));
        }
        let compiled = match schema.r#type() {
            Type::Avro => Avro::compile(text).map(Self::Avro),
            Type::ProtocolBuffer => Protobuf::compile(text).map(Self::Protobuf),
            Type::Unspecified => {
                return Err(ApiError::invalid(
                    "Invalid schema type: expected AVRO or PROTOCOL_BUFFER",
                ));
            }
        };
        compiled.map_err(|reason| {
            let reason = shortened(&reason);
            ApiError::invalid(format!("Invalid schema definition: {reason}"))
        })
    }

    pub(super) fn check(&self, data: &[u8], encoding: Encoding) -> Result<(), Mismatch> {
        match (self, encoding) {
            (Self::Avro(avro), Encoding::Json) => avro.check_json(data),
            (Self::Avro(avro), Encoding::Binary) => avro.check_binary(data),
            (Self::Protobuf(protobuf), Encoding::Json) => protobuf.check_json(data),
            (Self::Protobuf(protobuf), Encoding::Binary) => protobuf.check_binary(data),
        }
    }
}
