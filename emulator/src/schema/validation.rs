//! The checks of definitions, of topics' schema settings and of messages.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Encoding as EncodingField, Schema};

use super::definition::Definition;
use super::mismatch::Mismatch;
use super::revision::Revision;
use super::{Schemas, position};
use crate::error::ApiError;
use crate::resources::name::{DELETED_SCHEMA, ResourceName};
use crate::resources::topic::{Encoding, SchemaSettings};

/// The schema that a message is checked against (Google, *ValidateMessageRequest*, `schema_spec`).
pub(crate) enum SchemaRef {
    /// The latest revision, or the revision that the name ends with.
    Named(String),
    Inline(Schema),
}

/// The revision that a message fits, which becomes an attribute.
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
    /// If there is no such schema, if its definition is invalid, or if the message does not fit it.
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
        checked.map_err(|mismatch| {
            ApiError::invalid(format!(
                "Invalid data in message: Message failed schema validation: {mismatch}"
            ))
        })
    }

    /// Finds the newest revision that a message fits, of those that its topic allows (Google, *SchemaSettings*).
    ///
    /// # Errors
    /// If the schema or a bound was deleted, or if the message fits no revision. Google reports the latter in the text and
    /// in the details of the status; here the text has all of it.
    pub(crate) fn check(
        &self,
        settings: &SchemaSettings,
        data: &[u8],
    ) -> Result<Accepted, ApiError> {
        let mut last: Option<(&Revision, Mismatch)> = None;
        for revision in self.allowed(settings)?.iter().rev() {
            match revision.definition().check(data, settings.encoding) {
                Ok(()) => {
                    return Ok(Accepted {
                        schema: settings.schema.clone(),
                        revision_id: revision.id().to_owned(),
                        encoding: settings.encoding,
                    });
                }
                Err(mismatch) => last = Some((revision, mismatch)),
            }
        }
        let checked = last.map(|(revision, mismatch)| {
            let id = revision.id();
            format!(", last checked revision: revision_id={id} failed with status: {mismatch}")
        });
        Err(ApiError::invalid(format!(
            "Invalid data in message: Message failed schema validation. Could not validate message with any schema revision \
             for schema: {}{}",
            settings.schema,
            checked.unwrap_or_default()
        )))
    }

    /// Rejects settings that would allow no message.
    ///
    /// # Errors
    /// If the schema or a bound does not exist, or if the bounds are in the wrong order.
    pub(crate) fn check_settings(&self, settings: &SchemaSettings) -> Result<(), ApiError> {
        self.allowed(settings).map(drop)
    }

    /// Returns the revisions that a topic allows, the oldest first.
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
    /// Returns the attributes that are added to the message (Google, *Schema overview*).
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

/// Returns the encoding that a request must name.
///
/// # Errors
/// If the request names none.
pub(crate) fn required_encoding(encoding: EncodingField) -> Result<Encoding, ApiError> {
    match encoding {
        EncodingField::Json => Ok(Encoding::Json),
        EncodingField::Binary => Ok(Encoding::Binary),
        EncodingField::Unspecified => Err(ApiError::invalid(
            "No encoding provided: expected JSON or BINARY",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SchemaRef, Schemas, required_encoding};
    use super::Accepted;
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::schema::Type;
    use time::OffsetDateTime;

    const NAME: &str = "projects/shop/schemas/orders";

    fn schema(language: Type, definition: &str) -> Schema {
        Schema {
            r#type: language.into(),
            definition: definition.to_owned(),
            ..Schema::default()
        }
    }

    fn settings(first: &str, last: &str) -> SchemaSettings {
        SchemaSettings {
            schema: NAME.to_owned(),
            encoding: Encoding::Json,
            first_revision_id: first.to_owned(),
            last_revision_id: last.to_owned(),
        }
    }

    /// Messages that fit the first, the second and the third revision.
    const A: &[u8] = br#"{"a": 5}"#;
    const B: &[u8] = br#"{"a": 5, "b": true}"#;
    const C: &[u8] = br#"{"a": 5, "c": true}"#;

    /// Returns a schema with three revisions and their ids. Each of the later two has a further field.
    fn orders() -> (Schemas, Vec<String>) {
        let mut schemas = Schemas::default();
        let now = OffsetDateTime::UNIX_EPOCH;
        let order = |more: &str| {
            let fields = format!(r#"{{"name": "a", "type": "int"}}{more}"#);
            let definition = format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#);
            schema(Type::Avro, &definition)
        };
        let created = schemas.create("shop", "orders", order(""), now);
        let mut ids = vec![created.unwrap().revision_id];
        for name in ["b", "c"] {
            let more = format!(r#", {{"name": "{name}", "type": "boolean", "default": false}}"#);
            ids.push(schemas.commit(NAME, order(&more), now).unwrap().revision_id);
        }
        (schemas, ids)
    }

    #[test]
    fn the_newest_revision_that_fits_is_taken() {
        let (schemas, ids) = orders();
        let accepted = |settings: &SchemaSettings, data: &[u8]| {
            schemas
                .check(settings, data)
                .map(|accepted| accepted.revision_id)
        };
        assert_eq!(accepted(&settings("", ""), C), Ok(ids[2].clone()));
        assert_eq!(accepted(&settings("", ""), A), Ok(ids[0].clone()));
        assert_eq!(accepted(&settings("", &ids[1]), B), Ok(ids[1].clone()));
        assert!(accepted(&settings("", &ids[1]), C).is_err());
        assert!(accepted(&settings(&ids[1], ""), A).is_err());
        assert_eq!(accepted(&settings(&ids[1], &ids[1]), B), Ok(ids[1].clone()));
        let binary = SchemaSettings {
            encoding: Encoding::Binary,
            ..settings("", "")
        };
        assert_eq!(accepted(&binary, &[10, 1]), Ok(ids[2].clone()));
    }

    #[test]
    fn a_message_that_fits_no_revision_is_rejected_in_googles_words() {
        let (schemas, ids) = orders();
        let rejected = schemas.check(&settings("", ""), b"null").unwrap_err();
        assert_eq!(
            rejected,
            ApiError::invalid(format!(
                "Invalid data in message: Message failed schema validation. Could not validate message with any schema \
                 revision for schema: {NAME}, last checked revision: revision_id={} failed with status: expected an object, \
                 found null",
                ids[0]
            ))
        );
    }

    fn not_found(schemas: &Schemas, settings: &SchemaSettings, resource: &str) {
        let expected = ApiError::NotFound(resource.to_owned());
        assert_eq!(schemas.check_settings(settings), Err(expected.clone()));
        assert_eq!(schemas.check(settings, A), Err(expected));
    }

    #[test]
    fn settings_name_revisions_that_exist() {
        let (schemas, ids) = orders();
        assert_eq!(schemas.check_settings(&settings(&ids[0], &ids[2])), Ok(()));
        not_found(&schemas, &settings("00000000", ""), "orders@00000000");
        not_found(&schemas, &settings("", "00000000"), "orders@00000000");
    }

    #[test]
    fn settings_name_the_older_revision_first() {
        let (schemas, ids) = orders();
        for (first, last) in [(2, 1), (2, 0)] {
            let backwards = schemas.check_settings(&settings(&ids[first], &ids[last]));
            assert!(matches!(backwards, Err(ApiError::InvalidArgument(_))));
        }
    }

    #[test]
    fn settings_name_a_schema_that_exists() {
        let (mut schemas, _) = orders();
        schemas.delete(NAME).unwrap();
        not_found(&schemas, &settings("", ""), "orders");
        let deleted = SchemaSettings {
            schema: DELETED_SCHEMA.to_owned(),
            ..settings("", "")
        };
        not_found(&schemas, &deleted, "_deleted-schema_");
    }

    #[test]
    fn an_accepted_message_has_its_schema_revision() {
        let accepted = Accepted {
            schema: NAME.to_owned(),
            revision_id: "0a1b2c3d".to_owned(),
            encoding: Encoding::Binary,
        };
        assert_eq!(
            accepted.attributes(),
            [
                ("googclient_schemaname", NAME),
                ("googclient_schemarevisionid", "0a1b2c3d"),
                ("googclient_schemaencoding", "BINARY"),
            ]
        );
    }

    #[test]
    fn messages_are_validated_against_named_schemas() {
        let (schemas, ids) = orders();
        let validate = |schema: SchemaRef, data: &[u8], encoding| {
            schemas.validate_message(&schema, data, encoding)
        };
        let named = |suffix: &str| SchemaRef::Named(format!("{NAME}{suffix}"));
        let earlier = format!("@{}", ids[0]);
        assert_eq!(validate(named(""), C, EncodingField::Json), Ok(()));
        assert!(validate(named(""), A, EncodingField::Json).is_err());
        assert_eq!(validate(named(&earlier), A, EncodingField::Json), Ok(()));
        let missing = validate(named("2"), A, EncodingField::Json);
        assert_eq!(missing, Err(ApiError::NotFound("orders2".to_owned())));
        let unset = validate(named(""), C, EncodingField::Unspecified);
        assert!(matches!(unset, Err(ApiError::InvalidArgument(_))));
    }

    #[test]
    fn an_encoding_that_is_set_is_taken() {
        assert_eq!(
            required_encoding(EncodingField::Binary),
            Ok(Encoding::Binary)
        );
    }

    #[test]
    fn messages_are_validated_against_given_schemas() {
        let validate = |schema: SchemaRef, data: &[u8], encoding| {
            Schemas::default().validate_message(&schema, data, encoding)
        };
        let protobuf = || {
            SchemaRef::Inline(schema(
                Type::ProtocolBuffer,
                "message A { optional int32 a = 1; }",
            ))
        };
        assert_eq!(
            validate(protobuf(), br#"{"a": 1}"#, EncodingField::Json),
            Ok(())
        );
        assert_eq!(
            validate(protobuf(), b"\x08\x01", EncodingField::Binary),
            Ok(())
        );
        assert!(validate(protobuf(), br#"{"b": 1}"#, EncodingField::Json).is_err());
        let wrong = SchemaRef::Inline(schema(Type::Avro, "{"));
        assert!(validate(wrong, b"5", EncodingField::Json).is_err());
    }

    fn validate(language: Type, definition: &str) -> Result<(), ApiError> {
        Schemas::validate_schema(&schema(language, definition))
    }

    fn rejected(language: Type, definition: &str, expected: &str) {
        let error = validate(language, definition).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn definitions_may_be_of_either_language() {
        assert_eq!(validate(Type::Avro, r#""int""#), Ok(()));
        assert_eq!(validate(Type::ProtocolBuffer, "message A {}"), Ok(()));
    }

    #[test]
    fn an_empty_definition_is_rejected() {
        for language in [Type::Avro, Type::ProtocolBuffer] {
            rejected(
                language,
                "",
                "The schema has no definition. (A compiledProtoSchema is",
            );
        }
    }

    #[test]
    fn a_definition_of_another_language_is_rejected() {
        rejected(Type::Unspecified, r#""int""#, "Invalid schema type: ");
        rejected(Type::Avro, "message A {}", "Invalid schema definition: ");
        rejected(
            Type::ProtocolBuffer,
            r#""int""#,
            "Invalid schema definition: schema.proto:1:",
        );
    }

    #[test]
    fn a_definition_has_a_limit() {
        let limit = format!("{}\"int\"", " ".repeat(300_000 - 5));
        assert_eq!(validate(Type::Avro, &limit), Ok(()));
        let beyond = format!(" {limit}");
        rejected(
            Type::Avro,
            &beyond,
            "The schema definition has 300001 bytes",
        );
    }
}
