//! The compatibility of a new revision of a schema with the earlier ones (Google, *Commit a schema revision*).
//!
//! Google's error texts also name revisions before the latest. So the new revision is compared with all existing ones, the
//! newest first. A rollback adds a revision that was compared before.

use super::avro;
use super::definition::Definition;
use super::mismatch::shortened;
use super::revision::Revision;
use crate::error::ApiError;
use crate::resources::name::ResourceName;

/// # Errors
/// If the new revision is incompatible with one of the `earlier` ones.
pub(super) fn check(
    name: &ResourceName,
    revision: &Revision,
    earlier: &[Revision],
) -> Result<(), ApiError> {
    for other in earlier.iter().rev() {
        compare(other, revision).map_err(|reason| {
            ApiError::invalid(format!(
                "Compatibility checking failed to commit a schema revision for (schema=\"{name}\"). (reason=\"Revision is \
                 incompatible with previous revision: {}. Failed with error: {}). Refer to \
                 https://cloud.google.com/pubsub/docs/schemas for more information.",
                other.id(),
                shortened(&reason)
            ))
        })?;
    }
    Ok(())
}

fn compare(earlier: &Revision, new: &Revision) -> Result<(), String> {
    match (earlier.definition(), new.definition()) {
        (Definition::Avro(_), Definition::Avro(_)) => avro::compare(earlier.text(), new.text()),
        (Definition::Protobuf(earlier), Definition::Protobuf(new)) => new.compare(earlier),
        _ => Err("the types of the schemas differ".to_owned()),
    }
}
