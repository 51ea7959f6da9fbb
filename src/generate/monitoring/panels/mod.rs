//! The panels of the dashboard.

mod service;
mod subscriptions;

use super::query::increase;

/// The panels of one part of the service.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

/// A panel: a chart of some queries.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// Grafana's name of the unit.
    pub(super) unit: &'static str,
    /// The meaning, and the page to read if the values are bad.
    pub(super) description: &'static str,
    pub(super) queries: &'static [Query],
}

/// A query of one metric.
pub(super) struct Query {
    value: Value,
    /// The name of the metric in Prometheus.
    metric: &'static str,
    /// The matchers of Grafana's variables.
    chosen: &'static str,
    /// A further matcher.
    only: &'static str,
    /// The labels of the sum.
    by: &'static str,
    /// The name of a series in the chart.
    pub(super) legend: &'static str,
}

/// The value of a chart.
enum Value {
    /// The rate of a counter.
    Rate,
    /// The number of rare events of a counter.
    Events,
    /// A quantile of a histogram.
    Quantile(&'static str),
    /// An aggregation of a gauge.
    Gauge(&'static str),
}

/// The series of the chosen service.
const JOB: &str = r#"job=~"$job""#;
/// The series of the chosen subscriptions.
const CHOSEN: &str = r#"job=~"$job",subscription=~"$subscription""#;
/// The series of the chosen subscriptions, and of pushes that were refused before theirs was known.
const CHOSEN_OR_UNKNOWN: &str = r#"job=~"$job",subscription=~"$subscription|""#;
/// The series of the chosen subscriptions, in OpenTelemetry's words.
const CONSUMED: &str = r#"job=~"$job",messaging_destination_subscription_name=~"$subscription""#;

const COUNT: &str = "short";
const RATE: &str = "cps";
const SECONDS: &str = "s";

/// All rows, in the order of the dashboard.
pub(super) const ROWS: [Row; 5] = [
    Row {
        title: "Deliveries",
        panels: subscriptions::DELIVERIES,
    },
    Row {
        title: "Failures",
        panels: subscriptions::FAILURES,
    },
    Row {
        title: "Service",
        panels: service::SERVICE,
    },
    Row {
        title: "Store and keys",
        panels: service::STORE_AND_KEYS,
    },
    Row {
        title: "Handlers and telemetry",
        panels: service::HANDLERS,
    },
];

const fn query(value: Value, metric: &'static str, chosen: &'static str) -> Query {
    Query {
        value,
        metric,
        chosen,
        only: "",
        by: "",
        legend: "",
    }
}

impl Query {
    /// Adds a matcher.
    const fn only(mut self, matcher: &'static str) -> Self {
        self.only = matcher;
        self
    }

    /// Sets the labels of the sum, and the name of a series.
    const fn by(mut self, labels: &'static str, legend: &'static str) -> Self {
        self.by = labels;
        self.legend = legend;
        self
    }

    /// Returns the expression in PromQL.
    pub(super) fn expression(&self) -> String {
        const INTERVAL: &str = "$__rate_interval";
        let (metric, by) = (self.metric, self.by);
        let matchers: Vec<&str> = [self.chosen, self.only]
            .into_iter()
            .filter(|matcher| !matcher.is_empty())
            .collect();
        let series = format!("{metric}{{{}}}", matchers.join(","));
        let by = match by {
            "" => String::new(),
            by => format!(" by ({by})"),
        };
        match self.value {
            Value::Rate => format!("sum{by} (rate({series}[{INTERVAL}]))"),
            Value::Events => format!("sum{by} ({})", increase(&series, INTERVAL)),
            Value::Gauge(aggregation) => format!("{aggregation}{by} ({series})"),
            Value::Quantile(quantile) => {
                let labels = [self.by, "le"]
                    .into_iter()
                    .filter(|label| !label.is_empty());
                let labels = labels.collect::<Vec<_>>().join(", ");
                format!(
                    "histogram_quantile({quantile}, sum by ({labels}) (rate({series}[{INTERVAL}])))"
                )
            }
        }
    }
}
