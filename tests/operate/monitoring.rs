//! The dashboard for Grafana is valid, and each of its queries names series that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::official::option;
use crate::harness::probe::task;
use crate::harness::process::ended;
use crate::harness::prometheus::Server;
use crate::harness::promql::unknown_names;
use crate::harness::repository::{Copy, root};
use crate::harness::{Setup, soon, subscriber};

fn dashboard() -> Value {
    let text = std::fs::read_to_string(root().join("deploy/grafana-dashboard.json"));
    serde_json::from_str(&text.expect("the dashboard")).expect("JSON")
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.unwrap_or_else(|| panic!("no list at {pointer}"))
}

/// Returns the panels with queries.
fn charts(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = list(dashboard, "/panels").iter();
    panels.filter(|panel| panel.get("targets").is_some())
}

/// Returns each query with the title of its panel. Grafana's variables have the values that match everything.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let queries = charts(dashboard).flat_map(|panel| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        list(panel, "/targets").iter().map(move |target| {
            let expression = target["expr"].as_str().expect("an expression");
            let expression = expression
                .replace("$__rate_interval", "5m")
                .replace("$subscription", ".+")
                .replace("$job", ".+");
            assert!(!expression.contains('$'), "{title}: {expression}");
            (title.clone(), expression)
        })
    });
    queries.collect()
}

/// Returns what Grafana's own types, of its package for plugins, have against each dashboard.
async fn judged(dashboards: &[&Value]) -> Vec<Vec<String>> {
    let folder = option("PUSHGATE_TEST_GRAFANA");
    let copy = Copy::of(&[]);
    let mut node = Command::new("node");
    node.arg(root().join("tests/operate/grafana/judge.js"))
        .env("NODE_PATH", PathBuf::from(folder).join("node_modules"));
    for (number, dashboard) in dashboards.iter().enumerate() {
        let name = format!("{number}.json");
        copy.put(&name, dashboard.to_string());
        node.arg(copy.root.join(name));
    }
    let ended = ended(node).await;
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr))
}

#[tokio::test]
#[ignore = "needs Node and Grafana's types"]
async fn grafana_has_the_type_of_the_dashboard() {
    assert_eq!(judged(&[&dashboard()]).await, [[""; 0]]);
}

#[tokio::test]
#[ignore = "needs Node and Grafana's types"]
async fn grafana_has_no_type_for_a_broken_dashboard() {
    let good = dashboard();
    let broken = |pointer: &str, value: Value| {
        let mut dashboard = good.clone();
        *dashboard.pointer_mut(pointer).expect(pointer) = value;
        dashboard
    };
    let broken = [
        broken("/schemaVersion", json!("39")),
        broken("/panels/2/gridPos", json!({"height": 8})),
        broken("/panels/2/fieldConfig/defaults", json!({"units": "s"})),
        broken("/templating/list/1/type", json!("question")),
    ];
    for found in judged(&broken.iter().collect::<Vec<_>>()).await {
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn each_panel_has_a_number_and_a_unit_that_grafana_knows() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    for panel in list(&dashboard, "/panels") {
        assert!(ids.insert(panel["id"].as_u64()), "{} is twice", panel["id"]);
        assert!(["row", "text", "timeseries"].contains(&panel["type"].as_str().expect("a type")));
    }
    for chart in charts(&dashboard) {
        let unit = chart["fieldConfig"]["defaults"]["unit"].as_str();
        assert!(
            ["cps", "s", "short"].contains(&unit.expect("a unit")),
            "{unit:?}"
        );
        let targets = list(chart, "/targets");
        let names: BTreeSet<_> = targets.iter().map(|one| one["refId"].as_str()).collect();
        assert_eq!(names.len(), targets.len(), "{}", chart["title"]);
    }
}

#[test]
fn no_panel_covers_another() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard, "/panels") {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|field| panel["gridPos"][field].as_u64().expect(field));
        assert!(w > 0 && h > 0 && x + w <= 24, "{}", panel["title"]);
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(
                taken.insert(place),
                "{} covers another panel",
                panel["title"]
            );
        }
    }
}

#[test]
fn the_dashboard_has_a_panel_for_each_question_of_an_operator() {
    let dashboard = dashboard();
    let titles: BTreeSet<String> = queries(&dashboard)
        .into_iter()
        .map(|query| query.0)
        .collect();
    for title in [
        "Rate",
        "Outcomes",
        "Duration of a run",
        "In flight and capacity",
        "Dead letters by reason",
        "Attempts left",
        "Refusals",
        "Store latency",
        "Store errors",
        "Age of the issuer's keys",
        "Executor stalls",
        "Dropped log lines and telemetry",
    ] {
        assert!(titles.contains(title), "{title}");
    }
}

#[test]
fn the_variable_of_the_subscription_has_those_that_are_declared() {
    let dashboard = dashboard();
    let variables = list(&dashboard, "/templating/list");
    let subscription = variables
        .iter()
        .find(|variable| variable["name"] == "subscription");
    let declared = "orders-fulfilment,orders-receipts,stock-reports,uploads-fingerprints";
    assert_eq!(subscription.expect("the variable")["query"], declared);
}

#[test]
fn each_query_of_the_dashboard_names_series_of_the_table() {
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() > 25, "{} queries", queries.len());
    for (title, expression) in queries {
        assert_eq!(unknown_names(&expression), [""; 0], "{title}: {expression}");
    }
}

#[test]
fn each_alert_rule_names_series_of_the_table() {
    let text = std::fs::read_to_string(root().join("deploy/prometheus-alerts.yml")).expect("rules");
    let file: Value = serde_saphyr::from_str(&text).expect("YAML");
    for rule in list(&file, "/groups")
        .iter()
        .flat_map(|group| list(group, "/rules"))
    {
        let expression = rule["expr"].as_str().expect("an expression");
        assert_eq!(unknown_names(expression), [""; 0], "{}", rule["alert"]);
    }
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

/// Panels that are empty as long as nothing is wrong.
const RARE: [&str; 6] = [
    "Duplicates and claims",
    "Dead letters by reason",
    "Store errors",
    "Executor stalls",
    "Longest stall",
    "Dropped log lines and telemetry",
];

#[tokio::test]
#[ignore = "needs Prometheus, which ./test installs"]
async fn a_prometheus_server_answers_each_query_of_the_dashboard() {
    let probe = subscriber("probe").attempts(10);
    let service = Setup::new().subscriber(probe).measured().start().await;
    let server = Server::start(service.metrics_address());
    let queries = queries(&dashboard());
    soon("an answer to each query", async {
        loop {
            // Rates and quantiles need series that grow.
            service.push(&service.message(task::FAIL)).await;
            service.push_body("{}").await;
            if unanswered(&server, &queries).await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
}

/// Returns the number of queries that have no data yet.
async fn unanswered(server: &Server, queries: &[(String, String)]) -> usize {
    let mut empty = 0;
    for (title, expression) in queries {
        let series = server.query(expression).await;
        let has_data = series.is_some_and(|series| !series.is_empty());
        empty += usize::from(!has_data && !RARE.contains(&title.as_str()));
    }
    empty
}
