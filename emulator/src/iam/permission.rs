//! The permissions that can be tested (Google, *Access control with IAM*, *Required Pub/Sub permissions*, and *Pub/Sub
//! roles and permissions*). Permissions to create, list and validate belong to the project, and so are not among them.

use crate::error::ApiError;

const POLICY: [&str; 2] = ["getIamPolicy", "setIamPolicy"];
const TAGS: [&str; 4] = [
    "createTagBinding",
    "deleteTagBinding",
    "listEffectiveTags",
    "listTagBindings",
];
/// The permissions on every kind of resource, and on this one only.
const KINDS: [(&str, &[&str]); 4] = [
    (
        "topics",
        &[
            "attachSubscription",
            "detachSubscription",
            "publish",
            "update",
            "updateTag",
        ],
    ),
    ("subscriptions", &["consume", "update"]),
    ("snapshots", &["seek", "update"]),
    (
        "schemas",
        &["attach", "commit", "listRevisions", "rollback"],
    ),
];

/// Returns the requested permissions on a resource without repetitions. The emulator grants all.
///
/// # Errors
/// If one of them is a pattern, which is not allowed (Google, *TestIamPermissionsRequest*, `permissions`), or does not
/// apply to such a resource.
pub(crate) fn granted(resource: &str, permissions: Vec<String>) -> Result<Vec<String>, ApiError> {
    let mut granted = Vec::new();
    for permission in permissions {
        if permission.contains('*') {
            return Err(ApiError::invalid(format!(
                "The permission {permission:?} has a wildcard, which is not allowed here"
            )));
        }
        if !is_of(&permission, resource) {
            return Err(ApiError::invalid(format!(
                "Permission {permission} is not valid for this resource."
            )));
        }
        if !granted.contains(&permission) {
            granted.push(permission);
        }
    }
    Ok(granted)
}

fn is_of(permission: &str, resource: &str) -> bool {
    let kind = resource.split('/').nth(2).unwrap_or_default();
    let action = permission.strip_prefix("pubsub.");
    let action = action.and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('.'));
    let own = KINDS.iter().find(|(name, _)| *name == kind);
    let (Some(action), Some((_, own))) = (action, own) else {
        return false;
    };
    let has_tags = kind != "schemas";
    ["delete", "get"].contains(&action)
        || POLICY.contains(&action)
        || own.contains(&action)
        || (has_tags && TAGS.contains(&action))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(kind: &str, permissions: &[&str]) -> Result<Vec<String>, ApiError> {
        let resource = format!("projects/shop/{kind}/orders");
        granted(
            &resource,
            permissions.iter().map(|each| (*each).to_owned()).collect(),
        )
    }

    #[test]
    fn what_can_be_done_to_a_resource_is_granted_once() {
        for (kind, permission) in [
            ("topics", "pubsub.topics.publish"),
            ("topics", "pubsub.topics.getIamPolicy"),
            ("subscriptions", "pubsub.subscriptions.consume"),
            ("snapshots", "pubsub.snapshots.seek"),
            ("snapshots", "pubsub.snapshots.listTagBindings"),
            ("schemas", "pubsub.schemas.listRevisions"),
            ("schemas", "pubsub.schemas.delete"),
        ] {
            let asked = [permission, permission];
            assert_eq!(ask(kind, &asked).unwrap(), [permission]);
        }
        let both = ["pubsub.topics.get", "pubsub.topics.update"];
        assert_eq!(ask("topics", &both).unwrap(), both);
    }

    #[test]
    fn anything_else_is_rejected() {
        for permission in [
            "pubsub.topics.bogus",
            "pubsub.topics.create",
            "pubsub.subscriptions.consume",
            "pubsub.topicspublish",
            "pubsub.topics.",
            "storage.buckets.get",
            "",
        ] {
            let expected = format!("Permission {permission} is not valid for this resource.");
            let asked = ["pubsub.topics.get", permission];
            assert_eq!(ask("topics", &asked), Err(ApiError::invalid(expected)));
        }
        assert!(ask("schemas", &["pubsub.schemas.listTagBindings"]).is_err());
        assert!(ask("topics", &["pubsub.*"]).is_err());
        assert!(ask("topics", &["pubsub.topics.*"]).is_err());
        assert!(granted("", vec!["pubsub..get".to_owned()]).is_err());
    }
}
