//! `pushgate publish`: publishes one message, or each line of a file, after checking it against the topic's subscribers.

mod checkpoint;
mod message;
mod run;

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, stdin};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, ValueEnum};
use tokio::sync::mpsc::Receiver;
use tokio::time::interval;

use self::checkpoint::Checkpoint;
use self::message::subscribers;
use self::run::Run;
use super::lines::{Line, lines, read_ahead};
use super::process::Signals;
use super::progress::Progress;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::publisher::{Channel, EVENT_ID_ATTRIBUTE, Settings, full_name, new_event_id};
use crate::service::Service;
use crate::trace::Trace;

/// The most bytes of a line: more than the largest message needs, with its attributes and the white space around it.
const LINE_BYTES: u64 = 16 << 20;
/// The lines that are read ahead.
const LINES_AHEAD: usize = 16;

/// The end of `--help`.
pub(super) const HELP: &str = "\
Each line of a file is one message: its data as JSON or, with --messages, the whole message:
  {\"data\": …, \"attributes\": {\"name\": \"value\"}, \"orderingKey\": \"…\", \"eventId\": \"…\"}
A message needs data or an attribute. Empty lines are skipped.

Before a message is sent, it is checked against Pub/Sub's limits, and against the types of all subscribers that this program
declares for the topic. Subscribers whose filter excludes the message are skipped, but at least one must receive it. A schema of
the topic is checked by Pub/Sub itself, and not by --dry-run. Errors name the line and the place, never a value.

Every message has the attributes event-id, traceparent and googclient_traceparent.

With --resume, a confirmed line is never published again, even after a crash. A line that was in flight at a crash may be
published twice, with the same event id: subscribers declare Idempotency::by_attribute(\"event-id\") to run once for it.

With PUBSUB_EMULATOR_HOST=HOST:PORT, messages go to an emulator. Otherwise Google's application default credentials are used;
they need the role roles/pubsub.publisher.

Exit status: 0 if every message was published (or fits, with --dry-run), 1 if one was not, 2 if the arguments are invalid.";

const RESUME_NEEDS_FILE: &str =
    "--resume needs --file FILE: the standard input cannot be read again";

/// The usage without the name of the program.
pub(super) const USAGE: &str = "publish <TOPIC> <--json TEXT|--file FILE|-> [OPTIONS]";

#[derive(clap::Args)]
#[command(group = ArgGroup::new("source").required(true).args(["json", "file", "stdin"]))]
pub(super) struct Arguments {
    /// Short name of the topic, or projects/PROJECT/topics/TOPIC
    topic: String,
    /// Read lines from the standard input, like --file -
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,
    /// Publish one message with this data, as JSON
    #[arg(long, value_name = "TEXT")]
    json: Option<String>,
    /// Publish a message for each line of this file; - is the standard input
    #[arg(long)]
    file: Option<PathBuf>,
    /// Read lines as whole messages instead of their data: see below
    #[arg(long, conflicts_with = "json")]
    messages: bool,
    /// Add an attribute to each message; may be repeated. A line's own attribute of that name wins
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Set the ordering key of each message
    #[arg(long, value_name = "KEY", conflicts_with = "ordering_key_from")]
    ordering_key: Option<String>,
    /// Read the ordering key from this place in the data: a JSON Pointer (RFC 6901) such as /customer/id
    #[arg(long, value_name = "POINTER", value_parser = pointer)]
    ordering_key_from: Option<String>,
    /// Set the event id; by default a UUID, for a file followed by the number of the line
    #[arg(
        long,
        value_name = "ID",
        requires = "json",
        conflicts_with = "event_id_from"
    )]
    event_id: Option<String>,
    /// Read the event id from this place in the data: a JSON Pointer
    #[arg(long, value_name = "POINTER", value_parser = pointer)]
    event_id_from: Option<String>,
    /// Set the name of the attribute that holds the event id
    #[arg(long, value_name = "NAME", default_value = EVENT_ID_ATTRIBUTE)]
    event_id_attribute: String,
    /// Publish all messages in this trace (W3C Trace Context); by default each begins a new one
    #[arg(long)]
    traceparent: Option<Trace>,
    /// Set the project of a short topic name; by default GOOGLE_CLOUD_PROJECT, or the metadata server's project
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
    /// Limit the unconfirmed messages
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    in_flight: u32,
    /// Limit the messages a second
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Record confirmed lines in this file, and continue an earlier run with it
    #[arg(long, value_name = "CHECKPOINT", conflicts_with_all = ["json", "stdin", "dry_run"])]
    resume: Option<PathBuf>,
    /// Check the messages, and send none
    #[arg(long)]
    dry_run: bool,
    /// Publish without checking against subscribers
    #[arg(long)]
    unchecked: bool,
    /// Continue after a line that cannot be published, up to 1000 of them. Later lines of its ordering key overtake it
    #[arg(long)]
    keep_going: bool,
    /// Print the id of a single message (text), or {"eventId":…,"line":…,"messageId":…} for each message (json)
    #[arg(long, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

pub(super) async fn run(
    service: &Service,
    arguments: Arguments,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let topic = arguments.topic();
    let subscribers = subscribers(service.declarations()?, &topic, arguments.unchecked)?;
    let path = arguments.file.as_deref();
    let path = path.filter(|path| *path != Path::new("-"));
    let lines = read(arguments.json.clone(), path)?;
    let checkpoint = match (&arguments.resume, path) {
        (Some(checkpoint), Some(path)) => {
            let topic = full_name(&topic, environment.clone()).await?;
            let opened = Checkpoint::open(checkpoint, &topic, path);
            let name = checkpoint.display();
            Some(opened.map_err(|error| format!("cannot read checkpoint {name}: {error}"))?)
        }
        (Some(_), None) => return Err(RESUME_NEEDS_FILE.into()),
        (None, _) => None,
    };
    let settings = Settings {
        stops_at_failure: !arguments.keep_going,
        ..Settings::default()
    };
    let channel = match arguments.dry_run {
        true => None,
        false => Some(Channel::open(&topic, environment, settings).await?),
    };
    let prefix = checkpoint.as_ref().map(|found| found.prefix.clone());
    let verb = if arguments.dry_run {
        "fit"
    } else {
        "published"
    };
    let rate = arguments.rate.map(|rate| Duration::from_secs(1) / rate);
    let run = Run {
        arguments: &arguments,
        subscribers,
        prefix: prefix.unwrap_or_else(new_event_id),
        channel,
        checkpoint,
        progress: Progress::new([verb, "published before"], arguments.json.is_none()),
        pace: rate.map(interval),
        group: Vec::new(),
        is_over: false,
    };
    // Until here a signal ends the process, since nothing has been sent.
    let signals = Signals::listen()?;
    run.publish(lines, signals).await
}

impl Arguments {
    /// Returns the name of the topic, in the project that is given for it.
    fn topic(&self) -> String {
        match &self.project {
            Some(project) if !self.topic.contains('/') => {
                format!("projects/{project}/topics/{}", self.topic)
            }
            _ => self.topic.clone(),
        }
    }
}

/// Reads the text of a single message, a file, or the standard input.
fn read(single: Option<String>, path: Option<&Path>) -> Result<Receiver<Line>, String> {
    if let Some(text) = single {
        let text = Ok(text.into());
        return Ok(read_ahead(once(Line { number: None, text }), LINES_AHEAD));
    }
    let Some(path) = path else {
        return Ok(read_ahead(
            lines(BufReader::new(stdin()), LINE_BYTES),
            LINES_AHEAD,
        ));
    };
    match File::open(path) {
        Ok(file) => Ok(read_ahead(
            lines(BufReader::new(file), LINE_BYTES),
            LINES_AHEAD,
        )),
        Err(error) => Err(format!("cannot open {}: {error}", path.display())),
    }
}

/// Parses `NAME=VALUE`.
fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a JSON Pointer to a place within the data.
fn pointer(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("expected a JSON Pointer that begins with a slash, such as /order/id".into()),
    }
}
