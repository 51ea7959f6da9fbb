//! One revision of a schema, made by its creation, a commit or a rollback.

use std::sync::Arc;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Schema, SchemaView};
use prost_types::Timestamp;
use time::OffsetDateTime;

use super::definition::Definition;
use crate::error::ApiError;
use crate::resources::name::ResourceName;

pub(super) struct Revision {
    schema: Schema,
    /// The compiled definition, so that a publish does not parse the schema again.
    definition: Arc<Definition>,
}

impl Revision {
    /// Compiles `schema`, and sets its name, the time, and an id that is not among `others`.
    pub(super) fn new(
        name: &ResourceName,
        schema: Schema,
        others: &[Self],
        now: OffsetDateTime,
    ) -> Result<Self, ApiError> {
        let definition = Arc::new(Definition::compile(&schema)?);
        let schema = Schema {
            name: name.to_string(),
            revision_id: unused_id(others),
            revision_create_time: Some(timestamp(now)),
            ..schema
        };
        Ok(Self { schema, definition })
    }

    /// Returns a new revision with the same definition.
    pub(super) fn copy(&self, others: &[Self], now: OffsetDateTime) -> Self {
        Self {
            schema: Schema {
                revision_id: unused_id(others),
                revision_create_time: Some(timestamp(now)),
                ..self.schema.clone()
            },
            definition: Arc::clone(&self.definition),
        }
    }

    /// Restores a saved revision.
    pub(super) fn restore(schema: Schema) -> Result<Self, ApiError> {
        let definition = Arc::new(Definition::compile(&schema)?);
        Ok(Self { schema, definition })
    }

    pub(super) fn id(&self) -> &str {
        &self.schema.revision_id
    }

    /// Returns the language as a value of the API's enumeration.
    pub(super) fn language(&self) -> i32 {
        self.schema.r#type
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns the definition as it was written.
    pub(super) fn text(&self) -> &str {
        &self.schema.definition
    }

    pub(super) fn definition_bytes(&self) -> usize {
        self.schema.definition.len()
    }

    pub(super) fn full(&self) -> Schema {
        self.schema.clone()
    }

    /// Returns the whole revision, or the revision without its definition (Google, *SchemaView*). The caller interprets an
    /// unset view.
    pub(super) fn show(&self, view: SchemaView, unset: SchemaView) -> Schema {
        let view = match view {
            SchemaView::Unspecified => unset,
            view => view,
        };
        if view == SchemaView::Full {
            return self.full();
        }
        Schema {
            name: self.schema.name.clone(),
            r#type: self.schema.r#type,
            definition: String::new(),
            revision_id: self.schema.revision_id.clone(),
            revision_create_time: self.schema.revision_create_time,
        }
    }
}

/// Returns eight random hexadecimal digits that are not in use (Google, *RollbackSchemaRequest*, `revision_id`). A schema
/// has few revisions, so the search is short.
fn unused_id(others: &[Revision]) -> String {
    loop {
        let id = format!("{:08x}", rand::random::<u32>());
        if others.iter().all(|other| other.id() != id) {
            return id;
        }
    }
}

fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: time.unix_timestamp(),
        nanos: time.nanosecond().cast_signed(),
    }
}
