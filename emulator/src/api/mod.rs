//! The published surface: Google's gRPC services, REST transcoded to them, and the issuer's documents, on one port.
//!
//! `publisher`, `subscriber`, `schemas` and `iam` are the services: each method reads its request with `convert`, asks the
//! broker, and writes the answer. `grpc` and `rest` only carry them.

mod convert;
mod descriptor;
mod grpc;
mod iam;
mod keys;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the broker does not update resources yet")
)]
mod mask;
mod page;
mod publisher;
mod rest;
mod schemas;
mod status;
mod subscriber;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use self::rest::Rest;
use crate::broker::Broker;
use crate::error::ApiError;
use crate::iam::Policies;
use crate::issuer::{Issuer, KEYS_PATH};
use crate::name::{ResourceName, check_project};

/// Ten megabytes of data in Base64, with room for attributes and names.
const MAX_BODY_BYTES: usize = 14 * 1024 * 1024;
/// How much of a body that is too large is read before it is refused.
const MAX_READ_BYTES: usize = 32 * 1024 * 1024;

/// What the services work with.
struct Services {
    broker: Arc<Broker>,
    policies: Policies,
}

pub(crate) fn router(broker: Arc<Broker>, issuer: Arc<Issuer>) -> Router {
    let policies = Policies::default();
    let services = Arc::new(Services { broker, policies });
    let documents = Router::new()
        .route("/", get(|| async { "Ok" }))
        .route(KEYS_PATH, get(keys::keys))
        .route("/.well-known/openid-configuration", get(keys::discovery))
        .with_state(issuer);
    let rest = Rest::new(Arc::clone(&services));
    Router::new()
        .fallback(rest::answer)
        .method_not_allowed_fallback(rest::answer)
        .with_state(rest)
        .merge(documents)
        .merge(grpc::routes(&services))
        .layer(DefaultBodyLimit::max(MAX_READ_BYTES))
}

impl Services {
    /// Whether there is a resource of this name, which may be of any kind.
    fn exists(&self, resource: &str) -> bool {
        if let Ok(topic) = ResourceName::topic(resource) {
            return self.broker.topic(&topic).is_ok();
        }
        let subscription = ResourceName::subscription(resource);
        subscription.is_ok_and(|name| self.broker.subscription(&name).is_ok())
    }
}

/// The id of a project, from its name.
fn project(name: &str) -> Result<&str, ApiError> {
    let project = name.strip_prefix("projects/").ok_or_else(|| {
        ApiError::invalid(format!(
            "Invalid project {name:?}: expected projects/PROJECT"
        ))
    })?;
    check_project(project)?;
    Ok(project)
}
