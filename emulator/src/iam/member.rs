//! The members of policies (Google, *Principal identifiers*, and *Binding*, `members`).

/// The members that stand for everybody.
const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];
/// Members with a basic role in a project.
const OF_PROJECT: [&str; 3] = ["projectOwner", "projectEditor", "projectViewer"];

/// Returns true for a documented form. The member need not exist.
pub(super) fn is_member(member: &str) -> bool {
    if EVERYBODY.contains(&member) {
        return true;
    }
    let (deleted, living) = match member.strip_prefix("deleted:") {
        Some(living) => (true, living),
        None => (false, member),
    };
    let Some((kind, id)) = living.split_once(':') else {
        return false;
    };
    let is_blank = id.chars().any(char::is_whitespace) || id.is_empty();
    !is_blank
        && if deleted {
            is_deleted(kind, id)
        } else {
            is_current(kind, id)
        }
}

fn is_current(kind: &str, id: &str) -> bool {
    match kind {
        "user" | "group" => is_address(id),
        // A Kubernetes workload's account has no address: `PROJECT.svc.id.goog[NAMESPACE/ACCOUNT]`.
        "serviceAccount" => is_address(id) || (id.contains(".svc.id.goog[") && id.ends_with(']')),
        "domain" => id.contains('.') && !id.contains('@'),
        "principal" | "principalSet" => is_path(id),
        kind => OF_PROJECT.contains(&kind),
    }
}

/// Returns true for a deleted member. A number distinguishes a deleted account from a later one with its address.
fn is_deleted(kind: &str, id: &str) -> bool {
    match kind {
        "user" | "group" | "serviceAccount" => id
            .rsplit_once("?uid=")
            .is_some_and(|(address, number)| is_current(kind, address) && is_number(number)),
        "principal" => is_path(id),
        _ => false,
    }
}

fn is_address(id: &str) -> bool {
    let parts = id.split_once('@');
    parts.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}

/// Returns true for `//iam.googleapis.com/…`, or another service.
fn is_path(id: &str) -> bool {
    let path = id.strip_prefix("//").and_then(|path| path.split_once('/'));
    path.is_some_and(|(service, rest)| service.ends_with(".googleapis.com") && !rest.is_empty())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|each| each.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_the_documented_forms() {
        for member in [
            "allUsers",
            "allAuthenticatedUsers",
            "user:ada@example.com",
            "serviceAccount:push@shop.iam.gserviceaccount.com",
            "serviceAccount:shop.svc.id.goog[orders/push]",
            "group:admins@example.com",
            "domain:example.com",
            "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s",
            "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*",
            "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount",
            "projectOwner:shop",
            "projectEditor:shop",
            "projectViewer:shop",
            "deleted:user:ada@example.com?uid=123456789012345678901",
            "deleted:serviceAccount:push@shop.iam.gserviceaccount.com?uid=1",
            "deleted:group:admins@example.com?uid=1",
            "deleted:principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s",
        ] {
            assert!(is_member(member), "{member}");
        }
        for member in [
            "",
            "bogus",
            "bogus:ada@example.com",
            "user:",
            "user:ada",
            "user: ada@example.com",
            "user:@example.com",
            "ada@example.com",
            "User:ada@example.com",
            "domain:example",
            "domain:ada@example.com",
            "allusers",
            "principal:iam.googleapis.com/p",
            "principal://example.com/p",
            "principalSet://iam.googleapis.com/",
            "projectOwner:",
            "deleted:user:ada@example.com",
            "deleted:user:ada@example.com?uid=x",
            "deleted:allUsers",
            "deleted:domain:example.com?uid=1",
        ] {
            assert!(!is_member(member), "{member}");
        }
    }
}
