//! The names in a PromQL expression, compared with the table of metrics.

use std::collections::BTreeSet;

use pushgate::{METRICS, Metric, MetricKind};

/// The labels that Prometheus itself adds.
const OF_PROMETHEUS: [&str; 2] = ["job", "instance"];
const OPERATORS: [&str; 4] = ["or", "and", "unless", "offset"];

#[derive(Debug, PartialEq)]
enum Token {
    Name(String),
    Text,
    Sign(char),
}

/// Returns the name of a metric in Prometheus, and its type.
pub(crate) fn in_prometheus(metric: &Metric) -> (String, &'static str) {
    let unit = match metric.unit {
        "s" => "_seconds",
        _ => "",
    };
    let (suffix, kind) = match metric.kind {
        MetricKind::Counter => ("_total", "counter"),
        MetricKind::Histogram(_) => ("", "histogram"),
        MetricKind::UpDownCounter | MetricKind::Gauge => ("", "gauge"),
    };
    (
        format!("{}{unit}{suffix}", metric.name.replace('.', "_")),
        kind,
    )
}

/// Returns the labels of a series of the table, or `None` for a name that no metric exports.
pub(crate) fn labels_of(series: &str) -> Option<BTreeSet<String>> {
    let metric = METRICS.iter().find_map(|metric| {
        let (name, kind) = in_prometheus(metric);
        let rest = series.strip_prefix(&name)?;
        let suffixes: &[&str] = match kind {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        suffixes.contains(&rest).then_some(metric)
    });
    metric.map(|metric| {
        let labels = metric.attributes.iter().map(|name| name.replace('.', "_"));
        let bound = series.ends_with("_bucket").then(|| "le".to_owned());
        let others = OF_PROMETHEUS.map(str::to_owned);
        labels.chain(bound).chain(others).collect()
    })
}

/// Returns the names in an expression that the table does not have.
pub(crate) fn unknown_names(expression: &str) -> Vec<String> {
    let tokens = tokens(expression);
    let mut unknown = Vec::new();
    let mut known = BTreeSet::new();
    let mut grouped = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let Token::Name(name) = token else { continue };
        if ["by", "without", "on", "ignoring"].contains(&name.as_str()) {
            grouped.extend(names_until(after, ')'));
            rest = after_sign(after, ')');
        } else if is_metric(name, after) {
            let Some(labels) = labels_of(name) else {
                unknown.push(name.clone());
                continue;
            };
            if after.first() == Some(&Token::Sign('{')) {
                let matched = names_until(after, '}');
                let strange = matched.into_iter().filter(|label| !labels.contains(label));
                unknown.extend(strange.map(|label| format!("{label} of {name}")));
                rest = after_sign(after, '}');
            }
            known.extend(labels);
        }
    }
    unknown.extend(grouped.into_iter().filter(|label| !known.contains(label)));
    unknown
}

/// A name is a metric unless it is an operator, a function or an aggregation.
fn is_metric(name: &str, after: &[Token]) -> bool {
    let is_called = match after.first() {
        Some(Token::Sign('(')) => true,
        Some(Token::Name(next)) => next == "by" || next == "without",
        _ => false,
    };
    !is_called && !OPERATORS.contains(&name)
}

fn names_until(tokens: &[Token], end: char) -> Vec<String> {
    let inside = tokens
        .iter()
        .take_while(|token| **token != Token::Sign(end));
    inside
        .filter_map(|token| match token {
            Token::Name(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn after_sign(tokens: &[Token], sign: char) -> &[Token] {
    let end = tokens.iter().position(|token| *token == Token::Sign(sign));
    &tokens[end.expect("an end")..]
}

/// Splits an expression. Numbers, durations and ranges name nothing.
fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_:$.".contains(c);
        let word = rest.split(|c| !is_of_name(c)).next().unwrap_or_default();
        if first == '"' {
            let end = rest[1..].find('"').expect("the end of a text") + 2;
            tokens.push(Token::Text);
            rest = &rest[end..];
        } else if first == '[' {
            rest = &rest[rest.find(']').expect("the end of a range") + 1..];
        } else if word.is_empty() {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        } else {
            if !first.is_ascii_digit() {
                tokens.push(Token::Name(word.to_owned()));
            }
            rest = &rest[word.len()..];
        }
    }
    tokens
}

#[test]
fn a_wrong_name_in_an_expression_is_found() {
    let good = "sum by (job, le) (rate(pushgate_message_age_seconds_bucket{outcome=\"up\"}[5m]) unless pushgate_keys_age_seconds offset 5m) > 0.5";
    assert_eq!(unknown_names(good), [""; 0]);
    for (from, to, found) in [
        ("_seconds_bucket", "_bucket", "pushgate_message_age_bucket"),
        (
            "outcome=",
            "result=",
            "result of pushgate_message_age_seconds_bucket",
        ),
        ("(job, le)", "(job, pool)", "pool"),
        (
            "keys_age_seconds",
            "keys_age_total",
            "pushgate_keys_age_total",
        ),
    ] {
        assert!(
            unknown_names(&good.replace(from, to)).contains(&found.to_owned()),
            "{found}"
        );
    }
}
