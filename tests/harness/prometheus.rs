//! Metrics in Prometheus's text format.

use std::net::SocketAddr;

use super::get;

/// The text of `/metrics`.
pub(crate) struct Samples(pub(crate) String);

impl Samples {
    pub(crate) async fn read(address: SocketAddr) -> Self {
        let response = get(format!("http://{address}/metrics")).await;
        let response = response.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        Self(response.text().await.expect("text"))
    }

    /// Returns the sum of all samples of this name that have these labels, or `None` without one.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            let (found, found_labels) = sample.split_once('{').unwrap_or((sample, ""));
            let has = |(label, value): &(&str, &str)| {
                let wanted = format!("{label}=\"{value}\"");
                found_labels
                    .trim_end_matches('}')
                    .split(',')
                    .any(|label| label == wanted)
            };
            let is_wanted = found == name && labels.iter().all(has);
            is_wanted.then(|| value.parse::<f64>().expect("a number"))
        });
        values.reduce(|sum, value| sum + value)
    }

    /// Returns the name and the type of each metric.
    pub(crate) fn types(&self) -> Vec<(&str, &str)> {
        let types = self
            .0
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        types
            .map(|line| line.split_once(' ').expect("a type"))
            .collect()
    }

    /// Returns the names of the labels of a metric, besides the bounds of buckets.
    pub(crate) fn labels(&self, name: &str) -> Vec<String> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#'));
        let mut labels: Vec<String> = samples
            .filter_map(|line| line.rsplit_once(' ')?.0.split_once('{'))
            .filter(|(found, _)| {
                let rest = found.strip_prefix(name);
                rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            })
            .flat_map(|(_, labels)| labels.trim_end_matches('}').split(','))
            .filter_map(|label| Some(label.split_once('=')?.0.to_owned()))
            .filter(|label| label != "le")
            .collect();
        labels.sort();
        labels.dedup();
        labels
    }
}
