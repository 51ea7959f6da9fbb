//! Metrics in Prometheus's text format, and a Prometheus server that reads them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::repository::root;
use super::{client, free_port, get};

/// A Prometheus server with the repository's alert rules, which reads one service every second.
pub(crate) struct Server {
    queries: String,
    folder: PathBuf,
    _process: Child,
}

impl Server {
    pub(crate) fn start(target: SocketAddr) -> Self {
        let folder = std::env::temp_dir().join(format!("prometheus-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        let configuration = json!({
            "rule_files": [root().join("deploy/prometheus-alerts.yml")],
            "scrape_configs": [{
                "job_name": "pushgate",
                "scrape_interval": "1s",
                "static_configs": [{"targets": [target.to_string()]}],
            }],
        });
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, configuration.to_string()).expect("written");
        let port = free_port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus");
        Self {
            queries: format!("http://127.0.0.1:{port}/api/v1/query"),
            folder,
            _process: process,
        }
    }

    /// Returns the series of an expression, or `None` before the server listens.
    ///
    /// # Panics
    /// If the server rejects the expression.
    pub(crate) async fn query(&self, expression: &str) -> Option<Vec<Value>> {
        let request = client().get(&self.queries).query(&[("query", expression)]);
        let answer = request.send().await.ok()?.text().await.ok()?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

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
