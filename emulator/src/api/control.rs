//! The emulator's own API under `/emulator/v1`: faults, the clock, keys, repeated deliveries, a list of unacknowledged
//! messages, and the deletion of a project. Shutdown has the same request as in Google's emulator, and ID tokens the same as in
//! Google's IAM Service Account Credentials API.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{PullResponse, ReceivedMessage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::clock_body::{AdvanceBody, ClockBody};
use super::rest::{reject, write_json};
use crate::broker::Broker;
use crate::convert;
use crate::delivery::Delivery;
use crate::error::ApiError;
use crate::faults::Faults;
use crate::issuer::Issuer;
use crate::resources::name::ResourceName;
use crate::strict_json::Object;

/// The most messages in one response.
const MAX_UNACKED_MESSAGES: usize = 1_000;

/// The size in bytes after which no further message is added.
const MAX_UNACKED_BYTES: usize = 10_000_000;

/// The state of the handlers.
#[derive(Clone)]
struct Control {
    broker: Arc<Broker>,
    issuer: Arc<Issuer>,
    stopping: CancellationToken,
}

/// The id of a message that is delivered once more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedeliverBody {
    message_id: String,
}

/// The audience of an ID token (Google, *IAM Service Account Credentials API*, `generateIdToken`). Delegates are ignored, since
/// the emulator checks no permission for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdTokenBody {
    audience: String,
    #[serde(default)]
    include_email: bool,
    #[serde(default, rename = "delegates")]
    _delegates: Vec<String>,
}

#[derive(Serialize)]
struct IdToken {
    token: String,
}

/// The most messages to return.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UnackedQuery {
    #[serde(default = "UnackedQuery::default_messages")]
    max_messages: usize,
}

#[derive(Serialize)]
struct Nothing {}

type Answer<T> = Result<Json<T>, Rejected>;

/// An error in Google's form.
struct Rejected(Status);

impl<E: Into<Status>> From<E> for Rejected {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        reject(&self.0)
    }
}

pub(super) fn routes(
    broker: Arc<Broker>,
    issuer: Arc<Issuer>,
    stopping: CancellationToken,
) -> Router {
    const SUBSCRIPTION: &str = "/emulator/v1/projects/{project}/subscriptions/{subscription}";
    Router::new()
        .route("/shutdown", post(shut_down))
        .route("/emulator/v1/clock", get(clock))
        .route("/emulator/v1/clock:advance", post(advance))
        .route("/emulator/v1/keys:rotate", post(rotate))
        .route(
            &format!("{SUBSCRIPTION}/faults"),
            get(faults).put(set_faults).delete(clear_faults),
        )
        .route(&format!("{SUBSCRIPTION}/deliverAgain"), post(deliver_again))
        .route(&format!("{SUBSCRIPTION}/messages"), get(unacked))
        .route("/emulator/v1/projects/{project}", delete(clear))
        .route("/v1/projects/-/serviceAccounts/{call}", post(id_token))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Control {
            broker,
            issuer,
            stopping,
        })
}

/// Shuts the emulator down, as with Google's emulator. The response is sent even if the data folder has failed.
async fn shut_down(State(control): State<Control>) -> Json<Nothing> {
    control.stopping.cancel();
    Json(Nothing {})
}

async fn clock(State(control): State<Control>) -> Json<ClockBody> {
    let now = control.broker.now();
    Json(ClockBody { now })
}

async fn advance(State(control): State<Control>, body: Bytes) -> Answer<ClockBody> {
    let AdvanceBody { seconds } = read(&body)?;
    control.broker.advance(seconds);
    let now = control.broker.now();
    super::saved(&control.broker).await?;
    Ok(Json(ClockBody { now }))
}

async fn rotate(State(control): State<Control>) -> Answer<Nothing> {
    let rotated = tokio::task::spawn_blocking(move || control.issuer.rotate()).await;
    rotated.map_err(|error| Status::internal(format!("The keys were not rotated: {error}")))?;
    Ok(Json(Nothing {}))
}

async fn faults(
    State(control): State<Control>,
    Path(place): Path<(String, String)>,
) -> Answer<Faults> {
    Ok(Json(control.subscription(&place)?.faults()))
}

async fn set_faults(
    State(control): State<Control>,
    Path(place): Path<(String, String)>,
    body: Bytes,
) -> Answer<Faults> {
    let faults = read(&body)?;
    control.set(&place, faults).await
}

async fn clear_faults(
    State(control): State<Control>,
    Path(place): Path<(String, String)>,
) -> Answer<Faults> {
    control.set(&place, Faults::none()).await
}

async fn deliver_again(
    State(control): State<Control>,
    Path(place): Path<(String, String)>,
    body: Bytes,
) -> Answer<Nothing> {
    let RedeliverBody { message_id } = read(&body)?;
    control.subscription(&place)?.redeliver(&message_id)?;
    super::saved(&control.broker).await?;
    Ok(Json(Nothing {}))
}

/// Lists the unacknowledged messages of a subscription, oldest first, in the form of a pull response. They are not leased,
/// so there are no ack ids.
async fn unacked(
    State(control): State<Control>,
    Path(place): Path<(String, String)>,
    query: Result<Query<UnackedQuery>, QueryRejection>,
) -> Result<Response, Rejected> {
    let Query(UnackedQuery { max_messages }) =
        query.map_err(|rejection| Status::invalid_argument(rejection.body_text()))?;
    let most = max_messages.min(MAX_UNACKED_MESSAGES);
    let unacked = control
        .subscription(&place)?
        .first_unacked(most, MAX_UNACKED_BYTES);
    let answer = PullResponse {
        received_messages: unacked
            .iter()
            .map(|message| ReceivedMessage {
                message: Some(convert::message(message)),
                ..ReceivedMessage::default()
            })
            .collect(),
    };
    let json = write_json("google.pubsub.v1.PullResponse", &answer)?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

async fn clear(State(control): State<Control>, Path(project): Path<String>) -> Answer<Nothing> {
    control.broker.clear_project(&project)?;
    super::saved(&control.broker).await?;
    Ok(Json(Nothing {}))
}

/// Signs an ID token of a service account, as pushes have it.
async fn id_token(
    State(control): State<Control>,
    Path(call): Path<String>,
    body: Bytes,
) -> Answer<IdToken> {
    let Some(email) = call.strip_suffix(":generateIdToken") else {
        let text = "The emulator has no other call of service accounts than generateIdToken";
        return Err(Status::not_found(text).into());
    };
    let body: IdTokenBody = read(&body)?;
    if body.audience.is_empty() || !body.include_email {
        let text = "The emulator signs tokens with an audience and an e-mail only: set audience, and includeEmail to true";
        return Err(Status::invalid_argument(text).into());
    }
    let token = control.issuer.token(email, &body.audience);
    Ok(Json(IdToken { token }))
}

async fn wrong_method(method: Method, uri: Uri) -> Rejected {
    let path = uri.path();
    let text = format!(
        "The emulator has no {method} {path}: it has GET, PUT and DELETE for faults, GET for the clock and messages, DELETE \
         for projects, and POST for all other paths"
    );
    Rejected(Status::not_found(text))
}

impl UnackedQuery {
    const fn default_messages() -> usize {
        100
    }
}

impl Control {
    fn subscription(&self, (project, id): &(String, String)) -> Result<Arc<Delivery>, ApiError> {
        let name = format!("projects/{project}/subscriptions/{id}");
        self.broker
            .subscription(&ResourceName::subscription(&name)?)
    }

    async fn set(&self, place: &(String, String), faults: Faults) -> Answer<Faults> {
        let delivery = self.subscription(place)?;
        self.broker.set_faults(delivery.name(), faults)?;
        super::saved(&self.broker).await?;
        Ok(Json(delivery.faults()))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Status> {
    let read = serde_json::from_slice(body).map_err(|error| {
        Status::invalid_argument(format!("Invalid JSON payload received: {error}"))
    });
    read.map(|Object(body)| body)
}
