//! The operators' interface, below `/operate/` of the service's own port: the status, the records of messages, and replays.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::status::{Watched, page, status};
use crate::dedup::Replay;
use crate::delivery::operator::{Change, MessageReport, Name, OperatorError};
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::loggable::whole_chain;
use crate::push::PushReceiver;

/// The longest request.
const LIMIT_BYTES: usize = 16 * 1024;

/// The e-mail of the operator who calls.
#[derive(Clone)]
struct Operator(String);

/// The request for a message's record, or for its change.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageRequest {
    subscription: String,
    message: Name,
    change: Option<Change>,
    #[serde(default)]
    force: bool,
}

/// The request that begins a replay.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplayRequest {
    subscription: String,
    /// The name of the replay. A request that is repeated with it begins no second one.
    token: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
}

/// An error, in Google's form.
struct Failed(StatusCode, String);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let error = json!({"error": {"code": status.as_u16(), "message": message}});
        (status, Json(error)).into_response()
    }
}

impl From<OperatorError> for Failed {
    fn from(error: OperatorError) -> Self {
        let status = match &error {
            OperatorError::NoRecord => StatusCode::NOT_FOUND,
            OperatorError::Handled | OperatorError::Held(_) | OperatorError::Changed => {
                StatusCode::CONFLICT
            }
            OperatorError::NoRecords(_) | OperatorError::ByKey { .. } | OperatorError::ById(_) => {
                StatusCode::BAD_REQUEST
            }
            OperatorError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, whole_chain(&error))
    }
}

impl From<JsonRejection> for Failed {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

/// Returns the routes, for operators only.
pub(super) fn routes(watched: Watched) -> Router {
    let receiver = Arc::clone(&watched.receiver);
    Router::new()
        .route("/operate/", get(page))
        .route("/operate/status", get(status))
        .route("/operate/message", post(message))
        .route("/operate/replay", post(replay))
        .layer(DefaultBodyLimit::max(LIMIT_BYTES))
        .layer(from_fn_with_state(receiver, check))
        .with_state(watched)
}

/// Passes the request of an operator.
async fn check(
    State(receiver): State<Arc<PushReceiver>>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = Instant::now();
    match receiver.check_operator(request.headers()).await {
        Ok(email) => {
            request.extensions_mut().insert(Operator(email));
            next.run(request).await
        }
        Err(refusal) => receiver.replies.refuse(arrival, refusal),
    }
}

async fn message(
    State(Watched { receiver, .. }): State<Watched>,
    Extension(Operator(operator)): Extension<Operator>,
    request: Result<Json<MessageRequest>, JsonRejection>,
) -> Result<Json<MessageReport>, Failed> {
    let Json(request) = request?;
    let subscriber = find(&receiver, &request.subscription)?;
    if let Some(change) = request.change {
        let changed = subscriber.change(&request.message, change, request.force);
        changed.await?;
        let message_id = match &request.message {
            Name::Id(id) => id.as_str(),
            Name::Key(_) => "named by its key",
        };
        tracing::warn!(
            subscription = request.subscription,
            message_id,
            operator,
            ?change,
            "an operator changed the record of a message"
        );
    }
    Ok(Json(subscriber.report(&request.message).await?))
}

async fn replay(
    State(Watched { receiver, .. }): State<Watched>,
    Extension(Operator(operator)): Extension<Operator>,
    request: Result<Json<ReplayRequest>, JsonRejection>,
) -> Result<StatusCode, Failed> {
    let Json(ReplayRequest {
        subscription,
        token,
        since,
        until,
    }) = request?;
    let subscriber = find(&receiver, &subscription)?;
    subscriber.replay(&Replay::new(token, since, until)).await?;
    tracing::warn!(
        subscription,
        operator,
        %since,
        %until,
        "an operator began a replay: messages of this time that are delivered again run again"
    );
    Ok(StatusCode::NO_CONTENT)
}

fn find<'a>(receiver: &'a PushReceiver, id: &str) -> Result<&'a RunningSubscriber, Failed> {
    let found = receiver.bindings.subscriber(id);
    found.map(Arc::as_ref).ok_or_else(|| {
        let mut known: Vec<_> = receiver.bindings.subscribers().collect();
        known.sort_by(|one, other| one.declared.id.cmp(&other.declared.id));
        let known: Vec<_> = known.iter().map(|one| one.declared.id.as_str()).collect();
        let known = known.join(", ");
        let text = format!("this service has no subscription {id:?}, but {known}");
        Failed(StatusCode::NOT_FOUND, text)
    })
}
