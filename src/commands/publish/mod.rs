//! `pushgate publish`: one message, or each line of a file, checked against what the topic's subscribers read.

mod checkpoint;
mod fit;
mod form;
mod pace;
mod progress;
mod recorder;
mod run;
mod source;

use std::error::Error;
use std::path::PathBuf;

use clap::{ArgGroup, ValueEnum};

use self::checkpoint::Checkpoint;
use self::fit::Fit;
use self::form::Form;
use self::pace::Pace;
use self::progress::Progress;
use self::recorder::Recorder;
use self::run::Run;
use self::source::Source;
use super::Leave;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::publisher::{Channel, EVENT_ID_ATTRIBUTE, Settings, full_name, short_name};
use crate::service::Service;
use crate::trace::Trace;

/// What `--help` ends with.
pub(super) const HELP: &str = "\
Each line of a file is one message: its data as JSON or, with --messages,
  {\"data\": …, \"attributes\": {\"name\": \"value\"}, \"orderingKey\": \"…\", \"eventId\": \"…\"}
of which only data or an attribute is needed. Empty lines are left out.

Before a message is sent, its data must fit the types of all subscribers of the topic that this program declares, and Pub/Sub's
limits; a schema of the topic that Pub/Sub keeps is checked by Pub/Sub itself, not by --dry-run. Subscribers whose filter leaves the
message out are not asked, but one must get it. Errors name the line and the place, never a value.

Every message has the attributes event-id, traceparent and googclient_traceparent. With --resume what was confirmed is not
published again, whatever became of an earlier run; what was on its way then is published again with the same event id, by which
subscribers tell it: Idempotency::by_attribute(\"event-id\").

PUBSUB_EMULATOR_HOST publishes to an emulator, HOST:PORT; otherwise Google's application default credentials are used, which need
the role roles/pubsub.publisher.

Exit status: 0 if every message was published (or fits, with --dry-run), 1 if one was not, 2 if the arguments cannot be used.";

#[derive(clap::Args)]
#[command(override_usage = "pushgate publish <TOPIC> <--json TEXT|--file FILE|-> [OPTIONS]")]
#[command(group = ArgGroup::new("source").required(true).args(["json", "file", "stdin"]))]
pub(super) struct Arguments {
    /// The topic: its short name, or projects/PROJECT/topics/TOPIC
    topic: String,
    /// Read lines from the standard input, like --file -
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,
    /// The data of one message, as JSON
    #[arg(long, value_name = "TEXT")]
    json: Option<String>,
    /// A file with a message in each line; - is the standard input
    #[arg(long)]
    file: Option<PathBuf>,
    /// Lines are whole messages instead of their data: see below
    #[arg(long, conflicts_with = "json")]
    messages: bool,
    /// An attribute of each message; may be repeated. A line's own attribute of that name wins
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = form::attribute)]
    attributes: Vec<(String, String)>,
    /// The ordering key of each message
    #[arg(long, value_name = "KEY", conflicts_with = "ordering_key_from")]
    ordering_key: Option<String>,
    /// Where the ordering key stands in the data: a JSON Pointer (RFC 6901) such as /customer/id
    #[arg(long, value_name = "POINTER", value_parser = form::pointer)]
    ordering_key_from: Option<String>,
    /// Which event the message is about; by default a UUID, and of a file also the number of the line
    #[arg(
        long,
        value_name = "ID",
        requires = "json",
        conflicts_with = "event_id_from"
    )]
    event_id: Option<String>,
    /// Where the event id stands in the data: a JSON Pointer
    #[arg(long, value_name = "POINTER", value_parser = form::pointer)]
    event_id_from: Option<String>,
    /// The attribute that holds the event id
    #[arg(long, value_name = "NAME", default_value = EVENT_ID_ATTRIBUTE)]
    event_id_attribute: String,
    /// The trace of all messages, as W3C writes it; by default each begins a new one
    #[arg(long)]
    traceparent: Option<Trace>,
    /// The project of the topic; by default GOOGLE_CLOUD_PROJECT, or what the metadata server says
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
    /// Messages that may be unconfirmed at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    in_flight: u32,
    /// Messages a second at most
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Keeps here which lines are confirmed, and goes on where an earlier run with this file ended; beside it CHECKPOINT.lock
    /// keeps other runs away
    #[arg(long, value_name = "CHECKPOINT", conflicts_with_all = ["json", "stdin", "dry_run"])]
    resume: Option<PathBuf>,
    /// Only checks
    #[arg(long)]
    dry_run: bool,
    /// Publishes what no subscriber reads, too, or what does not fit
    #[arg(long)]
    unchecked: bool,
    /// Goes on after a line that cannot be published, up to 1000 of them; later lines of its ordering key then overtake it
    #[arg(long)]
    keep_going: bool,
    /// What is printed: text is the id of a single message; json is {"line":…,"messageId":…,"eventId":…} for each, as confirmed
    #[arg(long, default_value = "text")]
    output: Output,
}

/// What is printed about each message.
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
    let progress = Progress::new(source.is_many());
    let done_before = checkpoint
        .as_ref()
        .map(|checkpoint| checkpoint.confirmed.clone());
    let form = arguments.form(&source, checkpoint.as_ref());
    let recorder = Recorder::start(
        checkpoint,
        arguments.output,
        source.is_many(),
        progress.published(),
    );
    let run = Run {
        fit,
        form,
        channel,
        done_before: done_before.unwrap_or_default(),
        recorder,
        progress,
        pace: Pace::new(arguments.rate),
        in_flight: usize::try_from(arguments.in_flight)?,
        keep_going: arguments.keep_going,
        is_many: source.is_many(),
    };
    // Until now a signal just ends it: nothing has been sent.
    let mut leave = Leave::listen()?;
    run.publish(source.lines(), &mut leave).await
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
            (None, Some(path)) if path.as_os_str() != "-" => Source::open(path),
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

    /// A single message is sent at once.
    fn settings(&self) -> Settings {
        let defaults = Settings::default();
        Settings {
            stops_at_failure: !self.keep_going,
            batch_messages: if self.json.is_some() {
                1
            } else {
                defaults.batch_messages
            },
            ..defaults
        }
    }

    fn form(&self, source: &Source, checkpoint: Option<&Checkpoint>) -> Form {
        Form {
            is_message: self.messages,
            attributes: self.attributes.iter().cloned().collect(),
            ordering_key: self.ordering_key.clone(),
            ordering_key_from: self.ordering_key_from.clone(),
            event_id: self.event_id.clone(),
            event_id_from: self.event_id_from.clone(),
            event_id_attribute: self.event_id_attribute.clone(),
            trace: self.traceparent.clone(),
            run: checkpoint.map_or_else(crate::publisher::new_event_id, |found| found.run.clone()),
            is_many: source.is_many(),
            is_checked: !self.unchecked,
        }
    }
}
