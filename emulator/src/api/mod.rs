//! The published surface: Google's gRPC services, REST transcoded to them, and the issuer's documents, on one port.
//!
//! `publisher`, `subscriber`, `schemas` and `iam` are the services: each method reads its request with `crate::convert`, asks the
//! broker, and writes the answer. `grpc` and `rest` only carry them.

mod clock_body;
mod codec;
mod control;
mod descriptor;
mod gate;
mod grpc;
mod iam;
mod keys;
mod mask;
mod page;
mod publisher;
mod pull;
mod refusals;
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
pub(crate) use self::rest::refuse;
use crate::broker::Broker;
use crate::error::ApiError;
use crate::issuer::{CERTIFICATES_PATH, Issuer, KEYS_PATH};
use crate::journal::JournalError;
use crate::server::front_door::front_door;

/// The largest body of a request to Google's interfaces.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// The most of a too large body that is read before it is refused.
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
    let control = control::routes(broker, issuer, stopping);
    let rest = Rest::new(Arc::clone(&services));
    Router::new()
        .fallback(rest::answer)
        .method_not_allowed_fallback(rest::answer)
        .with_state(rest)
        .merge(documents)
        .merge(control)
        .merge(grpc::routes(&services))
        .layer(from_fn_with_state(gate, gate::pass))
        .layer(from_fn(refusals::log))
        .layer(DefaultBodyLimit::max(MAX_READ_BYTES))
}

impl Services {
    /// Waits until all that was done is kept, where a data folder keeps it. What is answered is not lost.
    ///
    /// # Errors
    /// If it cannot be kept.
    async fn saved(&self) -> Result<(), Status> {
        saved(&self.broker).await
    }

    /// Waits until a data folder can take something large. If it takes nothing any more, nothing is done: clients ask again
    /// and again, and would publish each time.
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

/// The answer to a change that was made in memory and cannot be kept, or was not made for that reason.
fn unsaved(error: &JournalError) -> Status {
    ApiError::unsaved(error).into()
}
