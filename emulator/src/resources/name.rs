//! Full names of topics, subscriptions, snapshots and schemas, checked once and cheap to copy.

use std::fmt;
use std::sync::Arc;

use crate::error::ApiError;

/// The topic of a subscription after its own was deleted (Google, *Subscription*, `topic`).
pub(crate) const DELETED_TOPIC: &str = "_deleted-topic_";

/// The schema of a topic after its own was deleted (Google, *SchemaSettings*, `schema`).
pub(crate) const DELETED_SCHEMA: &str = "_deleted-schema_";

const MAX_PROJECT_BYTES: usize = 255;

/// A full name, such as `projects/PROJECT/topics/ID`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ResourceName(Arc<str>);

impl ResourceName {
    pub(crate) fn topic(name: &str) -> Result<Self, ApiError> {
        Self::parse(name, "topics")
    }

    pub(crate) fn subscription(name: &str) -> Result<Self, ApiError> {
        Self::parse(name, "subscriptions")
    }

    pub(crate) fn snapshot(name: &str) -> Result<Self, ApiError> {
        Self::parse(name, "snapshots")
    }

    pub(crate) fn schema(name: &str) -> Result<Self, ApiError> {
        Self::parse(name, "schemas")
    }

    fn parse(name: &str, collection: &str) -> Result<Self, ApiError> {
        let mut parts = name.split('/');
        let fits = parts.next() == Some("projects")
            && parts.next().is_some_and(is_project)
            && parts.next() == Some(collection)
            && parts.next().is_some_and(is_id)
            && parts.next().is_none();
        if !fits {
            return Err(ApiError::invalid(format!(
                "Invalid resource name {name:?}: expected projects/PROJECT/{collection}/ID, where ID has 3 to 255 \
                 letters, digits or any of -_.~+%, begins with a letter, and does not begin with \"goog\", and PROJECT has \
                 letters, digits or any of -_:."
            )));
        }
        Ok(Self(Arc::from(name)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn project(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// Returns the last part, which names the resource in error texts and dead letters.
    pub(crate) fn id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the error with the short name, as in Google's text. The log has the full name.
    pub(crate) fn not_found(&self) -> ApiError {
        tracing::debug!(resource = %self, "there is no such resource");
        ApiError::NotFound(self.id().to_owned())
    }

    pub(crate) fn already_exists(&self) -> ApiError {
        ApiError::AlreadyExists(self.id().to_owned())
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns the id in `projects/PROJECT`.
///
/// # Errors
/// If it is not such a name.
pub(crate) fn project(name: &str) -> Result<&str, ApiError> {
    let project = name.strip_prefix("projects/").unwrap_or_default();
    check_project(project)?;
    Ok(project)
}

/// Checks the id of a project.
///
/// # Errors
/// If it is empty, has more than 255 bytes, or has a character other than letters, digits and `-_:.`.
pub fn check_project(project: &str) -> Result<(), ApiError> {
    if is_project(project) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid project {project:?}: expected letters, digits or any of -_:."
    )))
}

/// Returns true if a project can have this id. Ids have letters, digits and hyphens; those of old domain projects look like
/// `example.com:shop`. Google's rules about their length and about `_` are not checked, since many tests violate them: here an id
/// only separates resources.
fn is_project(project: &str) -> bool {
    (1..=MAX_PROJECT_BYTES).contains(&project.len())
        && project
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "-_:.".contains(each))
}

/// Returns true if an id follows Google's rule (Google, *Topic*, *Subscription* and *CreateSchemaRequest*, `schema_id`).
fn is_id(id: &str) -> bool {
    (3..=255).contains(&id.len())
        && id.starts_with(|first: char| first.is_ascii_alphabetic())
        && !id.starts_with("goog")
        && id
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "-_.~+%".contains(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, good: bool) {
        let name = format!("projects/shop/topics/{id}");
        assert_eq!(ResourceName::topic(&name).is_ok(), good, "{id:?}");
    }

    #[test]
    fn ids_follow_googles_rule() {
        check("orders", true);
        check("Or-d_e.r~s+1%", true);
        check("abc", true);
        check("ab", false);
        check(&"a".repeat(255), true);
        check(&"a".repeat(256), false);
        check("1orders", false);
        check("google-orders", false);
        check("my-google", true);
        check("or ders", false);
        check("ördern", false);
        check("orders:publish", false);
        check("a/bcd", false);
    }

    #[test]
    fn a_topic_is_not_a_subscription() {
        assert!(ResourceName::subscription("projects/shop/topics/orders").is_err());
        assert!(ResourceName::schema("projects/shop/topics/orders").is_err());
        assert!(ResourceName::schema("projects/shop/schemas/orders").is_ok());
        assert!(ResourceName::snapshot("projects/shop/snapshots/orders").is_ok());
        assert!(ResourceName::topic("orders").is_err());
        assert!(ResourceName::topic("projects//topics/orders").is_err());
        assert!(ResourceName::topic("projects/p/topics/orders").is_ok());
        assert!(ResourceName::topic("projects/example.com:shop-1/topics/orders").is_ok());
        assert!(ResourceName::topic("projects/my shop/topics/orders").is_err());
        assert!(ResourceName::topic("projects/my_shop/topics/orders").is_ok());
    }

    #[test]
    fn parts_of_a_name() {
        let name = ResourceName::subscription("projects/shop/subscriptions/orders-mail").unwrap();
        assert_eq!(name.project(), "shop");
        assert_eq!(name.id(), "orders-mail");
    }
}
