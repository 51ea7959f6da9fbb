//! The list of time series in the form of Google's Cloud Monitoring (Google, *Cloud Monitoring API v3*, `projects.timeSeries.list`).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tonic::Status;

use super::filter::Filter;
use super::metric::RESOURCE;
use crate::api::page::page;
use crate::api::rest::{Query, reject};
use crate::broker::Broker;
use crate::delivery::Delivery;
use crate::error::ApiError;
use crate::push::timestamp;
use crate::resources::name::check_project;

/// The answer. As in proto3 JSON, empty fields are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time_series: Vec<Series>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
    unit: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    metric: Value,
    resource: Value,
    metric_kind: &'static str,
    value_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    points: Vec<Value>,
}

/// The parameters of a list.
struct Parameters {
    filter: Filter,
    has_points: bool,
    page_size: i32,
    page_token: String,
}

pub(super) async fn answer(
    State(broker): State<Arc<Broker>>,
    Path(project): Path<String>,
    uri: Uri,
) -> Response {
    match list(&broker, &project, &uri) {
        Ok(list) => Json(list).into_response(),
        Err(status) => reject(&status),
    }
}

fn list(broker: &Broker, project: &str, uri: &Uri) -> Result<List, Status> {
    check_project(project)?;
    let parameters = Parameters::of(Query::read(uri)?)?;
    let mut deliveries = broker.subscriptions(project);
    deliveries.retain(|delivery| parameters.filter.matches(delivery.name()));
    let (shown, next) = page(
        &deliveries,
        |delivery| delivery.name().id(),
        parameters.page_size,
        &parameters.page_token,
    )?;
    let now = timestamp(broker.now());
    let shown = shown.into_iter();
    Ok(List {
        time_series: shown
            .map(|delivery| parameters.series(delivery, &now))
            .collect(),
        next_page_token: next,
        unit: parameters.filter.metric.unit(),
    })
}

impl Parameters {
    /// # Errors
    /// If the filter is missing or unsupported, or for another parameter.
    fn of(query: Query) -> Result<Self, ApiError> {
        let (mut filter, mut has_points) = (None, true);
        let (mut page_size, mut page_token) = (0, String::new());
        for (name, value) in query.parameters {
            match (name.as_str(), value.as_str()) {
                ("filter", text) => filter = Some(Filter::parse(text)?),
                // The only point is the current one, which is later than every interval that ends with the request.
                ("interval.startTime" | "interval.endTime", _) => {}
                ("view", "FULL") => has_points = true,
                ("view", "HEADERS") => has_points = false,
                ("pageSize", text) => {
                    page_size = text.parse().map_err(|_| unsupported(&name, text))?;
                }
                ("pageToken", text) => text.clone_into(&mut page_token),
                (_, text) => return Err(unsupported(&name, text)),
            }
        }
        Ok(Self {
            filter: match filter {
                Some(filter) => filter,
                None => Filter::parse("")?,
            },
            has_points,
            page_size,
            page_token,
        })
    }

    fn series(&self, delivery: &Delivery, now: &str) -> Series {
        let (metric, name) = (self.filter.metric, delivery.name());
        let labels = json!({"project_id": name.project(), "subscription_id": name.id()});
        // proto3 JSON writes 64-bit integers as strings.
        let point = |value: i64| {
            json!({
                "interval": {"startTime": now, "endTime": now},
                "value": {"int64Value": value.to_string()},
            })
        };
        let value = self.has_points.then(|| metric.of(&delivery.view()));
        Series {
            metric: json!({"type": metric.name()}),
            resource: json!({"type": RESOURCE, "labels": labels}),
            metric_kind: "GAUGE",
            value_type: "INT64",
            points: value.map(point).into_iter().collect(),
        }
    }
}

fn unsupported(name: &str, value: &str) -> ApiError {
    ApiError::invalid(format!(
        "The parameter {name} is {value:?}, expected filter, interval.startTime, interval.endTime, view (FULL or HEADERS), pageSize or \
         pageToken: the emulator has the current value of each subscription, and aggregates nothing"
    ))
}
