//! The published surface: Google's REST and gRPC interfaces and the issuer's documents, on one port.

mod grpc;
mod iam;
mod keys;
mod mask;
mod page;
mod publisher;
mod pull;
mod schemas;
mod services;
mod status;
mod subscriber;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use self::services::Services;
use crate::broker::Broker;
use crate::issuer::Issuer;

/// Ten megabytes of data in Base64, with room for attributes and names.
const MAX_BODY_BYTES: usize = 14 * 1024 * 1024;

pub(crate) fn router(broker: Arc<Broker>, _issuer: Arc<Issuer>) -> Router {
    Router::new()
        .route("/", get(|| async { "Ok" }))
        .merge(grpc::routes(&Arc::new(Services { broker })))
}
