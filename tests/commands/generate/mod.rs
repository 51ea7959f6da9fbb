//! `pushgate generate`: the files of this repository are up to date and valid.

mod asyncapi;
mod documents;
mod files;
mod settings;

use std::path::Path;

use crate::harness::process::{Ended, command, ended};

const DERIVED: [&str; 6] = [
    "deploy/grafana-dashboard.json",
    "deploy/prometheus-alerts.yml",
    "m2m",
    "docs/describe.schema.json",
    "terraform",
    "Cargo.toml",
];

async fn generate(root: &Path, arguments: &[&str]) -> Ended {
    let mut command = command(&["generate", "--root", root.to_str().expect("text")]);
    command.args(arguments);
    ended(command).await
}
