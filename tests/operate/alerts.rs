//! The alert rules, judged by promtool with the series that services export during incidents.

use std::collections::BTreeMap;
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

/// A series for each alert that no incident above raises, and its values by the minute.
const SIGNS: &str = "\
PushgateAttemptsNearlyUsedUp: pushgate_attempts_left_bucket{subscription='a',le='1'} = _x20 1x20
PushgateDeadLettersNotPublished: pushgate_deliveries_total{subscription='a',outcome='not dead-lettered'} = _x20 1x20
PushgateMessagesUnrecorded: pushgate_records_missing_total{subscription='a'} = _x20 1x20
PushgateKeysUnavailable: pushgate_keys_fetches_total{result='error'} = _x20 1x20
PushgateSubscriptionUnknown: pushgate_refusals_total{kind='unknown_subscription',status='404'} = _x20 1x20
PushgateHandlerPanics: pushgate_deliveries_total{subscription='a',outcome='panicked'} = 3x20 4x20
PushgateExecutorStalled: pushgate_executor_stall_duration_seconds_count{subscription='a'} = _x20 1x20
PushgateCircuitOpen: pushgate_circuit_breaker_state{circuit='orders-fulfilment'} = 0x20 2x20
PushgateSubscriptionPaused: pushgate_subscription_paused{subscription='a'} = 0x20 1x20
PushgateTelemetryLost: pushgate_log_lines_dropped_total = 0x20 7x20
PushgateNearlyFull: pushgate_deliveries_in_flight{subscription='a'} = 1x10 95x30";

#[test]
#[ignore = "needs promtool, which ./test installs"]
fn prometheus_raises_each_alert_on_its_sign() {
    let limit =
        json!({"series": "pushgate_deliveries_limit{subscription='a'}", "values": "100x40"});
    for sign in SIGNS.lines() {
        let (alert, rest) = sign.split_once(": ").expect("an alert");
        let (series, values) = rest.split_once(" = ").expect("values");
        let sign = json!({"series": series, "values": values});
        expect_alerts(&[sign, limit.clone()], &[alert]);
    }
}

#[test]
fn each_alert_is_raised_in_a_test() {
    let rules = std::fs::read_to_string(root().join("deploy/prometheus-alerts.yml"));
    let tests = std::fs::read_to_string(root().join("tests/operate/alerts.rs")).expect("this file");
    let rules = rules.expect("rules");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        assert!(tests.contains(alert), "nothing raises {alert}");
    }
}
