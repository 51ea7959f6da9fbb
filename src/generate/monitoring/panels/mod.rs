//! The panels of the dashboard.

mod service;
mod subscriptions;

use super::query::increase;

/// A panel: a chart of some queries.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// The meaning, and the page to read if the values are bad.
    pub(super) description: &'static str,
    /// Grafana's name of the unit.
    pub(super) unit: &'static str,
    /// Expressions, and the names of their series.
    pub(super) queries: Vec<(String, &'static str)>,
}

/// The panels of one part of the service.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// The series of the chosen service.
const JOB: &str = r#"job=~"$job""#;
/// The series of the chosen subscriptions.
const CHOSEN: &str = r#"job=~"$job",subscription=~"$subscription""#;
/// The series of the chosen subscriptions, and of pushes that were refused before theirs was known.
const CHOSEN_OR_UNKNOWN: &str = r#"job=~"$job",subscription=~"$subscription|""#;
/// The series of the chosen subscriptions, in OpenTelemetry's words.
const CONSUMED: &str = r#"job=~"$job",messaging_destination_subscription_name=~"$subscription""#;
const INTERVAL: &str = "$__rate_interval";

const COUNT: &str = "short";
const RATE: &str = "cps";
const SECONDS: &str = "s";

/// Returns all rows, in the order of the dashboard.
pub(super) fn rows() -> [Row; 5] {
    [
        Row {
            title: "Deliveries",
            panels: subscriptions::deliveries(),
        },
        Row {
            title: "Failures",
            panels: subscriptions::failures(),
        },
        Row {
            title: "Service",
            panels: service::service(),
        },
        Row {
            title: "Store and keys",
            panels: service::store_and_keys(),
        },
        Row {
            title: "Handlers and telemetry",
            panels: service::handlers(),
        },
    ]
}

fn panel(
    title: &'static str,
    unit: &'static str,
    description: &'static str,
    queries: impl IntoIterator<Item = (String, &'static str)>,
) -> Panel {
    let queries = queries.into_iter().collect();
    Panel {
        title,
        description,
        unit,
        queries,
    }
}

/// Returns the rate of a counter by these labels.
fn rate(by: &str, metric: &str, labels: &str) -> String {
    format!("sum by ({by}) (rate({metric}{{{labels}}}[{INTERVAL}]))")
}

/// Returns the number of rare events by these labels.
fn events(by: &str, metric: &str, labels: &str) -> String {
    let series = format!("{metric}{{{labels}}}");
    format!("sum by ({by}) ({})", increase(&series, INTERVAL))
}

/// Returns a quantile of a histogram by these labels.
fn quantile(quantile: &str, by: &str, metric: &str, labels: &str) -> String {
    format!(
        "histogram_quantile({quantile}, {})",
        rate(&format!("le, {by}"), &format!("{metric}_bucket"), labels)
    )
}

/// Returns the median and the 99th percentile.
fn middle_and_top(
    by: &str,
    metric: &str,
    labels: &str,
    names: [&'static str; 2],
) -> [(String, &'static str); 2] {
    [
        (quantile("0.5", by, metric, labels), names[0]),
        (quantile("0.99", by, metric, labels), names[1]),
    ]
}
