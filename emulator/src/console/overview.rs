//! Topics, subscriptions and throughput.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Console, attempt, view};
use crate::error::ApiError;
use crate::history::{SECONDS, Series};
use crate::resources::name::ResourceName;

/// The most topics, and the most subscriptions, in one response.
const MAX_LISTED: usize = 500;

#[derive(Deserialize)]
pub(super) struct StatisticsQuery {
    #[serde(default)]
    subscription: String,
}

pub(super) async fn overview(State(console): State<Console>) -> Json<Value> {
    let source = &console.source;
    let now = source.history().now().unix_timestamp();
    let (topics, names) = (source.topic_names(), source.subscription_names());
    let listed = names.iter().take(MAX_LISTED);
    let subscriptions: Vec<Value> = listed
        .filter_map(|name| subscription_view(&console, name, now).ok())
        .collect();
    let shown = topics.iter().take(MAX_LISTED);
    let shown = shown.filter_map(|name| Some(view::topic(&source.topic(name).ok()?)));
    Json(json!({
        "address": source.address().to_string(),
        "topics": shown.collect::<Vec<_>>(),
        "moreTopics": topics.len().saturating_sub(MAX_LISTED),
        "subscriptions": subscriptions,
        "moreSubscriptions": names.len().saturating_sub(MAX_LISTED),
    }))
}

pub(super) async fn topic(
    State(console): State<Console>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let name = topic_name(&project, &id)?;
    let topic = console.source.topic(&name)?;
    let examples = console.source.examples(&name)?;
    let now = console.source.history().now().unix_timestamp();
    let listed = topic.subscriptions.iter().take(MAX_LISTED);
    let views = listed.filter_map(|name| {
        let name = ResourceName::subscription(name).ok()?;
        subscription_view(&console, &name, now).ok()
    });
    let subscriptions: Vec<Value> = views.collect();
    Ok(Json(json!({
        "topic": view::topic(&topic), "subscriptions": subscriptions,
        "examples": examples.iter().map(view::example).collect::<Vec<_>>(),
    })))
}

pub(super) async fn subscription(
    State(console): State<Console>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let name = subscription_name(&project, &id)?;
    let history = console.source.history();
    let now = history.now().unix_timestamp();
    let notes = history.notes(&name);
    Ok(Json(json!({
        "subscription": subscription_view(&console, &name, now)?,
        "notes": notes.iter().take(20).map(view::noted).collect::<Vec<_>>(),
    })))
}

/// Returns the last five minutes by the second. Seconds without events are left out.
pub(super) async fn statistics(
    State(console): State<Console>,
    Query(whose): Query<StatisticsQuery>,
) -> Result<Json<Value>, ApiError> {
    let history = console.source.history();
    let now = history.now().unix_timestamp();
    // Percentiles take long to compute, so this uses a copy.
    let (series, is_followed) = if whose.subscription.is_empty() {
        (history.all(Series::clone), true)
    } else {
        let name = ResourceName::subscription(&whose.subscription)?;
        let series = history.of(&name, Series::clone).unwrap_or_default();
        (series, history.rates(&name, now).is_some())
    };
    let seconds = series.seconds(now).into_iter().map(|second| {
        json!({
            "at": second.at, "counts": view::counts(second.counts),
            "p50Ms": second.p50.map(attempt::milliseconds), "p99Ms": second.p99.map(attempt::milliseconds),
        })
    });
    Ok(Json(json!({
        "now": now, "seconds": SECONDS, "busy": seconds.collect::<Vec<_>>(), "totals": view::counts(series.totals),
        "isFollowed": is_followed,
    })))
}

fn subscription_view(console: &Console, name: &ResourceName, now: i64) -> Result<Value, ApiError> {
    let subscription = console.source.subscription(name)?;
    let history = console.source.history();
    let (rates, failing) = (history.rates(name, now), history.failing(name));
    Ok(view::subscription(&subscription, rates.as_ref(), failing))
}

pub(super) fn topic_name(project: &str, id: &str) -> Result<ResourceName, ApiError> {
    ResourceName::topic(&format!("projects/{project}/topics/{id}"))
}

pub(super) fn subscription_name(project: &str, id: &str) -> Result<ResourceName, ApiError> {
    ResourceName::subscription(&format!("projects/{project}/subscriptions/{id}"))
}
