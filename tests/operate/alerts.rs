//! The alert rules, judged by promtool with the series that services export during incidents.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::incidents::{
    Played, expired_key, flood, hung_handler, poison, store_outage, wrong_audience,
};
use crate::harness::prometheus::Samples;
use crate::harness::repository::root;

const MINUTES: usize = 30;

fn promtool(arguments: &[&str]) -> String {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("promtool");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    assert!(output.status.success(), "{text}");
    text
}

/// Runs the rules over series, and expects exactly these alerts after half an hour.
fn expect_alerts(series: &[Value], alerts: &[&str]) {
    let firing: Vec<Value> = alerts
        .iter()
        .map(|alert| json!({"labels": format!("{{alertname=\"{alert}\"}}"), "value": 1}))
        .collect();
    let file = json!({
        "rule_files": [root().join("deploy/prometheus-alerts.yml")],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [{
                "expr": "group by (alertname) (ALERTS{alertstate=\"firing\"})",
                "eval_time": format!("{MINUTES}m"),
                "exp_samples": firing,
            }],
        }],
    });
    let path = std::env::temp_dir().join(format!("rules-{}.yml", uuid::Uuid::new_v4()));
    std::fs::write(&path, file.to_string()).expect("written");
    promtool(&["test", "rules", path.to_str().expect("text")]);
    let _ = std::fs::remove_file(path);
}

/// Returns the series of a service in which the incident repeats every minute.
fn lasting(played: &Played) -> Vec<Value> {
    let gauges: Vec<&str> = played
        .after
        .types()
        .into_iter()
        .filter_map(|(name, kind)| (kind == "gauge").then_some(name))
        .collect();
    let before = samples(&played.before);
    let series = samples(&played.after).into_iter().map(|(name, after)| {
        let is_gauge = gauges.iter().any(|gauge| name.starts_with(gauge));
        let values = match before.get(&name) {
            _ if is_gauge => format!("{after}x{MINUTES}"),
            Some(before) => format!("{before}+{}x{MINUTES}", after - before),
            None => format!("_ {after}+{after}x{MINUTES}"),
        };
        let (metric, labels) = name.split_once('{').unwrap_or((&name, "}"));
        json!({"series": format!("{metric}{{job=\"pushgate\",{labels}"), "values": values})
    });
    series.collect()
}

/// Returns the value of each series.
fn samples(samples: &Samples) -> BTreeMap<String, f64> {
    let lines = samples.0.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().expect("a number")))
    });
    series.collect()
}

/// Returns a series of the subscription `orders-fulfilment`, scraped every minute.
fn declared(metric: &str, labels: &str, values: &str) -> Value {
    json!({"series": format!("{metric}{{job=\"pushgate\",{labels}}}"), "values": values})
}

/// The text of the library's source.
fn source(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let texts = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true if path.ends_with("generate") => String::new(),
            true => source(&path),
            false => std::fs::read_to_string(path).unwrap_or_default(),
        }
    });
    texts.collect()
}

#[test]
fn each_outcome_and_kind_in_a_rule_is_one_that_the_service_writes() {
    let rules = std::fs::read_to_string(root().join("deploy/prometheus-alerts.yml"));
    let rules = rules
        .expect("rules")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let source = source(&root().join("src"));
    let mut count = 0;
    for label in ["kind", "outcome"] {
        let matcher = format!("{label}=~\"");
        let matchers = rules.split(&matcher).skip(1);
        for value in matchers.flat_map(|rest| rest.split('"').next().unwrap_or_default().split('|'))
        {
            count += 1;
            let known = format!("\"{}", value.trim_matches(['.', '+']));
            let known = known.replace("\"_", "_");
            assert!(
                source.contains(&known),
                "nothing writes the {label} {value}"
            );
        }
    }
    assert!(count > 50, "{count} values");
}

#[test]
#[ignore = "needs promtool, which ./test installs"]
fn prometheus_accepts_the_rules_and_the_configuration_that_names_them() {
    let checked = promtool(&["check", "config", "deploy/prometheus.yml"]);
    assert!(
        checked.contains("rules found") && !checked.contains("duplicate"),
        "{checked}"
    );
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_raises_an_alert_on_a_poison_message() {
    expect_alerts(&lasting(&poison().await), &["PushgateMessagesDeadLettered"]);
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_raises_an_alert_on_a_flood() {
    expect_alerts(&lasting(&flood().await), &["PushgateOverCapacity"]);
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_raises_an_alert_on_a_store_outage() {
    expect_alerts(&lasting(&store_outage().await), &["PushgateStoreDown"]);
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_raises_an_alert_on_an_expired_key() {
    expect_alerts(&lasting(&expired_key().await), &["PushgateTokensOutdated"]);
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_raises_an_alert_on_a_wrong_audience() {
    expect_alerts(
        &lasting(&wrong_audience().await),
        &["PushgatePushesRefused"],
    );
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_raises_an_alert_on_a_hung_handler() {
    expect_alerts(&lasting(&hung_handler().await), &["PushgateHandlerHangs"]);
}

#[test]
#[ignore = "needs promtool, which ./test installs"]
fn prometheus_raises_no_alert_while_all_is_well() {
    let handled = "subscription=\"orders-fulfilment\",outcome=\"handled\"";
    let run = "messaging_destination_subscription_name=\"orders-fulfilment\"";
    expect_alerts(
        &[
            declared("pushgate_pushes_limit", "", "250x40"),
            declared("pushgate_deliveries_total", handled, "0+60x40"),
            declared(
                "messaging_process_duration_seconds_bucket",
                &format!("{run},le=\"1\""),
                "0+60x40",
            ),
            declared(
                "messaging_process_duration_seconds_bucket",
                &format!("{run},le=\"+Inf\""),
                "0+60x40",
            ),
            declared("pushgate_log_lines_dropped_total", "", "0x40"),
            declared(
                "pushgate_circuit_breaker_state",
                "circuit=\"deduplication store\"",
                "0x40",
            ),
        ],
        &[],
    );
}

#[test]
#[ignore = "needs promtool, which ./test installs"]
fn prometheus_counts_an_event_that_begins_a_series_and_never_comes_back() {
    let dead = "subscription=\"orders-fulfilment\",outcome=\"dead-lettered\"";
    let after = |minutes: usize| format!("_x{minutes} 1x{MINUTES}");
    let at = |minutes| declared("pushgate_deliveries_total", dead, &after(minutes));
    expect_alerts(&[at(20)], &["PushgateMessagesDeadLettered"]);
    expect_alerts(&[at(5)], &[]);
}

#[test]
#[ignore = "needs promtool, which ./test installs"]
fn prometheus_raises_an_alert_above_the_declared_share_of_failures() {
    let ended = |outcome: &str, values: &str| {
        let labels = format!("subscription=\"orders-fulfilment\",outcome=\"{outcome}\"");
        declared("pushgate_deliveries_total", &labels, values)
    };
    let limit = declared("pushgate_pushes_limit", "", "250x40");
    let most = [
        limit.clone(),
        ended("handled", "0+40x40"),
        ended("failed", "0+60x40"),
    ];
    expect_alerts(&most, &["PushgatePushesFail"]);
    let few = [
        limit.clone(),
        ended("handled", "0+60x40"),
        ended("failed", "0+40x40"),
    ];
    expect_alerts(&few, &[]);
    let refused = "subscription=\"orders-fulfilment\",kind=\"circuit_open\",status=\"503\"";
    let refused = declared("pushgate_refusals_total", refused, "0+60x40");
    expect_alerts(&[limit, refused], &["PushgatePushesFail"]);
}

#[test]
#[ignore = "needs promtool, which ./test installs"]
fn prometheus_raises_an_alert_above_the_declared_latency_and_age() {
    let buckets = |metric: &str, labels: &str, bounds: [&str; 2]| {
        let [fast, slow] = bounds.map(|bound| format!("{labels},le=\"{bound}\""));
        let infinite = format!("{labels},le=\"+Inf\"");
        [
            declared(metric, &fast, "0+10x40"),
            declared(metric, &slow, "0+60x40"),
            declared(metric, &infinite, "0+60x40"),
        ]
    };
    let name = "messaging_destination_subscription_name=\"orders-fulfilment\"";
    let runs = buckets(
        "messaging_process_duration_seconds_bucket",
        name,
        ["2.5", "5"],
    );
    expect_alerts(&runs, &["PushgateHandlerSlow"]);
    let name = "subscription=\"orders-fulfilment\",outcome=\"handled\"";
    let ages = buckets("pushgate_message_age_seconds_bucket", name, ["900", "3600"]);
    expect_alerts(&ages, &["PushgateMessagesLate"]);
}
