//! Tests of the figures of backlogs.

use std::time::Duration;

use emulator::{Emulator, Message, Pace};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{TOPIC, emulator};

const TYPE: &str = "pubsub.googleapis.com/subscription/num_undelivered_messages";
const AGE: &str = "pubsub.googleapis.com/subscription/oldest_unacked_message_age";

/// Returns an emulator whose subscription `billing` has two messages that are 90 s old, and `audit` none.
async fn with_backlog() -> Emulator {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    orders.subscribe("billing").unwrap();
    for data in ["one teapot", "two teapots"] {
        orders.publish(Message::new(data)).unwrap();
    }
    orders.subscribe("audit").unwrap();
    emulator.advance(Duration::from_secs(90));
    emulator
}

async fn metrics(emulator: &Emulator) -> String {
    let response = reqwest::get(format!("{}/metrics", emulator.url())).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4"
    );
    response.text().await.unwrap()
}

/// Returns the value of a series of `/metrics`, as it is written.
fn value<'a>(metrics: &'a str, metric: &str, subscription: &str) -> Option<&'a str> {
    let series = format!(
        "pubsub_googleapis_com:subscription_{metric}{{monitored_resource=\"pubsub_subscription\",project_id=\"shop\",subscription_id=\"{subscription}\"}} "
    );
    metrics.lines().find_map(|line| line.strip_prefix(&series))
}

/// Calls `timeSeries.list` with these parameters.
async fn list(emulator: &Emulator, parameters: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/v3/projects/shop/timeSeries", emulator.url());
    let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn prometheus_reads_the_backlog_of_each_subscription() {
    let emulator = with_backlog().await;
    let shown = metrics(&emulator).await;
    let undelivered = "num_undelivered_messages";
    assert_eq!(value(&shown, undelivered, "billing"), Some("2"), "{shown}");
    assert_eq!(value(&shown, undelivered, "audit"), Some("0"));
    let age = value(&shown, "oldest_unacked_message_age", "billing");
    let age: u32 = age.unwrap().parse().unwrap();
    assert!(age >= 90, "{age}");
    let age = value(&shown, "oldest_unacked_message_age", "audit");
    assert_eq!(age, Some("0"));
    let billing = emulator.subscription("projects/shop/subscriptions/billing");
    let billing = billing.unwrap();
    assert!(billing.pull(1).unwrap()[0].ack());
    let shown = metrics(&emulator).await;
    assert_eq!(value(&shown, undelivered, "billing"), Some("1"));
    billing.delete().unwrap();
    let shown = metrics(&emulator).await;
    assert_eq!(value(&shown, undelivered, "billing"), None);
}

#[tokio::test]
async fn cloud_monitoring_lists_the_backlog_of_each_subscription() {
    let emulator = with_backlog().await;
    let filter =
        format!("metric.type = \"{TYPE}\" AND resource.labels.subscription_id = \"billing\"");
    let parameters = [
        ("filter", filter.as_str()),
        ("interval.startTime", "2030-01-01T00:00:00Z"),
        ("interval.endTime", "2030-01-01T00:05:00Z"),
        ("$alt", "json"),
    ];
    let (status, shown) = list(&emulator, &parameters).await;
    assert_eq!(status, 200, "{shown}");
    let now = shown["timeSeries"][0]["points"][0]["interval"]["endTime"].clone();
    let labels = json!({"project_id": "shop", "subscription_id": "billing"});
    let expected = json!({"unit": "1", "timeSeries": [{
        "metric": {"type": TYPE}, "metricKind": "GAUGE", "valueType": "INT64",
        "resource": {"type": "pubsub_subscription", "labels": labels},
        "points": [{"interval": {"startTime": now, "endTime": now}, "value": {"int64Value": "2"}}],
    }]});
    assert_eq!(shown, expected);
    let filter = format!("metric.type=\"{AGE}\"");
    let (_, shown) = list(&emulator, &[("filter", &filter)]).await;
    assert_eq!(shown["unit"], "s");
    let ages = shown["timeSeries"].as_array().unwrap().iter();
    let ages: Vec<&Value> = ages
        .map(|series| &series["points"][0]["value"]["int64Value"])
        .collect();
    assert_eq!(ages[0], "0");
    let age: u32 = ages[1].as_str().unwrap().parse().unwrap();
    assert!(age >= 90, "{age}");
}

#[tokio::test]
async fn time_series_have_pages() {
    let emulator = with_backlog().await;
    let filter = format!("metric.type = \"{TYPE}\"");
    let headers = [
        ("filter", filter.as_str()),
        ("view", "HEADERS"),
        ("pageSize", "1"),
    ];
    let (_, first) = list(&emulator, &headers).await;
    let id = |page: &Value| page["timeSeries"][0]["resource"]["labels"]["subscription_id"].clone();
    assert_eq!(id(&first), "audit");
    assert_eq!(first["timeSeries"][0].get("points"), None);
    let token = first["nextPageToken"].as_str().unwrap();
    let (_, second) = list(&emulator, &[&headers[..], &[("pageToken", token)]].concat()).await;
    assert_eq!(id(&second), "billing");
    assert_eq!(second.get("nextPageToken"), None);
}

#[tokio::test]
async fn an_unsupported_request_for_time_series_is_rejected_with_what_is_supported() {
    let emulator = with_backlog().await;
    let filter = format!("metric.type = \"{TYPE}\"");
    let aligned = ("aggregation.perSeriesAligner", "ALIGN_MAX");
    for (parameters, supported) in [
        (vec![], "metric.type = \"TYPE\""),
        (vec![("filter", "resource.type = \"gce_instance\"")], TYPE),
        (
            vec![("filter", filter.as_str()), aligned],
            "pageSize or pageToken",
        ),
        (
            vec![("filter", filter.as_str()), ("view", "SOME")],
            "FULL or HEADERS",
        ),
        (
            vec![("filter", filter.as_str()), ("pageToken", "x")],
            "page token",
        ),
    ] {
        let (status, answer) = list(&emulator, &parameters).await;
        let error = &answer["error"];
        assert_eq!(
            (status, &error["status"]),
            (400, &json!("INVALID_ARGUMENT")),
            "{answer}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(supported), "{parameters:?}: {message}");
    }
}
