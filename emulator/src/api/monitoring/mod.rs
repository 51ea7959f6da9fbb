//! Google's Cloud Monitoring, as far as it shows backlogs: its list of time series, and the same figures for Prometheus.

mod filter;
mod metric;
mod time_series;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::core::Collector;
use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};
use tonic::Status;

use self::metric::{Metric, RESOURCE};
use super::reject;
use crate::broker::Broker;

/// The most subscriptions in an answer to Prometheus.
const MAX_SCRAPED: usize = 10_000;
/// The labels under which Google's metrics have their resource (Google, *Mapping Cloud Monitoring metrics to PromQL*).
const LABELS: [&str; 3] = ["monitored_resource", "project_id", "subscription_id"];

pub(super) fn routes(broker: Arc<Broker>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route(
            "/v3/projects/{project}/timeSeries",
            get(time_series::answer),
        )
        .with_state(broker)
}

/// Answers Prometheus.
async fn scrape(State(broker): State<Arc<Broker>>) -> Response {
    match exposition(&broker) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => reject(&Status::internal(format!(
            "The metrics cannot be written: {error}"
        ))),
    }
}

/// Returns the figures of all subscriptions in the text format of Prometheus.
fn exposition(broker: &Broker) -> prometheus::Result<String> {
    let mut gauges = Vec::new();
    for metric in Metric::ALL {
        let options = Opts::new(metric.prometheus_name(), metric.description());
        gauges.push((metric, IntGaugeVec::new(options, &LABELS)?));
    }
    for name in broker.subscription_names().iter().take(MAX_SCRAPED) {
        // A subscription may have been deleted in the meantime.
        let Ok(delivery) = broker.subscription(name) else {
            continue;
        };
        let view = delivery.view();
        for (metric, gauge) in &gauges {
            let labels = [RESOURCE, name.project(), name.id()];
            gauge.with_label_values(&labels).set(metric.of(&view));
        }
    }
    let registry = Registry::new();
    for (_, gauge) in gauges {
        let gauge: Box<dyn Collector> = Box::new(gauge);
        registry.register(gauge)?;
    }
    TextEncoder::new().encode_to_string(&registry.gather())
}
