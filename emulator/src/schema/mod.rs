//! Schemas and their revisions: what Google's SchemaService keeps, and what publishing asks of it (Google, *Schema overview*).
//!
//! Names of methods follow the service. Paging is left to the interfaces, and time to the caller.

mod avro;
mod definition;
mod protobuf;
mod revision;
mod validation;

use std::collections::BTreeMap;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Schema, SchemaView};
use time::OffsetDateTime;

use self::revision::Revision;
pub(crate) use self::validation::{Accepted, SchemaRef, required_encoding};
use crate::error::ApiError;
use crate::name::{ResourceName, check_project};

/// (Google, *Schema overview*, *Quotas and limits for schemas*.)
const MAX_SCHEMAS_PER_PROJECT: usize = 10_000;
const MAX_REVISIONS: usize = 20;
/// The most that all definitions may take together, which is this emulator's own limit.
const MAX_DEFINITION_BYTES: usize = 256 * 1024 * 1024;

/// All schemas. Each has its revisions, the oldest first, and at least one.
#[derive(Default)]
pub(crate) struct Schemas {
    schemas: BTreeMap<ResourceName, Vec<Revision>>,
}

impl Schemas {
    /// # Errors
    /// If the name is bad or taken, the definition wrong, or there are too many schemas. An empty id is a bad name, for Google
    /// as well, though the API calls it optional.
    pub(crate) fn create(
        &mut self,
        project: &str,
        schema_id: &str,
        schema: Schema,
        now: OffsetDateTime,
    ) -> Result<Schema, ApiError> {
        let name = ResourceName::schema(&format!("projects/{project}/schemas/{schema_id}"))?;
        if self.schemas.contains_key(&name) {
            return Err(name.already_exists());
        }
        let of_project = |other: &&ResourceName| other.project() == project;
        if self.schemas.keys().filter(of_project).count() >= MAX_SCHEMAS_PER_PROJECT {
            return Err(ApiError::ResourceExhausted(format!(
                "The project has {MAX_SCHEMAS_PER_PROJECT} schemas, the most that it can have"
            )));
        }
        self.check_room(schema.definition.len())?;
        let revision = Revision::new(&name, schema, &[], now)?;
        let created = revision.full();
        self.schemas.insert(name, vec![revision]);
        Ok(created)
    }

    /// The latest revision, or the one of `…@REVISION`; whole, if no view is asked for.
    ///
    /// # Errors
    /// If there is none, or the name is bad.
    pub(crate) fn get(&self, name: &str, view: SchemaView) -> Result<Schema, ApiError> {
        Ok(self.find(name)?.show(view, SchemaView::Full))
    }

    /// The latest revision of every schema of a project, by name; without definitions, if no view is asked for.
    ///
    /// # Errors
    /// If the project's name is bad.
    pub(crate) fn list(&self, project: &str, view: SchemaView) -> Result<Vec<Schema>, ApiError> {
        check_project(project)?;
        let of_project = self
            .schemas
            .iter()
            .filter(|(name, _)| name.project() == project);
        let latest = of_project.filter_map(|(_, revisions)| revisions.last());
        Ok(latest
            .map(|revision| revision.show(view, SchemaView::Basic))
            .collect())
    }

    /// The revisions of a schema, the newest first; without definitions, if no view is asked for.
    ///
    /// # Errors
    /// If there is no such schema, or the name is bad.
    pub(crate) fn list_revisions(
        &self,
        name: &str,
        view: SchemaView,
    ) -> Result<Vec<Schema>, ApiError> {
        let revisions = self.revisions(&ResourceName::schema(name)?)?;
        let shown = revisions.iter().rev();
        Ok(shown
            .map(|revision| revision.show(view, SchemaView::Basic))
            .collect())
    }

    /// Adds a revision. It need not be compatible with earlier ones, as far as is documented.
    ///
    /// # Errors
    /// If there is no such schema, the definition is wrong or of another type, or there are too many revisions.
    pub(crate) fn commit(
        &mut self,
        name: &str,
        schema: Schema,
        now: OffsetDateTime,
    ) -> Result<Schema, ApiError> {
        let name = ResourceName::schema(name)?;
        let revisions = self.revisions(&name)?;
        if revisions
            .last()
            .is_some_and(|latest| latest.language() != schema.r#type)
        {
            return Err(ApiError::invalid("The type of a schema cannot be changed"));
        }
        self.check_room(schema.definition.len())?;
        let revision = Revision::new(&name, schema, revisions, now)?;
        self.add(&name, revision)
    }

    /// Adds a copy of an earlier revision.
    ///
    /// # Errors
    /// If there is no such schema or revision, or there are too many.
    pub(crate) fn rollback(
        &mut self,
        name: &str,
        revision_id: &str,
        now: OffsetDateTime,
    ) -> Result<Schema, ApiError> {
        let name = ResourceName::schema(name)?;
        let revisions = self.revisions(&name)?;
        let earlier = position(&name, revisions, revision_id)?;
        let copy = revisions
            .get(earlier)
            .map(|earlier| earlier.copy(revisions, now));
        let copy = copy.ok_or_else(|| name.not_found())?;
        self.check_room(copy.definition_bytes())?;
        self.add(&name, copy)
    }

    /// Deletes the revision of `…@REVISION`, and gives it back.
    ///
    /// # Errors
    /// If there is no such revision, the name has none, or it is the last one left.
    pub(crate) fn delete_revision(&mut self, name: &str) -> Result<Schema, ApiError> {
        let (name, Some(revision_id)) = split(name)? else {
            return Err(ApiError::invalid(format!(
                "Invalid resource name {name:?}: expected projects/PROJECT/schemas/ID@REVISION"
            )));
        };
        let place = position(&name, self.revisions(&name)?, revision_id)?;
        let Some(revisions) = self.schemas.get_mut(&name) else {
            return Err(name.not_found());
        };
        if revisions.len() == 1 {
            return Err(ApiError::invalid(
                "Cannot delete the last revision of a schema: delete the schema instead",
            ));
        }
        Ok(revisions.remove(place).full())
    }

    /// # Errors
    /// If there is no such schema, or the name is bad.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let name = ResourceName::schema(name)?;
        match self.schemas.remove(&name) {
            Some(_) => Ok(()),
            None => Err(name.not_found()),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        ResourceName::schema(name).is_ok_and(|name| self.schemas.contains_key(&name))
    }

    /// The names of all schemas.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.schemas.keys().map(ResourceName::as_str)
    }

    /// All revisions of a schema, the oldest first, for [`Self::restore`]; none, if there is no such schema.
    pub(crate) fn snapshot(&self, name: &str) -> Vec<Schema> {
        let name = ResourceName::schema(name);
        let revisions = name.ok().and_then(|name| self.schemas.get(&name));
        let revisions = revisions.map(Vec::as_slice).unwrap_or_default();
        revisions.iter().map(Revision::full).collect()
    }

    /// Puts the revisions of one or several schemas back, in place of what these have now.
    ///
    /// # Errors
    /// If one has a bad name or a wrong definition; nothing is changed then.
    pub(crate) fn restore(&mut self, kept: Vec<Schema>) -> Result<(), ApiError> {
        let mut restored: BTreeMap<ResourceName, Vec<Revision>> = BTreeMap::new();
        for schema in kept {
            let name = ResourceName::schema(&schema.name)?;
            let revisions = restored.entry(name).or_default();
            revisions.push(Revision::restore(schema)?);
        }
        self.schemas.append(&mut restored);
        Ok(())
    }

    fn add(&mut self, name: &ResourceName, revision: Revision) -> Result<Schema, ApiError> {
        let Some(revisions) = self.schemas.get_mut(name) else {
            return Err(name.not_found());
        };
        if revisions.len() >= MAX_REVISIONS {
            return Err(ApiError::ResourceExhausted(format!(
                "The schema has {MAX_REVISIONS} revisions, the most that it can have"
            )));
        }
        let added = revision.full();
        revisions.push(revision);
        Ok(added)
    }

    /// The latest revision of a schema, or the one that its name ends with.
    fn find(&self, name: &str) -> Result<&Revision, ApiError> {
        let (name, revision_id) = split(name)?;
        let revisions = self.revisions(&name)?;
        let found = match revision_id {
            Some(revision_id) => revisions.get(position(&name, revisions, revision_id)?),
            None => revisions.last(),
        };
        found.ok_or_else(|| name.not_found())
    }

    fn revisions(&self, name: &ResourceName) -> Result<&[Revision], ApiError> {
        let revisions = self.schemas.get(name).map(Vec::as_slice);
        revisions.ok_or_else(|| name.not_found())
    }

    fn check_room(&self, bytes: usize) -> Result<(), ApiError> {
        let revisions = self.schemas.values().flatten();
        let taken: usize = revisions.map(Revision::definition_bytes).sum();
        if taken + bytes <= MAX_DEFINITION_BYTES {
            return Ok(());
        }
        Err(ApiError::ResourceExhausted(format!(
            "The emulator holds at most {MAX_DEFINITION_BYTES} bytes of schema definitions"
        )))
    }
}

/// A schema's name and the revision that follows it after an `@`.
fn split(name: &str) -> Result<(ResourceName, Option<&str>), ApiError> {
    match name.split_once('@') {
        Some((schema, revision_id)) => Ok((ResourceName::schema(schema)?, Some(revision_id))),
        None => Ok((ResourceName::schema(name)?, None)),
    }
}

fn position(
    name: &ResourceName,
    revisions: &[Revision],
    revision_id: &str,
) -> Result<usize, ApiError> {
    let place = revisions.iter().position(|each| each.id() == revision_id);
    place.ok_or_else(|| ApiError::NotFound(format!("{}@{revision_id}", name.id())))
}
