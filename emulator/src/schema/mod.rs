//! Schemas and their revisions, as in Google's SchemaService, and the check of published messages (Google, *Schema overview*).
//!
//! The names of methods follow the service. The API divides lists into pages, and the caller passes the time.

mod avro;
mod compatibility;
mod declaration;
mod definition;
mod mismatch;
mod protobuf;
mod revision;
mod validation;

use std::collections::BTreeMap;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Schema, SchemaView};
use time::OffsetDateTime;

pub use self::declaration::{SchemaDeclaration, SchemaLanguage};
use self::revision::Revision;
pub(crate) use self::validation::{SchemaRef, required_encoding};
use crate::error::ApiError;
use crate::resources::name::{ResourceName, check_project};

/// The most schemas of a project (Google, *Schema overview*, *Quotas and limits for schemas*).
const MAX_SCHEMAS_PER_PROJECT: usize = 10_000;
const MAX_REVISIONS: usize = 20;
/// The most bytes of all definitions together. This limit is the emulator's own.
const MAX_DEFINITION_BYTES: usize = 256 * 1024 * 1024;

/// All schemas. Each has its revisions, the oldest first, and at least one.
#[derive(Default)]
pub(crate) struct Schemas {
    schemas: BTreeMap<ResourceName, Vec<Revision>>,
}

impl Schemas {
    /// # Errors
    /// If the name is invalid or taken, if the definition is invalid, or if there are too many schemas. An empty id is
    /// invalid at Google too, although the API calls it optional.
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

    /// Returns the latest revision, or the revision of `…@REVISION`. Without a view it includes the definition.
    ///
    /// # Errors
    /// If there is no such schema, or if the name is invalid.
    pub(crate) fn get(&self, name: &str, view: SchemaView) -> Result<Schema, ApiError> {
        Ok(self.find(name)?.show(view, SchemaView::Full))
    }

    /// Returns the latest revision of every schema of a project, by name. Without a view the definitions are left out.
    ///
    /// # Errors
    /// If the name of the project is invalid.
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

    /// Returns the revisions of a schema, the newest first. Without a view the definitions are left out.
    ///
    /// # Errors
    /// If there is no such schema, or if the name is invalid.
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

    /// Adds a revision.
    ///
    /// # Errors
    /// If there is no such schema, if the definition is invalid, of another type or incompatible with an earlier one, or if
    /// there are too many revisions.
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
        compatibility::check(&name, &revision, revisions)?;
        self.add(&name, revision)
    }

    /// Adds a copy of an earlier revision.
    ///
    /// # Errors
    /// If there is no such schema or revision, or if there are too many revisions.
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

    /// Deletes the revision of `…@REVISION`, and returns it.
    ///
    /// # Errors
    /// If there is no such revision, if the name has none, or if it is the only one left.
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
    /// If there is no such schema, or if the name is invalid.
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

    /// Returns the names of all schemas.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.schemas.keys().map(ResourceName::as_str)
    }

    /// Returns all revisions of a schema, the oldest first, for [`Self::restore`]. Without such a schema there are none.
    pub(crate) fn snapshot(&self, name: &str) -> Vec<Schema> {
        let name = ResourceName::schema(name);
        let revisions = name.ok().and_then(|name| self.schemas.get(&name));
        let revisions = revisions.map(Vec::as_slice).unwrap_or_default();
        revisions.iter().map(Revision::full).collect()
    }

    /// Restores the revisions of one or several schemas, in place of their current ones.
    ///
    /// # Errors
    /// If a name or a definition is invalid. Then nothing is changed.
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

    /// Returns the latest revision of a schema, or the one that its name ends with.
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

/// Returns a schema's name and the revision that follows it after an `@`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::schema::Type;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05.678 UTC);
    const NAME: &str = "projects/shop/schemas/orders";

    fn avro(definition: &str) -> Schema {
        Schema {
            r#type: Type::Avro.into(),
            definition: definition.to_owned(),
            ..Schema::default()
        }
    }

    /// Returns the schemas and the ids of two compatible revisions, the oldest first.
    fn orders() -> (Schemas, [String; 2]) {
        let mut schemas = Schemas::default();
        let first = schemas
            .create("shop", "orders", avro(r#""string""#), NOW)
            .unwrap();
        let second = schemas.commit(NAME, avro(r#""bytes""#), NOW).unwrap();
        (schemas, [first.revision_id, second.revision_id])
    }

    fn not_found<T: std::fmt::Debug>(result: Result<T, ApiError>, resource: &str) {
        assert_eq!(result.unwrap_err(), ApiError::NotFound(resource.to_owned()));
    }

    /// Creates a schema, and returns it beside all.
    fn created() -> (Schemas, Schema) {
        let mut schemas = Schemas::default();
        let given = Schema {
            name: "ignored".to_owned(),
            revision_id: "ignored".to_owned(),
            ..avro(r#""string""#)
        };
        let created = schemas.create("shop", "orders", given, NOW).unwrap();
        (schemas, created)
    }

    #[test]
    fn a_created_schema_has_the_name_that_was_asked_for() {
        assert_eq!(created().1.name, NAME);
    }

    #[test]
    fn a_created_schema_has_a_definition() {
        let (_, created) = created();
        assert_eq!(created.definition, r#""string""#);
    }

    #[test]
    fn a_created_schema_has_a_revision_of_eight_digits() {
        let (_, created) = created();
        assert_eq!(created.revision_id.len(), 8);
        assert!(
            created
                .revision_id
                .chars()
                .all(|each| "0123456789abcdef".contains(each))
        );
    }

    #[test]
    fn a_created_schema_has_the_time_of_its_creation() {
        let time = created().1.revision_create_time.unwrap();
        assert_eq!(time.seconds, 1_767_323_045);
        assert_eq!(time.nanos, 678_000_000);
    }

    #[test]
    fn a_created_schema_can_be_got() {
        let (schemas, created) = created();
        assert_eq!(schemas.get(NAME, SchemaView::Unspecified).unwrap(), created);
        assert!(schemas.exists(NAME));
        assert!(!schemas.exists("projects/shop/schemas/other"));
    }

    #[test]
    fn a_name_is_taken_once_in_its_project() {
        let (mut schemas, _) = orders();
        let taken = schemas.create("shop", "orders", avro(r#""string""#), NOW);
        assert_eq!(
            taken.unwrap_err(),
            ApiError::AlreadyExists("orders".to_owned())
        );
        assert!(
            schemas
                .create("market", "orders", avro(r#""string""#), NOW)
                .is_ok()
        );
    }

    #[test]
    fn a_malformed_name_is_rejected() {
        let mut schemas = Schemas::default();
        for (project, id) in [
            ("shop", ""),
            ("shop", "ab"),
            ("shop", "a@bc"),
            ("shop", "goog-a"),
            ("a/b", "abc"),
        ] {
            let rejected = schemas.create(project, id, avro(r#""string""#), NOW);
            assert!(
                matches!(rejected, Err(ApiError::InvalidArgument(_))),
                "{project} {id}"
            );
        }
    }

    #[test]
    fn a_schema_that_is_rejected_does_not_exist() {
        let mut schemas = Schemas::default();
        let wrong = schemas.create("shop", "wrong", avro("{"), NOW);
        assert!(matches!(wrong, Err(ApiError::InvalidArgument(_))));
        assert!(!schemas.exists("projects/shop/schemas/wrong"));
    }

    #[test]
    fn one_revision_or_the_latest_can_be_got() {
        let (schemas, [first, second]) = orders();
        let get = |suffix: &str| schemas.get(&format!("{NAME}{suffix}"), SchemaView::Unspecified);
        assert_eq!(get("").unwrap().revision_id, second);
        assert_eq!(get(&format!("@{first}")).unwrap().definition, r#""string""#);
        not_found(get("@00000000"), "orders@00000000");
        not_found(get("@"), "orders@");
        not_found(
            schemas.get("projects/shop/schemas/other", SchemaView::Full),
            "other",
        );
        let basic = schemas.get(NAME, SchemaView::Basic).unwrap();
        assert_eq!(basic.definition, "");
        assert_eq!(basic.revision_id, second);
        assert_eq!(basic.r#type(), Type::Avro);
    }

    /// Returns schemas of two projects, and the ids of the revisions of `orders`.
    fn three() -> (Schemas, [String; 2]) {
        let (mut schemas, ids) = orders();
        schemas
            .create("shop", "invoices", avro(r#""string""#), NOW)
            .unwrap();
        schemas
            .create("market", "orders", avro(r#""string""#), NOW)
            .unwrap();
        (schemas, ids)
    }

    #[test]
    fn schemas_are_listed_in_order() {
        let (schemas, [_, second]) = three();
        let listed = schemas.list("shop", SchemaView::Unspecified).unwrap();
        let names: Vec<_> = listed.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["projects/shop/schemas/invoices", NAME]);
        assert_eq!(listed[1].revision_id, second);
    }

    #[test]
    fn a_list_is_without_definitions_unless_asked() {
        let (schemas, _) = three();
        let listed = schemas.list("shop", SchemaView::Unspecified).unwrap();
        assert!(listed.iter().all(|each| each.definition.is_empty()));
        let full = schemas.list("shop", SchemaView::Full).unwrap();
        assert!(full.iter().all(|each| !each.definition.is_empty()));
        let basic = schemas
            .list_revisions(NAME, SchemaView::Unspecified)
            .unwrap();
        assert!(basic.iter().all(|each| each.definition.is_empty()));
    }

    #[test]
    fn a_malformed_project_cannot_be_listed() {
        let (schemas, _) = three();
        assert!(schemas.list("no project", SchemaView::Full).is_err());
    }

    #[test]
    fn revisions_are_listed_the_newest_first() {
        let (schemas, [first, second]) = orders();
        let revisions = schemas.list_revisions(NAME, SchemaView::Full).unwrap();
        let ids: Vec<_> = revisions.into_iter().map(|each| each.revision_id).collect();
        assert_eq!(ids, [second, first]);
    }

    #[test]
    fn a_commit_keeps_the_type() {
        let (mut schemas, _) = orders();
        let protobuf = Schema {
            r#type: Type::ProtocolBuffer.into(),
            ..avro("message A {}")
        };
        let rejected = schemas.commit(NAME, protobuf, NOW);
        assert_eq!(
            rejected,
            Err(ApiError::invalid("The type of a schema cannot be changed"))
        );
    }

    #[test]
    fn a_commit_needs_a_schema() {
        let (mut schemas, _) = orders();
        not_found(
            schemas.commit("projects/shop/schemas/other", avro(r#""string""#), NOW),
            "other",
        );
    }

    #[test]
    fn a_schema_has_a_limit_of_revisions() {
        let (mut schemas, _) = orders();
        for _ in 2..20 {
            schemas.commit(NAME, avro(r#""string""#), NOW).unwrap();
        }
        let full = schemas.commit(NAME, avro(r#""string""#), NOW);
        assert!(matches!(full, Err(ApiError::ResourceExhausted(_))));
        assert_eq!(schemas.snapshot(NAME).len(), 20);
        let latest = schemas.get(NAME, SchemaView::Full).unwrap().revision_id;
        let full = schemas.rollback(NAME, &latest, NOW);
        assert!(matches!(full, Err(ApiError::ResourceExhausted(_))));
    }

    #[test]
    fn an_incompatible_revision_is_rejected_in_googles_words() {
        let (mut schemas, [first, second]) = orders();
        let rejected = schemas.commit(NAME, avro(r#""int""#), NOW).unwrap_err();
        assert_eq!(
            rejected,
            ApiError::invalid(format!(
                "Compatibility checking failed to commit a schema revision for (schema=\"{NAME}\"). (reason=\"Revision is \
                 incompatible with previous revision: {second}. Failed with error: the new revision cannot read the earlier \
                 one: bytes cannot be read as int). Refer to https://cloud.google.com/pubsub/docs/schemas for more information."
            ))
        );
        assert_eq!(schemas.snapshot(NAME).len(), 2);
        schemas.delete_revision(&format!("{NAME}@{first}")).unwrap();
        assert!(schemas.commit(NAME, avro(r#""string""#), NOW).is_ok());
    }

    #[test]
    fn a_revision_is_compared_with_all_that_are_there() {
        let mut schemas = Schemas::default();
        let order = |fields: &str| {
            let fields = format!(r#"{{"name": "a", "type": "int"}}{fields}"#);
            avro(&format!(
                r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#
            ))
        };
        let note = |kind: &str| {
            order(&format!(
                r#", {{"name": "n", "type": "{kind}", "default": 0}}"#
            ))
        };
        let first = schemas.create("shop", "orders", note("int"), NOW).unwrap();
        schemas.commit(NAME, order(""), NOW).unwrap();
        let rejected = schemas.commit(NAME, note("float"), NOW).unwrap_err();
        let named = format!("previous revision: {}.", first.revision_id);
        assert!(rejected.to_string().contains(&named), "{rejected}");
        schemas
            .delete_revision(&format!("{NAME}@{}", first.revision_id))
            .unwrap();
        assert!(schemas.commit(NAME, note("float"), NOW).is_ok());
    }

    #[test]
    fn a_rollback_copies_an_earlier_revision() {
        let (mut schemas, [first, second]) = orders();
        let later = NOW + time::Duration::HOUR;
        let copy = schemas.rollback(NAME, &first, later).unwrap();
        assert_eq!(copy.name, NAME);
        assert_eq!(copy.definition, r#""string""#);
        assert!(copy.revision_id != first && copy.revision_id != second);
        assert_eq!(
            copy.revision_create_time.unwrap().seconds,
            later.unix_timestamp()
        );
        assert_eq!(schemas.get(NAME, SchemaView::Full).unwrap(), copy);
        not_found(schemas.rollback(NAME, "00000000", NOW), "orders@00000000");
    }

    #[test]
    fn revisions_can_be_deleted_but_for_the_last() {
        let (mut schemas, [first, second]) = orders();
        assert!(matches!(
            schemas.delete_revision(NAME),
            Err(ApiError::InvalidArgument(_))
        ));
        not_found(
            schemas.delete_revision(&format!("{NAME}@00000000")),
            "orders@00000000",
        );
        let deleted = schemas
            .delete_revision(&format!("{NAME}@{second}"))
            .unwrap();
        assert_eq!(deleted.revision_id, second);
        assert_eq!(
            schemas.get(NAME, SchemaView::Full).unwrap().revision_id,
            first
        );
        let last = schemas.delete_revision(&format!("{NAME}@{first}"));
        assert!(matches!(last, Err(ApiError::InvalidArgument(_))));
        schemas.delete(NAME).unwrap();
        not_found(schemas.delete(NAME), "orders");
        not_found(schemas.list_revisions(NAME, SchemaView::Full), "orders");
    }

    /// Returns as many schemas as a project may have.
    fn full() -> Schemas {
        let mut schemas = Schemas::default();
        let kept = Schema {
            revision_id: "00000001".to_owned(),
            ..avro(r#""string""#)
        };
        let all = (0..10_000).map(|each| Schema {
            name: format!("projects/shop/schemas/s-{each}"),
            ..kept.clone()
        });
        schemas.restore(all.collect()).unwrap();
        schemas
    }

    #[test]
    fn a_project_has_a_limit_of_schemas() {
        let mut schemas = full();
        let rejected = schemas.create("shop", "one-more", avro(r#""string""#), NOW);
        assert!(matches!(rejected, Err(ApiError::ResourceExhausted(_))));
        assert!(
            schemas
                .create("market", "one-more", avro(r#""string""#), NOW)
                .is_ok()
        );
    }

    #[test]
    fn the_emulator_has_a_limit_of_definitions() {
        let schemas = full();
        assert!(schemas.check_room(MAX_DEFINITION_BYTES - 100_000).is_ok());
        assert!(schemas.check_room(MAX_DEFINITION_BYTES).is_err());
    }

    #[test]
    fn what_is_kept_can_be_restored() {
        let (mut schemas, _) = orders();
        let kept = schemas.snapshot(NAME);
        let mut other = Schemas::default();
        other.restore(kept.clone()).unwrap();
        other.restore(kept.clone()).unwrap();
        assert_eq!(other.snapshot(NAME), kept);
        assert_eq!(other.names().collect::<Vec<_>>(), [NAME]);
        assert!(other.snapshot("projects/shop/schemas/other").is_empty());
        let broken = Schema {
            name: NAME.to_owned(),
            ..avro("{")
        };
        assert!(schemas.restore(vec![broken]).is_err());
        assert_eq!(schemas.snapshot(NAME), kept);
    }
}
