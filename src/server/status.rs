//! The status of the running service, beside its metrics: figures of each subscription, current runs and recent failures, as JSON
//! and as a page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::push::PushReceiver;
use crate::telemetry::export::Telemetry;
use crate::telemetry::figures::{Figures, Percentiles};

const PAGE: &str = include_str!("status.html");
/// The page loads nothing from elsewhere.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// The parts whose status is shown.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) receiver: Arc<PushReceiver>,
    pub(super) telemetry: Arc<Telemetry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    project: String,
    is_ready: bool,
    pushes: Places,
    subscriptions: Vec<SubscriptionStatus>,
    pools: Vec<Pool>,
    /// The runs of handlers, the oldest first.
    runs: Vec<Run>,
    /// The latest failures, the newest first.
    failures: Vec<Failure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Places {
    in_flight: usize,
    limit: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionStatus {
    id: String,
    topic: String,
    /// True if `PUSHGATE_PAUSED` names it.
    is_paused: bool,
    #[serde(flatten)]
    places: Places,
    /// The name of each circuit breaker that is not closed, with its state.
    circuits: Vec<(String, &'static str)>,
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    percentiles: Percentiles,
}

#[derive(Serialize)]
struct Pool {
    name: &'static str,
    busy: usize,
    threads: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    subscription: String,
    message_id: String,
    pool: &'static str,
    seconds: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    seconds_ago: u64,
    subscription: Option<String>,
    message_id: Option<String>,
    delivery_attempt: Option<u32>,
    outcome: &'static str,
    status: u16,
    reason: Option<String>,
}

/// Returns the routes of the status.
pub(super) fn routes() -> Router<Watched> {
    Router::new()
        .route("/", get(page))
        .route("/status", get(status))
}

/// Returns the page.
pub(super) async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}

/// Returns the status as JSON.
pub(super) async fn status(State(watched): State<Watched>) -> impl IntoResponse {
    let Watched {
        receiver,
        telemetry,
    } = watched;
    let (in_flight, limit) = receiver.admission.occupancy();
    Json(Status {
        project: receiver.bindings.project().to_owned(),
        is_ready: receiver.is_ready().await,
        pushes: Places { in_flight, limit },
        subscriptions: subscriptions(&receiver, &telemetry),
        pools: pools(&receiver),
        runs: runs(&receiver),
        failures: failures(&receiver),
    })
}

fn subscriptions(receiver: &PushReceiver, telemetry: &Telemetry) -> Vec<SubscriptionStatus> {
    let measured = telemetry.figures();
    let state = |state| {
        ["closed", "half-open", "open"]
            .get(usize::from(state))
            .copied()
    };
    let mut all: Vec<_> = receiver
        .bindings
        .subscribers()
        .map(|subscriber| {
            let id = &subscriber.declared.id;
            let breakers = subscriber.breakers().chain([subscriber.store.breaker()]);
            let (figures, percentiles) = measured.get(id).copied().unwrap_or_default();
            SubscriptionStatus {
                id: id.clone(),
                topic: subscriber.declared.topic.clone(),
                is_paused: subscriber.is_paused,
                places: Places {
                    in_flight: subscriber.in_flight(),
                    limit: subscriber.limit,
                },
                circuits: breakers
                    .filter(|breaker| breaker.state() > 0)
                    .filter_map(|breaker| {
                        Some((breaker.name().to_owned(), state(breaker.state())?))
                    })
                    .collect(),
                figures,
                percentiles,
            }
        })
        .collect();
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all
}

fn pools(receiver: &PushReceiver) -> Vec<Pool> {
    let pools = receiver.deliveries.pools.occupancy().into_iter();
    pools
        .map(|(name, busy, threads)| Pool {
            name,
            busy,
            threads,
        })
        .collect()
}

fn runs(receiver: &PushReceiver) -> Vec<Run> {
    let entries = receiver.deliveries.pools.current_runs().into_iter();
    entries
        .map(|entry| Run {
            subscription: short(&entry.subscription),
            message_id: entry.message_id.to_string(),
            pool: entry.pool.unwrap_or("async"),
            seconds: entry.start.elapsed().as_secs_f64(),
        })
        .collect()
}

fn failures(receiver: &PushReceiver) -> Vec<Failure> {
    let lines = receiver.replies.failures().into_iter();
    lines
        .map(|line| Failure {
            seconds_ago: (line.arrival + line.duration).elapsed().as_secs(),
            subscription: line
                .subscription
                .as_deref()
                .or(line.path.as_deref())
                .map(short),
            message_id: line.message_id,
            delivery_attempt: line.delivery_attempt,
            outcome: line.outcome,
            status: line.status,
            reason: line.reason,
        })
        .collect()
}

fn short(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}
