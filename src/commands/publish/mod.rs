//! `pushgate publish`: publishes one message, or each line of a file, after checking it against the topic's subscribers.

mod checkpoint;
mod fit;
mod form;
mod progress;
mod run;
mod source;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, ValueEnum};
use tokio::time::interval;

use self::checkpoint::Checkpoint;
use self::fit::Fit;
use self::form::Form;
use self::progress::Progress;
use self::run::Run;
use self::source::Source;
use super::process::Signals;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::publisher::{
    Channel, EVENT_ID_ATTRIBUTE, Settings, full_name, new_event_id, short_name,
};
use crate::service::Service;
use crate::trace::Trace;

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

#[derive(clap::Args)]
#[command(override_usage = "pushgate publish <TOPIC> <--json TEXT|--file FILE|-> [OPTIONS]")]
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
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = form::attribute)]
    attributes: Vec<(String, String)>,
    /// Set the ordering key of each message
    #[arg(long, value_name = "KEY", conflicts_with = "ordering_key_from")]
    ordering_key: Option<String>,
    /// Read the ordering key from this place in the data: a JSON Pointer (RFC 6901) such as /customer/id
    #[arg(long, value_name = "POINTER", value_parser = form::pointer)]
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
    #[arg(long, value_name = "POINTER", value_parser = form::pointer)]
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
    /// Record confirmed lines in this file, and continue an earlier run with it. CHECKPOINT.lock keeps other runs away
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
    let environment = arguments.environment(environment);
    let topic = short_name(&arguments.topic).unwrap_or(&arguments.topic);
    let fit = Fit::new(service.declarations()?, topic, arguments.unchecked)?;
    let source = arguments.source()?;
    let checkpoint = arguments.checkpoint(&environment, &source).await?;
    let channel = match arguments.dry_run {
        true => None,
        false => Some(Channel::open(&arguments.topic, environment, arguments.settings()).await?),
    };
    let run = checkpoint.as_ref().map(|found| found.run.clone());
    let run = Run {
        arguments: &arguments,
        fit,
        form: Form {
            arguments: &arguments,
            run: run.unwrap_or_else(new_event_id),
        },
        channel,
        checkpoint,
        progress: Progress::new(arguments.json.is_none()),
        pace: arguments
            .rate
            .map(|rate| interval(Duration::from_secs(1) / rate)),
    };
    // Until here a signal ends the process, since nothing has been sent.
    let mut signals = Signals::listen()?;
    run.publish(source.lines(), &mut signals).await
}

impl Arguments {
    fn environment(&self, environment: Environment) -> Environment {
        let Some(project) = &self.project else {
            return environment;
        };
        let mut variables = environment.0.as_ref().clone();
        variables.insert("GOOGLE_CLOUD_PROJECT".into(), project.clone());
        Environment(variables.into())
    }

    fn source(&self) -> Result<Source, Box<dyn Error>> {
        match (&self.json, &self.file) {
            (Some(json), _) => Ok(Source::One(json.clone())),
            (None, Some(path)) if path.as_os_str() != "-" => Ok(Source::open(path)?),
            _ if self.resume.is_some() => {
                Err("--resume needs --file FILE: the standard input cannot be read again".into())
            }
            _ => Ok(Source::Stdin),
        }
    }

    async fn checkpoint(
        &self,
        environment: &Environment,
        source: &Source,
    ) -> Result<Option<Checkpoint>, Box<dyn Error>> {
        let (Some(path), Source::File(file, name)) = (&self.resume, source) else {
            return Ok(None);
        };
        let topic = full_name(&self.topic, environment.clone()).await?;
        Ok(Some(Checkpoint::open(path, topic, file, name)?))
    }

    /// Returns the settings of the publisher. A single message is sent at once.
    fn settings(&self) -> Settings {
        let mut settings = Settings {
            stops_at_failure: !self.keep_going,
            ..Settings::default()
        };
        if self.json.is_some() {
            settings.batch_messages = 1;
        }
        settings
    }
}
