//! The published surface: Google's REST and gRPC interfaces and the issuer's documents, on one port.

mod clock_body;
mod grpc;
mod json;
mod keys;
mod page;
mod path;
mod push_config;
mod rest;
mod subscription_body;
mod subscriptions;
mod topics;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::get;

use crate::broker::Broker;
use crate::issuer::{Issuer, KEYS_PATH};

/// Ten megabytes of data in Base64, with room for attributes and names.
const MAX_BODY_BYTES: usize = 14 * 1024 * 1024;
/// How much of a body that is too large is read before it is refused.
const MAX_READ_BYTES: usize = 32 * 1024 * 1024;

/// What the handlers work with.
#[derive(Clone)]
struct Services {
    broker: Arc<Broker>,
    issuer: Arc<Issuer>,
}

pub(crate) fn router(broker: Arc<Broker>, issuer: Arc<Issuer>) -> Router {
    let publisher = grpc::publisher(Arc::clone(&broker));
    Router::new()
        .route("/", get(|| async { "Ok" }))
        .route(KEYS_PATH, get(keys::keys))
        .route("/.well-known/openid-configuration", get(keys::discovery))
        .merge(topics::routes())
        .merge(subscriptions::routes())
        .route_service(grpc::PUBLISHER_PATH, publisher)
        .fallback(rest::unknown)
        .method_not_allowed_fallback(rest::unknown)
        .layer(DefaultBodyLimit::max(MAX_READ_BYTES))
        .with_state(Services { broker, issuer })
}

impl FromRef<Services> for Arc<Broker> {
    fn from_ref(services: &Services) -> Self {
        Arc::clone(&services.broker)
    }
}

impl FromRef<Services> for Arc<Issuer> {
    fn from_ref(services: &Services) -> Self {
        Arc::clone(&services.issuer)
    }
}
