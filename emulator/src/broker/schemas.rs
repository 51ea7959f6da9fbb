//! Schemas, and the checks of messages.

use std::sync::{MutexGuard, PoisonError};

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Schema;

use super::Broker;
use crate::error::ApiError;
use crate::journal::Kind;
use crate::messages::message::Message;
use crate::resources::name::{DELETED_SCHEMA, ResourceName};
use crate::resources::topic::SchemaSettings;
use crate::schema::{SchemaDeclaration, Schemas};

impl Broker {
    /// Locks the schemas. The caller must not lock the resources afterwards.
    pub(crate) fn schemas(&self) -> MutexGuard<'_, Schemas> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// If the name is invalid or taken, or if the definition is invalid.
    pub(crate) fn create_schema(
        &self,
        project: &str,
        id: &str,
        schema: Schema,
    ) -> Result<Schema, ApiError> {
        let now = self.clock.utc();
        self.change_schema(|schemas| schemas.create(project, id, schema, now))
    }

    /// # Errors
    /// If the name is invalid or taken, or if the definition is invalid.
    pub(crate) fn declare_schema(&self, declared: &SchemaDeclaration) -> Result<(), ApiError> {
        let name = ResourceName::schema(&declared.name)?;
        self.create_schema(name.project(), name.id(), declared.to_schema())?;
        Ok(())
    }

    /// # Errors
    /// If there is no such schema, or if the definition is invalid.
    pub(crate) fn commit_schema(&self, name: &str, schema: Schema) -> Result<Schema, ApiError> {
        let now = self.clock.utc();
        self.change_schema(|schemas| schemas.commit(name, schema, now))
    }

    /// # Errors
    /// If there is no such schema or revision.
    pub(crate) fn rollback_schema(&self, name: &str, revision: &str) -> Result<Schema, ApiError> {
        let now = self.clock.utc();
        self.change_schema(|schemas| schemas.rollback(name, revision, now))
    }

    /// # Errors
    /// If there is no such revision, or if it is the only one left.
    pub(crate) fn delete_schema_revision(&self, name: &str) -> Result<Schema, ApiError> {
        self.change_schema(|schemas| schemas.delete_revision(name))
    }

    /// Deletes a schema. Its topics then reject messages (Google, *Delete a schema*).
    ///
    /// # Errors
    /// If there is none of this name.
    pub(crate) fn delete_schema(&self, name: &str) -> Result<(), ApiError> {
        let name = ResourceName::schema(name)?;
        let mut resources = self.resources();
        let mut schemas = self.schemas();
        schemas.delete(name.as_str())?;
        self.save_deletion(Kind::Schema, &name);
        drop(schemas);
        for topic in resources.topics.values_mut() {
            if let Some(settings) = &mut topic.config.schema
                && settings.schema == name.as_str()
            {
                DELETED_SCHEMA.clone_into(&mut settings.schema);
                self.save_topic(topic);
            }
        }
        Ok(())
    }

    fn change_schema(
        &self,
        change: impl FnOnce(&mut Schemas) -> Result<Schema, ApiError>,
    ) -> Result<Schema, ApiError> {
        let mut schemas = self.schemas();
        let changed = change(&mut schemas)?;
        let name = changed.name.split('@').next().unwrap_or_default();
        self.save_schema(&schemas, &ResourceName::schema(name)?);
        Ok(changed)
    }

    /// Checks messages against the schema of their topic, and adds the matching revision as an attribute (Google, *Parse
    /// messages from a topic with a schema*).
    ///
    /// # Errors
    /// If a message fits no revision.
    pub(super) fn check_schema(
        &self,
        settings: &SchemaSettings,
        messages: &mut [Message],
    ) -> Result<(), ApiError> {
        let schemas = self.schemas();
        for message in messages {
            let accepted = schemas.check(settings, &message.data)?;
            let attributes = accepted.attributes();
            let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
            message.attributes.extend(attributes);
        }
        Ok(())
    }
}
