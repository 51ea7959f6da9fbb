//! The list of messages, the history of one message, and the requests of its pushes.

use std::cmp::Ordering;

use axum::Json;
use axum::extract::{Path, Query, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rejection::Rejection;
use super::search::Search;
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
    /// A text in the data, the attributes or the ordering key.
    #[serde(default)]
    text: String,
    #[serde(default)]
    sort: Sort,
    /// True for the opposite order.
    #[serde(default)]
    reverse: bool,
    /// The number of the page, starting with 1.
    #[serde(default)]
    page: usize,
}

/// The order of the list: the latest first, by the name of the topic, the most attempts first, or the largest first.
#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Published,
    Topic,
    Attempts,
    Size,
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
    let searched = match Search::new(&wanted.text) {
        Some(search) => Some(search.find(history.contents()).await),
        None => None,
    };
    let fits = |record: &MessageRecord| {
        let is_found = searched.as_ref();
        is_found.is_none_or(|found| found.contains(&record.sequence)) && wanted.fits(record)
    };
    let found = history.page(skip, PAGE, fits, wanted.order());
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
    let cause_of = |sequence| dead_letters::cause_of(source, sequence);
    let shown = view::record(&record, now, exists, dead_letter_of, cause_of);
    Ok(Json(shown))
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
    let request = request
        .ok_or_else(|| ApiError::precondition("The subscription no longer has a push endpoint"))?;
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
    /// Returns the order, or `None` for the latest first.
    fn order(&self) -> Option<impl Fn(&MessageRecord, &MessageRecord) -> Ordering + use<>> {
        let (sort, reverse) = (self.sort, self.reverse);
        let compare = move |one: &MessageRecord, other: &MessageRecord| {
            let order = sort.compare(one, other);
            if reverse { order.reverse() } else { order }
        };
        (sort != Sort::Published || reverse).then_some(compare)
    }

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

impl Sort {
    fn compare(self, one: &MessageRecord, other: &MessageRecord) -> Ordering {
        match self {
            Self::Published => other.sequence.cmp(&one.sequence),
            Self::Topic => one.topic.cmp(&other.topic),
            Self::Attempts => attempts(other).cmp(&attempts(one)),
            Self::Size => other.content.data_bytes().cmp(&one.content.data_bytes()),
        }
    }
}

/// Returns the most attempts of one subscription.
fn attempts(record: &MessageRecord) -> usize {
    let subscriptions = record.subscriptions.iter();
    let attempts = subscriptions.map(|entry| entry.attempts.len() + entry.forgotten);
    attempts.max().unwrap_or_default()
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
