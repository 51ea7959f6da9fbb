//! Each alert, of Prometheus or of Google, has a page that tells the fault from a metric and from one log line, and repairs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::derived::{cell, expect, with_table};
use super::{Page, book};
use crate::harness::promql::labels_of;
use crate::harness::repository::root;

/// A page that an alert names, and the alert as the page names it.
struct Named {
    page: String,
    alert: String,
}

/// Returns all rules for Prometheus.
fn rules() -> Vec<Value> {
    let text = Page::read("deploy/prometheus-alerts.yml").text;
    let file: Value = serde_saphyr::from_str(&text).expect("YAML");
    let groups = file["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    rules.cloned().collect()
}

fn text<'a>(rule: &'a Value, field: &str) -> &'a str {
    let value = rule.pointer(field).and_then(Value::as_str);
    value.unwrap_or_else(|| panic!("{field} of {rule}"))
}

/// Returns Terraform's files with alerts.
fn terraform() -> String {
    let files = ["terraform/alerts.tf", "terraform/incidents.tf"];
    files.map(|path| Page::read(path).text).join("\n")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

/// Returns the pages that Terraform's policies name, with the titles of the policies.
fn named_by_terraform() -> Vec<Named> {
    let text = terraform();
    let mut named = Vec::new();
    for policy in text
        .split("resource \"google_monitoring_alert_policy\" ")
        .skip(1)
    {
        let title = between(policy, "\"${var.name}: ", "\"\n").expect("a title");
        let line = between(policy, "**Runbook**: ", "\n").expect("a page");
        if title.contains("each.value.title") {
            continue;
        }
        let pages = line.split("${var.alerts.runbooks}/").skip(1);
        named.extend(pages.map(|rest| Named {
            page: rest.split(".md").next().expect("a name").to_owned(),
            alert: format!("\"{}", title.replace("${each.key}", "…")),
        }));
    }
    for incident in text.split("\n      title ").skip(1) {
        let page =
            between(incident, "\n      runbook ", "\n").and_then(|line| between(line, "\"", "\""));
        named.push(Named {
            page: page.expect("a page").to_owned(),
            alert: format!("\"{}", between(incident, "= \"", "\"\n").expect("a title")),
        });
    }
    named
}

fn named_by_prometheus() -> Vec<Named> {
    let named = rules().into_iter().map(|rule| {
        let page = text(&rule, "/annotations/runbook");
        let page = page.strip_prefix("docs/run/").expect("a page");
        Named {
            page: page.trim_end_matches(".md").to_owned(),
            alert: format!("`{}`", text(&rule, "/alert")),
        }
    });
    named.collect()
}

fn named() -> Vec<Named> {
    let mut named = named_by_terraform();
    assert!(named.len() >= 12, "{} policies", named.len());
    named.extend(named_by_prometheus());
    named
}

/// Returns the value of a row of a page's first table.
fn row<'a>(page: &'a Page, name: &str) -> &'a str {
    let row = between(&page.text, &format!("\n| {name} | "), " |\n");
    row.unwrap_or_else(|| panic!("{} has no row {name}", page.name()))
}

#[test]
fn each_policy_of_terraform_names_a_page() {
    let policies = terraform()
        .matches("resource \"google_monitoring_alert_policy\"")
        .count();
    assert_eq!(policies, terraform().matches("**Runbook**: ").count());
    let other_files = std::fs::read_dir(root().join("terraform")).expect("a folder");
    for file in other_files.map(|entry| entry.expect("a file").path()) {
        let is_known = file.ends_with("alerts.tf") || file.ends_with("incidents.tf");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let has_policy = text.contains("resource \"google_monitoring_alert_policy\"");
        assert!(is_known || !has_policy, "{}", file.display());
    }
}

#[test]
fn the_page_of_each_alert_names_the_alert() {
    for Named { page, alert } in named() {
        let page = Page::read(&format!("docs/run/{page}.md"));
        assert!(
            row(&page, "alert").contains(&alert),
            "{} lacks {alert}",
            page.name()
        );
    }
}

#[test]
fn the_page_of_each_alert_is_in_both_lists() {
    let lists = ["docs/SUMMARY.md", "docs/README.md"].map(Page::read);
    for Named { page, alert } in named() {
        for list in &lists {
            let link = format!("(run/{page}.md)");
            assert!(
                list.text.contains(&link),
                "{} lacks {link} for {alert}",
                list.name()
            );
        }
    }
}

#[test]
fn a_page_names_only_alerts_that_exist() {
    let alerts: BTreeSet<String> = named().into_iter().map(|named| named.alert).collect();
    for page in runbooks() {
        let row = row(&page, "alert");
        let quoted = row
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|name| format!("`{name}`"));
        let titles = row
            .split('"')
            .skip(1)
            .step_by(2)
            .map(|title| format!("\"{title}"));
        for name in quoted.chain(titles) {
            assert!(alerts.contains(&name), "{} names {name}", page.name());
        }
    }
}

/// Returns the pages of symptoms.
fn runbooks() -> Vec<Page> {
    let pages = book()
        .into_iter()
        .filter(|page| page.path.starts_with("docs/run"));
    pages
        .filter(|page| !page.path.ends_with("service.md"))
        .collect()
}

#[test]
fn each_page_of_a_symptom_belongs_to_an_alert() {
    let named: BTreeSet<String> = named().into_iter().map(|named| named.page).collect();
    let pages = runbooks().into_iter();
    let pages: BTreeSet<String> = pages
        .map(|page| page.path.file_stem().expect("a name").display().to_string())
        .collect();
    assert_eq!(pages, named);
}

#[test]
fn each_page_of_a_symptom_tells_it_from_a_metric_and_a_log_line() {
    for page in runbooks() {
        assert!(row(&page, "metric").contains('`'), "{}", page.name());
        assert!(!row(&page, "log line").is_empty(), "{}", page.name());
    }
}

#[test]
fn each_page_of_a_symptom_has_a_command_that_repairs() {
    let commands = ["pushgate ", "terraform ", "gcloud ", "PUSHGATE_LOG="];
    for page in runbooks() {
        let sections = page.text.split("\n## ");
        let fix = sections
            .filter(|section| section.starts_with("Fix") || section.starts_with("Cause and fix"));
        let fix = fix.collect::<String>();
        let mut code = fix.split('`').skip(1).step_by(2);
        let in_line = code.any(|code| commands.iter().any(|command| code.starts_with(command)));
        assert!(
            in_line || fix.contains("\n```sh\ngcloud "),
            "{} repairs nothing",
            page.name()
        );
    }
}

#[test]
fn each_rule_with_declared_limits_names_its_subscription() {
    let rules = rules()
        .into_iter()
        .filter(|rule| rule["labels"].get("subscription").is_some());
    let rules: Vec<Value> = rules.collect();
    assert!(rules.len() >= 12, "{} rules", rules.len());
    for rule in rules {
        let summary = text(&rule, "/annotations/summary");
        assert!(
            summary.contains(text(&rule, "/labels/subscription")),
            "{summary}"
        );
    }
}

#[test]
fn the_metrics_on_pages_exist() {
    for page in book() {
        let words = page
            .text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics = words.filter(|word| {
            ["pushgate_", "messaging_", "db_client_"]
                .iter()
                .any(|start| word.starts_with(start))
        });
        for metric in metrics {
            let is_label = pushgate::METRICS.iter().any(|one| {
                one.attributes
                    .iter()
                    .any(|name| name.replace('.', "_") == metric)
            });
            let is_family = labels_of(&format!("{metric}_count")).is_some();
            let is_known = labels_of(metric).is_some() || is_label || is_family;
            assert!(is_known, "{}: no metric {metric}", page.name());
        }
    }
}

/// Returns a text of Prometheus with the names of what it fills in.
fn without_templates(summary: &str) -> String {
    let values = [
        "{{ $value | humanizePercentage",
        "{{ $value | humanizeDuration",
    ];
    let text = values.iter().fold(summary.to_owned(), |text, value| {
        text.replace(value, "`value")
    });
    text.replace("{{ $labels.", "`").replace(" }}", "`")
}

#[test]
fn the_page_of_metrics_has_the_table_of_alerts() {
    let mut rows = BTreeMap::new();
    let mut order = Vec::new();
    for rule in rules() {
        let alert = text(&rule, "/alert").to_owned();
        let page = text(&rule, "/annotations/runbook")
            .trim_start_matches("docs/")
            .to_owned();
        let severity = text(&rule, "/labels/severity").to_owned();
        let pending = text(&rule, "/for").to_owned();
        if rows
            .insert(alert.clone(), (severity, pending, page))
            .is_none()
        {
            let summary = text(&rule, "/annotations/summary");
            let id = rule["labels"]["subscription"].as_str();
            let summary = summary.replace(id.unwrap_or("\0"), "`subscription`");
            order.push((alert, summary));
        }
    }
    let mut table =
        String::from("| alert | severity | after | meaning | page |\n|---|---|---|---|---|\n");
    for (alert, summary) in order {
        let (severity, pending, page) = &rows[&alert];
        let title = Page::read(&format!("docs/{page}")).text;
        let title = title
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ")
            .to_owned();
        let _ = writeln!(
            table,
            "| `{alert}` | {severity} | {pending} | {} | [{title}](../{page}) |",
            cell(&without_templates(&summary))
        );
    }
    let page = Page::read("docs/reference/metrics.md");
    expect(&page, &with_table(&page, "alerts", &table));
}
