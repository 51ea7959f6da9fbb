//! Google's gRPC services, REST transcoded to them, and the issuer's documents, on one port.
//!
//! `publisher`, `subscriber`, `schemas` and `iam` are the services. Each method converts its request with `crate::convert`,
//! calls the broker, and converts the response. `grpc` and `rest` are the transports.

mod clock_body;
mod codec;
mod control;
mod gate;
mod grpc;
mod iam;
mod keys;
mod mask;
mod monitoring;
mod page;
mod publisher;
mod pull;
mod rejections;
mod rest;
mod schemas;
mod subscriber;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;

use tokio_util::sync::CancellationToken;
use tonic::Status;

use self::gate::Gate;
use self::rest::Rest;
pub(crate) use self::rest::reject;
use crate::broker::Broker;
use crate::error::ApiError;
use crate::issuer::{CERTIFICATES_PATH, Issuer, KEYS_PATH};
use crate::journal::JournalError;
use crate::server::front_door::front_door;

/// The largest body of a request to Google's interfaces.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// The most bytes of a too large body that are read before it is rejected.
const MAX_READ_BYTES: usize = 32 * 1024 * 1024;

/// Google's services, on one broker.
struct Services {
    broker: Arc<Broker>,
}

pub(crate) fn router(
    broker: Arc<Broker>,
    issuer: Arc<Issuer>,
    stopping: CancellationToken,
) -> Router {
    let gate = Gate::new(issuer.url());
    let documents = Router::new()
        .route("/", get(front_door))
        .route(KEYS_PATH, get(keys::keys))
        .route(CERTIFICATES_PATH, get(keys::certificates))
        .route("/.well-known/openid-configuration", get(keys::discovery))
        .with_state(Arc::clone(&issuer));
    let services = Arc::new(Services {
        broker: Arc::clone(&broker),
    });
    let monitoring = monitoring::routes(Arc::clone(&broker));
    let control = control::routes(broker, issuer, stopping);
    let rest = Rest::new(Arc::clone(&services));
    Router::new()
        .fallback(rest::answer)
        .method_not_allowed_fallback(rest::answer)
        .with_state(rest)
        .merge(documents)
        .merge(control)
        .merge(monitoring)
        .merge(grpc::routes(&services))
        .layer(from_fn_with_state(gate, gate::pass))
        .layer(from_fn(rejections::log))
        .layer(DefaultBodyLimit::max(MAX_READ_BYTES))
}

impl Services {
    /// Waits until all changes are on the disk, if there is a data folder. Responses follow it, so that their changes are
    /// not lost.
    ///
    /// # Errors
    /// If they cannot be written.
    async fn saved(&self) -> Result<(), Status> {
        saved(&self.broker).await
    }

    /// Waits until the data folder has room. If the folder has failed, no change is made: clients retry, and would publish
    /// each time.
    ///
    /// # Errors
    /// If the journal has failed.
    async fn room_to_save(&self) -> Result<(), Status> {
        let room = self.broker.room_to_save().await;
        room.map_err(|error| unsaved(&error))
    }
}

async fn saved(broker: &Broker) -> Result<(), Status> {
    broker.saved().await.map_err(|error| unsaved(&error))
}

/// Returns the error for a change in memory that cannot be saved, or that was not made for this reason.
fn unsaved(error: &JournalError) -> Status {
    ApiError::unsaved(error).into()
}
