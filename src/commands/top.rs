//! `pushgate top`: the subscriptions of a running service, live in the terminal.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, interval};
use url::Url;

use super::process::{print, status_request};
use crate::environment::Environment;

/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest status that is read: some 10,000 subscriptions.
const LIMIT_BYTES: usize = 8 << 20;
/// The control sequence that clears a terminal and begins at its top.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Address of the service's metrics, which serve has with OTEL_METRICS_EXPORTER=prometheus, and dev always
    #[arg(default_value = "http://localhost:9464")]
    url: Url,
    /// Seconds between two readings
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Print one table and exit
    #[arg(long)]
    once: bool,
    /// Print each reading as a line of JSON
    #[arg(long)]
    json: bool,
}

/// The error of a status that cannot be read.
#[derive(Debug, thiserror::Error)]
enum TopError {
    #[error(
        "cannot read the status at {url}: start the service with OTEL_METRICS_EXPORTER=prometheus, and name the address that its log shows"
    )]
    Unreachable { url: Url, source: reqwest::Error },
    #[error("{url} is not the status of pushgate: {found}, expected JSON with the status 200")]
    OtherService { url: Url, found: String },
}

/// The part of the status that is shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    project: String,
    is_ready: bool,
    pushes: Places,
    subscriptions: Vec<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Places {
    in_flight: u64,
    limit: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    in_flight: u64,
    limit: u64,
    handled: f64,
    duplicates: f64,
    failed: f64,
    refused: f64,
    dead_lettered: f64,
    p50: Option<f64>,
    p99: Option<f64>,
    least_attempts_left: Option<f64>,
    circuits: Vec<(String, String)>,
    /// Absent in the status of an older service.
    #[serde(default)]
    is_paused: bool,
}

impl Subscription {
    fn ended(&self) -> f64 {
        self.handled + self.duplicates + self.failed + self.dead_lettered
    }

    /// Returns what stops its deliveries.
    fn stops(&self) -> String {
        let paused = self.is_paused.then_some("paused");
        let circuits = self.circuits.iter().map(|(name, _)| name.as_str());
        paused
            .into_iter()
            .chain(circuits)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The deliveries so far by subscription, and their time.
type Before = Option<(Instant, HashMap<String, f64>)>;

pub(super) async fn run(
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let url = arguments.url.join("status")?;
    let mut ticks = interval(Duration::from_secs(arguments.interval));
    let mut before: Before = None;
    let clear = match stdout().is_terminal() && !arguments.once && !arguments.json {
        true => CLEAR,
        false => "",
    };
    loop {
        ticks.tick().await;
        let text = read(&client, &url, environment).await?;
        let status: Status =
            serde_json::from_str(&text).map_err(|error| TopError::OtherService {
                url: url.clone(),
                found: error.to_string(),
            })?;
        match arguments.json {
            true => print(&format!("{text}\n"))?,
            false => print(&format!("{clear}{}", table(&status, &before)))?,
        }
        if arguments.once {
            return Ok(());
        }
        let ended = status.subscriptions.iter();
        let ended = ended.map(|one| (one.id.clone(), one.ended())).collect();
        before = Some((Instant::now(), ended));
    }
}

async fn read(
    client: &reqwest::Client,
    url: &Url,
    environment: &Environment,
) -> Result<String, TopError> {
    let unreachable = |source| TopError::Unreachable {
        url: url.clone(),
        source,
    };
    let other = |found: String| TopError::OtherService {
        url: url.clone(),
        found,
    };
    let request = status_request(client, url.clone(), environment);
    let response = request.send().await;
    let mut response = response.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(other(format!("it answers {}", response.status())));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > LIMIT_BYTES {
            return Err(other(format!("more than {LIMIT_BYTES} bytes")));
        }
    }
    String::from_utf8(body).map_err(|error| other(error.to_string()))
}

/// Returns the status as a table. Rates need a reading before.
fn table(status: &Status, before: &Before) -> String {
    let Status {
        project, pushes, ..
    } = status;
    let ready = if status.is_ready {
        "ready"
    } else {
        "not ready"
    };
    let (in_flight, limit) = (pushes.in_flight, pushes.limit);
    let mut text = format!("{project}: {ready}, {in_flight} of {limit} pushes in flight\n\n");
    let width = status.subscriptions.iter().map(|one| one.id.len()).max();
    let width = width.unwrap_or_default().max("SUBSCRIPTION".len());
    let _ = writeln!(
        text,
        "{:width$} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8} {:>8} {:>5} {:>8}  PAUSED, OPEN CIRCUITS",
        "SUBSCRIPTION",
        "RATE/s",
        "p50",
        "p99",
        "IN FLIGHT",
        "HANDLED",
        "DUPL.",
        "FAILED",
        "REFUSED",
        "DEAD",
        "ATTEMPTS"
    );
    for one in &status.subscriptions {
        let _ = writeln!(
            text,
            "{:width$} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8} {:>8} {:>5} {:>8}  {}",
            one.id,
            rate(one, before),
            seconds(one.p50),
            seconds(one.p99),
            format!("{}/{}", one.in_flight, one.limit),
            one.handled,
            one.duplicates,
            one.failed,
            one.refused,
            one.dead_lettered,
            one.least_attempts_left
                .map_or_else(|| "-".into(), |left| format!("{left}")),
            one.stops()
        );
    }
    text
}

fn rate(one: &Subscription, before: &Before) -> String {
    let Some((time, ended)) = before else {
        return "-".into();
    };
    let earlier = ended.get(&one.id).copied().unwrap_or_default();
    // A service that was restarted counts from zero.
    let deliveries = (one.ended() - earlier).max(0.0);
    format!(
        "{:.1}",
        deliveries / time.elapsed().as_secs_f64().max(0.001)
    )
}

fn seconds(duration: Option<f64>) -> String {
    match duration {
        None => "-".into(),
        Some(duration) if duration < 1.0 => format!("{:.0} ms", duration * 1000.0),
        Some(duration) => format!("{duration:.1} s"),
    }
}
