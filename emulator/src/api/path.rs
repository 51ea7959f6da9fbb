//! Paths of the REST interface: what they name, and what is answered where the emulator has nothing.

use axum::extract::{FromRequestParts, Path};
use axum::http::Method;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::name;

/// The project of a collection, as in `/v1/projects/PROJECT/topics`.
pub(super) struct Project(pub(super) String);

/// A resource, as in `/v1/projects/PROJECT/topics/ID` or `/v1/projects/PROJECT/topics/ID:publish`; there is one only if the
/// emulator has the method that is called.
pub(super) struct Resource {
    pub(super) project: String,
    pub(super) id: String,
}

/// The methods that the emulator has, by the shape of their path below the project.
const BUILT: [(&str, &str); 10] = [
    ("GET", "topics"),
    ("GET", "topics/*"),
    ("PUT", "topics/*"),
    ("DELETE", "topics/*"),
    ("POST", "topics/*:publish"),
    ("GET", "subscriptions"),
    ("GET", "subscriptions/*"),
    ("PUT", "subscriptions/*"),
    ("DELETE", "subscriptions/*"),
    ("POST", "subscriptions/*:modifyPushConfig"),
];

/// The methods that Google documents and the emulator does not have (Google, *Cloud Pub/Sub API*, REST reference).
const NOT_BUILT: [(&str, &str); 27] = [
    ("PATCH", "topics/*"),
    ("GET", "topics/*/subscriptions"),
    ("GET", "topics/*/snapshots"),
    ("PATCH", "subscriptions/*"),
    ("POST", "subscriptions/*:acknowledge"),
    ("POST", "subscriptions/*:detach"),
    ("POST", "subscriptions/*:modifyAckDeadline"),
    ("POST", "subscriptions/*:pull"),
    ("POST", "subscriptions/*:seek"),
    ("GET", "snapshots"),
    ("GET", "snapshots/*"),
    ("PUT", "snapshots/*"),
    ("PATCH", "snapshots/*"),
    ("DELETE", "snapshots/*"),
    ("GET", "schemas"),
    ("POST", "schemas"),
    ("POST", "schemas:validate"),
    ("POST", "schemas:validateMessage"),
    ("GET", "schemas/*"),
    ("DELETE", "schemas/*"),
    ("GET", "schemas/*:listRevisions"),
    ("POST", "schemas/*:commit"),
    ("POST", "schemas/*:rollback"),
    ("DELETE", "schemas/*:deleteRevision"),
    ("GET", "*:getIamPolicy"),
    ("POST", "*:setIamPolicy"),
    ("POST", "*:testIamPermissions"),
];

/// What has a policy, and so three methods whose shape begins with a star (Google, *Cloud Pub/Sub API*, REST reference, `getIamPolicy`).
const WITH_POLICY: [&str; 4] = ["topics", "subscriptions", "snapshots", "schemas"];

impl<S: Send + Sync> FromRequestParts<S> for Project {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let project: String = segments(parts, state).await?;
        name::check_project(&project)?;
        Ok(Self(project))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Resource {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (project, segment): (String, String) = segments(parts, state).await?;
        let path = parts.uri.path();
        let shape = shape(path).unwrap_or_default();
        if !BUILT.contains(&(parts.method.as_str(), shape.as_str())) {
            return Err(missing(&parts.method, path));
        }
        let (id, _verb) = segment.split_once(':').unwrap_or((&segment, ""));
        let id = id.to_owned();
        Ok(Self { project, id })
    }
}

/// The variable parts of a path. Only percent-encoded bytes that are no UTF-8 are refused here.
async fn segments<T: DeserializeOwned + Send, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<T, ApiError> {
    let segments = Path::<T>::from_request_parts(parts, state).await;
    let Path(segments) = segments.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    Ok(segments)
}

/// Why a request that no handler takes is refused: the method is not built yet, or there is none.
pub(super) fn missing(method: &Method, path: &str) -> ApiError {
    let shape = shape(path).unwrap_or_default();
    if NOT_BUILT.contains(&(method.as_str(), shape.as_str())) {
        return ApiError::unimplemented(format!("The emulator does not have {method} {path} yet"));
    }
    let all = BUILT.iter().chain(&NOT_BUILT);
    let others: Vec<&str> = all
        .filter(|(_, other)| *other == shape)
        .map(|(other, _)| *other)
        .collect();
    ApiError::NoSuchMethod(if others.is_empty() {
        format!("The API has no method {method} {path}")
    } else {
        let others = others.join(" or ");
        format!("The API has no method {method} {path}, but has {others} there")
    })
}

/// What comes after the project in a path, with a star for the id.
fn shape(path: &str) -> Option<String> {
    // Clients may encode the colon.
    let path = path.replace("%3A", ":").replace("%3a", ":");
    let mut segments = path.strip_prefix("/v1/projects/")?.split('/').skip(1);
    let (collection, id, nested) = (segments.next()?, segments.next(), segments.next());
    if segments.next().is_some() {
        return None;
    }
    let Some(id) = id else {
        return Some(collection.to_owned());
    };
    let (_, verb) = id.split_once(':').unwrap_or((id, ""));
    let is_policy = NOT_BUILT
        .iter()
        .any(|(_, shape)| shape.strip_prefix("*:") == Some(verb));
    Some(match nested {
        Some(nested) => format!("{collection}/*/{nested}"),
        None if verb.is_empty() => format!("{collection}/*"),
        None if is_policy && WITH_POLICY.contains(&collection) => format!("*:{verb}"),
        None => format!("{collection}/*:{verb}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(shape(path).as_deref(), expected, "{path}");
    }

    #[test]
    fn a_shape_stands_for_all_paths_of_a_method() {
        check("/v1/projects/shop/topics", Some("topics"));
        check("/v1/projects/shop/topics/orders", Some("topics/*"));
        check(
            "/v1/projects/example.com:shop/topics/orders",
            Some("topics/*"),
        );
        check(
            "/v1/projects/shop/topics/orders:publish",
            Some("topics/*:publish"),
        );
        check(
            "/v1/projects/shop/topics/orders%3Apublish",
            Some("topics/*:publish"),
        );
        check(
            "/v1/projects/shop/topics/orders/subscriptions",
            Some("topics/*/subscriptions"),
        );
        check(
            "/v1/projects/shop/schemas:validate",
            Some("schemas:validate"),
        );
        check(
            "/v1/projects/shop/snapshots/daily:setIamPolicy",
            Some("*:setIamPolicy"),
        );
        check(
            "/v1/projects/shop/tables/daily:setIamPolicy",
            Some("tables/*:setIamPolicy"),
        );
        check("/v1/projects/shop/topics/orders/a/b", None);
        check("/v1/projects/shop", None);
        check("/health", None);
    }
}
