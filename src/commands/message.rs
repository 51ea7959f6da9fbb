//! `pushgate message`: the record of a message, and its change.

use std::error::Error;
use std::fmt::Write as _;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::operator::{Place, access_help};
use super::process::print;
use crate::environment::Environment;
use crate::service::Service;

/// The end of `--help`.
pub(super) const HELP: &str = concat!(
    "\
The states are: none (it never came, or its last run failed and it may run again), claimed (a delivery has it), running,
interrupted (the delivery that had it is gone), parked and handled. A message that was handled runs again only if it is
delivered again, too: see pushgate replay, or publish it again.

",
    access_help!()
);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Id of a declared subscription
    subscription: String,
    /// Id that Pub/Sub gave the message
    #[arg(required_unless_present = "key")]
    id: Option<String>,
    /// Idempotency key of the message, if its publishers give it one
    #[arg(long, conflicts_with = "id")]
    key: Option<String>,
    /// Remove the record, so that the next delivery runs
    #[arg(long, group = "change")]
    forget: bool,
    /// Let the next delivery dead-letter the message without a run
    #[arg(long, group = "change")]
    park: bool,
    /// Let the next delivery run: end the claim of an instance that is gone, or the parking
    #[arg(long, group = "change")]
    release: bool,
    /// With --release: also if a delivery holds the message, which may then run twice at the same time
    #[arg(long, requires = "release")]
    force: bool,
    /// Print the record as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Request<'a> {
    subscription: &'a str,
    message: Name<'a>,
    change: Option<&'static str>,
    force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Name<'a> {
    Id(&'a str),
    Key(&'a str),
}

/// The record, as the service reports it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    state: String,
    epoch: u32,
    is_replay: bool,
    claims: Option<u32>,
    owner: Option<String>,
    lease_ends_in_seconds: Option<u64>,
    handled_seconds_ago: Option<u64>,
    forgotten_in_seconds: Option<u64>,
    failures: Option<Failures>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failures {
    count: u32,
    first_seconds_ago: u64,
    last_seconds_ago: u64,
    outcome: String,
    reason: Option<String>,
    delivery_attempt: Option<u32>,
}

impl Arguments {
    fn change(&self) -> Option<&'static str> {
        let changes = [
            (self.forget, "forget"),
            (self.park, "park"),
            (self.release, "release"),
        ];
        changes
            .into_iter()
            .find_map(|(is_wanted, change)| is_wanted.then_some(change))
    }
}

pub(super) async fn run(
    service: &Service,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let id = &arguments.subscription;
    let operated = arguments.place.open(service, id, environment).await?;
    let request = Request {
        subscription: id,
        message: match (&arguments.key, &arguments.id) {
            (Some(key), _) => Name::Key(key),
            (None, id) => Name::Id(id.as_deref().unwrap_or_default()),
        },
        change: arguments.change(),
        force: arguments.force,
    };
    let answer = operated.post("message", &request).await?.text().await?;
    if arguments.json {
        return Ok(print(&format!("{answer}\n"))?);
    }
    let report: Report = serde_json::from_str(&answer)?;
    Ok(print(&report.text(request.change)?)?)
}

impl Report {
    fn text(&self, change: Option<&str>) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        if let Some(done) = change.and_then(done) {
            writeln!(text, "{done}")?;
        }
        let replay = if self.is_replay { ", in a replay" } else { "" };
        writeln!(
            text,
            "state     {}{replay} (epoch {})",
            self.state, self.epoch
        )?;
        if let Some(seconds) = self.handled_seconds_ago {
            writeln!(text, "handled   {} ago", duration(seconds))?;
        }
        if let (Some(claims @ 1..), Some(owner)) = (self.claims, &self.owner) {
            writeln!(text, "claims    {claims}, the last by {owner}")?;
        }
        if let Some(seconds) = self.lease_ends_in_seconds {
            writeln!(text, "lease     ends in {}", duration(seconds))?;
        }
        if let Some(seconds) = self.forgotten_in_seconds {
            writeln!(text, "record    is removed in {}", duration(seconds))?;
        }
        match &self.failures {
            Some(failures) => failures.write(&mut text)?,
            None => writeln!(text, "failures  none in the last 7 d")?,
        }
        Ok(text)
    }
}

impl Failures {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let [first, last] = [self.first_seconds_ago, self.last_seconds_ago].map(duration);
        write!(
            text,
            "failures  {}, the first {first} ago, the last {last} ago",
            self.count
        )?;
        if let Some(attempt) = self.delivery_attempt {
            write!(text, " in delivery attempt {attempt}")?;
        }
        write!(text, ": {}", self.outcome)?;
        match &self.reason {
            Some(reason) => writeln!(text, ": {reason}"),
            None => writeln!(text),
        }
    }
}

fn done(change: &str) -> Option<&'static str> {
    match change {
        "forget" => Some("forgotten: within 10 s, its next delivery runs"),
        "park" => Some("parked: its next delivery is dead-lettered without a run"),
        "release" => Some("released: its next delivery runs"),
        _ => None,
    }
}

/// Returns the duration in units that people read.
fn duration(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}
