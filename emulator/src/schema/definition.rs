//! The definition of a schema's revision, in either language, ready to be held against messages.

use std::fmt;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Schema;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::schema::Type;

use super::avro::Avro;
use super::protobuf::Protobuf;
use crate::error::ApiError;
use crate::resources::topic::Encoding;

/// 300 KB (Google, *Schema overview*, *Quotas and limits for schemas*).
const MAX_BYTES: usize = 300_000;
/// The most of a reason that is told: parsers quote what they read, and a status of gRPC travels in a header.
const MAX_REASON_CHARACTERS: usize = 500;

#[derive(Debug)]
pub(super) enum Definition {
    Avro(Avro),
    Protobuf(Protobuf),
}

/// Why and where a message does not fit a definition.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The fields and items that lead to the place, the innermost first.
    path: Vec<String>,
    reason: String,
}

impl Definition {
    /// # Errors
    /// If the definition is too long or wrong, or its language not given.
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

    pub(super) fn check(&self, data: &[u8], encoding: Encoding) -> Result<(), Misfit> {
        match (self, encoding) {
            (Self::Avro(avro), Encoding::Json) => avro.check_json(data),
            (Self::Avro(avro), Encoding::Binary) => avro.check_binary(data),
            (Self::Protobuf(protobuf), Encoding::Json) => protobuf.check_json(data),
            (Self::Protobuf(protobuf), Encoding::Binary) => protobuf.check_binary(data),
        }
    }
}

impl Misfit {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            reason: reason.into(),
        }
    }

    /// The same within a field or an item.
    pub(super) fn inside(mut self, part: impl ToString) -> Self {
        self.path.push(part.to_string());
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return formatter.write_str(&shortened(&self.reason));
        }
        let parts: Vec<_> = self.path.iter().rev().map(String::as_str).collect();
        let path = shortened(&parts.join("."));
        write!(formatter, "{path}: {}", shortened(&self.reason))
    }
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON_CHARACTERS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misfit_names_the_place_from_the_outside_in_and_is_short() {
        let misfit = Misfit::new("expected a string").inside(1).inside("lines");
        assert_eq!(misfit.to_string(), "lines.1: expected a string");
        let long = Misfit::new("ü".repeat(10_000_000)).inside("ü".repeat(501));
        let (path, reason) = ("ü".repeat(500), "ü".repeat(500));
        assert_eq!(long.to_string(), format!("{path}...: {reason}..."));
    }
}
