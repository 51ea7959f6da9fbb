//! The list of messages, the history of one message, and the requests of its pushes.

use axum::Json;
use axum::extract::{Path, Query, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rejection::Rejection;
use super::source::PushRequest;
use super::{Console, content, dead_letters, view};
use crate::error::ApiError;
use crate::faults::TokenChoice;
use crate::history::{Content, MessageRecord, SubscriptionRecord};
use crate::resources::name::ResourceName;

const PAGE: usize = 50;

/// The filter of the list. Empty fields match every message.
#[derive(Deserialize)]
pub(super) struct MessageQuery {
    #[serde(default)]
    topic: String,
    #[serde(default)]
    subscription: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    state: String,
    /// The number of the page, starting with 1.
    #[serde(default)]
    page: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushQuery {
    subscription: String,
    attempt: u32,
    /// The start of the delivery, since a repeated attempt has the number of the earlier one.
    #[serde(default)]
    started_at: String,
}

pub(super) async fn list(
    State(console): State<Console>,
    Query(wanted): Query<MessageQuery>,
) -> Json<Value> {
    let page = wanted.page.max(1);
    let history = console.source.history();
    let skip = (page - 1).saturating_mul(PAGE);
    let found = history.page(skip, PAGE, |record| wanted.fits(record));
    Json(json!({
        "messages": found.messages.iter().map(view::summary).collect::<Vec<_>>(),
        "page": page, "pages": found.total.div_ceil(PAGE).max(1), "total": found.total,
        "published": history.all(|all| all.totals.published),
    }))
}

pub(super) async fn record(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Rejection> {
    let record = find(&console, &id)?;
    let source = &console.source;
    let now = source.history().now();
    let dead_letter_of = dead_letters::original_view(source, record.dead_letter_of);
    let exists = |name: &ResourceName| source.exists(name);
    Ok(Json(view::record(&record, now, exists, dead_letter_of)))
}

/// Rebuilds the request of one push, since bodies are not kept.
pub(super) async fn request(
    State(console): State<Console>,
    Path(id): Path<String>,
    Query(which): Query<PushQuery>,
) -> Result<Json<Value>, Rejection> {
    let record = find(&console, &id)?;
    let name = ResourceName::subscription(&which.subscription)?;
    let config = console.source.subscription(&name)?.config;
    let Content::Kept(message) = &record.content else {
        let gone = "The history no longer has the payload of this message";
        return Err(ApiError::precondition(gone).into());
    };
    let token = which.token(&record);
    let request = console
        .source
        .request(&config, message, which.attempt, token)
        .await?;
    let request =
        request.ok_or_else(|| ApiError::precondition("The subscription is not pushed any more"))?;
    Ok(Json(shown(&request)))
}

impl PushQuery {
    /// Returns the kind of token that the push had.
    fn token(&self, record: &MessageRecord) -> TokenChoice {
        let subscriptions = record.subscriptions.iter();
        let attempts = subscriptions
            .filter(|entry| entry.subscription.as_str() == self.subscription)
            .flat_map(|entry| entry.attempts.iter().rev());
        let mut same = attempts.filter(|each| each.number == self.attempt);
        let found = same
            .find(|each| self.started_at.is_empty() || view::time(each.started) == self.started_at);
        found.map_or(TokenChoice::Good, |attempt| attempt.plan.token)
    }
}

impl MessageQuery {
    fn fits(&self, record: &MessageRecord) -> bool {
        let topic = record.topic.as_ref().map(ResourceName::as_str);
        (self.topic.is_empty() || topic == Some(self.topic.as_str()))
            && (self.id.is_empty() || record.sequence.to_string().contains(self.id.trim()))
            && self.fits_a_subscription(record)
    }

    fn fits_a_subscription(&self, record: &MessageRecord) -> bool {
        if self.subscription.is_empty()
            && (self.state.is_empty() || record.subscriptions.is_empty())
        {
            return self.state.is_empty() || self.state == "unrouted";
        }
        let named = |entry: &SubscriptionRecord| {
            self.subscription.is_empty() || entry.subscription.as_str() == self.subscription
        };
        let has_state = |entry: &SubscriptionRecord| {
            self.state.is_empty() || view::state_name(entry.state()) == self.state
        };
        record
            .subscriptions
            .iter()
            .any(|entry| named(entry) && has_state(entry))
    }
}

fn find(console: &Console, id: &str) -> Result<MessageRecord, Rejection> {
    let history = console.source.history();
    let unknown = || ApiError::NotFound(id.to_owned());
    let sequence = id.parse().map_err(|_| unknown())?;
    let record = history.record(sequence);
    record.ok_or_else(|| match history.max_messages() {
        0 => Rejection::NoHistory,
        messages if history.may_have_forgotten(sequence) => Rejection::Forgotten { messages },
        _ => Rejection::NotSeen,
    })
}

/// Formats a request. Of the token it shows the length and the claims: with its signature anyone could use it.
fn shown(request: &PushRequest) -> Value {
    let mut headers = request.headers.clone();
    if let Some(token) = &request.token {
        headers.push((
            "authorization".to_owned(),
            format!("Bearer <token, {} bytes>", token.len()),
        ));
    }
    let parts = request.token.as_deref().map(|token| {
        let mut parts = token.split('.').map(decoded);
        json!({"header": parts.next().flatten(), "claims": parts.next().flatten()})
    });
    json!({
        "method": "POST", "url": request.url, "headers": headers, "token": parts, "body": content::body(&request.body),
    })
}

fn decoded(part: &str) -> Option<Value> {
    Some(content::body(&URL_SAFE_NO_PAD.decode(part).ok()?))
}
