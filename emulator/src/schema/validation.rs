//! Holding definitions against their language, and messages against definitions.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Encoding as EncodingField, Schema};

use super::definition::{Definition, Misfit};
use super::revision::Revision;
use super::{Schemas, position};
use crate::error::ApiError;
use crate::name::{DELETED_SCHEMA, ResourceName};
use crate::topic::{Encoding, SchemaSettings};

/// Which schema a message is held against (Google, *ValidateMessageRequest*, `schema_spec`).
pub(crate) enum SchemaRef {
    /// Its latest revision, or the one that the name ends with.
    Named(String),
    Inline(Schema),
}

/// The revision that a message fits, which its subscribers are told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Accepted {
    pub(crate) schema: String,
    pub(crate) revision_id: String,
    pub(crate) encoding: Encoding,
}

impl Schemas {
    /// # Errors
    /// If a schema cannot have this definition.
    pub(crate) fn validate_schema(schema: &Schema) -> Result<(), ApiError> {
        Definition::compile(schema).map(drop)
    }

    /// # Errors
    /// If there is no such schema, its definition is wrong, or the message does not fit it.
    pub(crate) fn validate_message(
        &self,
        schema: &SchemaRef,
        data: &[u8],
        encoding: EncodingField,
    ) -> Result<(), ApiError> {
        let encoding = required_encoding(encoding)?;
        let checked = match schema {
            SchemaRef::Named(name) => self.find(name)?.definition().check(data, encoding),
            SchemaRef::Inline(schema) => Definition::compile(schema)?.check(data, encoding),
        };
        checked.map_err(|misfit| {
            ApiError::invalid(format!(
                "Invalid data in message: Message failed schema validation: {misfit}"
            ))
        })
    }

    /// Finds the newest revision that a message fits, of those that its topic allows (Google, *SchemaSettings*).
    ///
    /// # Errors
    /// If the schema or a bound is deleted, or the message fits no revision. Google says the last of these in two places, the
    /// text and the details of the status; here all of it is in the text.
    pub(crate) fn check(
        &self,
        settings: &SchemaSettings,
        data: &[u8],
    ) -> Result<Accepted, ApiError> {
        let mut last: Option<(&Revision, Misfit)> = None;
        for revision in self.allowed(settings)?.iter().rev() {
            match revision.definition().check(data, settings.encoding) {
                Ok(()) => {
                    return Ok(Accepted {
                        schema: settings.schema.clone(),
                        revision_id: revision.id().to_owned(),
                        encoding: settings.encoding,
                    });
                }
                Err(misfit) => last = Some((revision, misfit)),
            }
        }
        let checked = last.map(|(revision, misfit)| {
            let id = revision.id();
            format!(", last checked revision: revision_id={id} failed with status: {misfit}")
        });
        Err(ApiError::invalid(format!(
            "Invalid data in message: Message failed schema validation. Could not validate message with any schema revision \
             for schema: {}{}",
            settings.schema,
            checked.unwrap_or_default()
        )))
    }

    /// Refuses settings that no message could be held against.
    ///
    /// # Errors
    /// If the schema or a bound does not exist, or the bounds are in the wrong order.
    pub(crate) fn check_settings(&self, settings: &SchemaSettings) -> Result<(), ApiError> {
        self.allowed(settings).map(drop)
    }

    /// The revisions that a topic allows, the oldest first.
    fn allowed(&self, settings: &SchemaSettings) -> Result<&[Revision], ApiError> {
        if settings.schema == DELETED_SCHEMA {
            return Err(ApiError::NotFound(DELETED_SCHEMA.to_owned()));
        }
        let name = ResourceName::schema(&settings.schema)?;
        let revisions = self.revisions(&name)?;
        let first = match settings.first_revision_id.as_str() {
            "" => 0,
            id => position(&name, revisions, id)?,
        };
        let last = match settings.last_revision_id.as_str() {
            "" => revisions.len().saturating_sub(1),
            id => position(&name, revisions, id)?,
        };
        let allowed = revisions.get(first..=last).unwrap_or_default();
        if allowed.is_empty() {
            return Err(ApiError::invalid(
                "schemaSettings.firstRevisionId is newer than lastRevisionId",
            ));
        }
        Ok(allowed)
    }
}

impl Accepted {
    /// What is added to the attributes of the message (Google, *Schema overview*).
    pub(crate) fn attributes(&self) -> [(&'static str, &str); 3] {
        let encoding = match self.encoding {
            Encoding::Json => "JSON",
            Encoding::Binary => "BINARY",
        };
        [
            ("googclient_schemaname", &self.schema),
            ("googclient_schemarevisionid", &self.revision_id),
            ("googclient_schemaencoding", encoding),
        ]
    }
}

/// An encoding that a request must give.
///
/// # Errors
/// If it does not.
pub(crate) fn required_encoding(encoding: EncodingField) -> Result<Encoding, ApiError> {
    match encoding {
        EncodingField::Json => Ok(Encoding::Json),
        EncodingField::Binary => Ok(Encoding::Binary),
        EncodingField::Unspecified => Err(ApiError::invalid(
            "No encoding provided: expected JSON or BINARY",
        )),
    }
}
