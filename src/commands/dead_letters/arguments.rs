//! The arguments: which dead letters, where they are kept, and the consent to change them.

use std::error::Error;
use std::path::PathBuf;

use clap::Subcommand;

use crate::commands::consent::Consent;
use crate::commands::google::Google;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::subscriber::Subscriber;

#[derive(clap::Args)]
pub(in crate::commands) struct Arguments {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Subcommand)]
pub(super) enum Action {
    /// Count the dead letters by subscription, reason and error
    List {
        /// Id of a declared subscription; by default all of them
        subscription: Option<String>,
        /// Print each group as a line of JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print dead letters with their attributes and data
    Show(Of),
    /// Run messages again for the subscription that failed, and only for it
    #[command(mut_group("selection", |group| group.required(true).arg("edited")))]
    Replay(Box<Replay>),
    /// Delete dead letters
    #[command(mut_group("selection", |group| group.required(true)))]
    Discard(Discard),
    /// Print dead letters as JSON lines, and keep them
    Export(Of),
    /// Publish exported lines as dead letters again
    Import {
        /// Id of the declared subscription that failed
        subscription: String,
        /// Let the messages run again, even if a replay of the exported dead letters has run
        #[arg(long)]
        again: bool,
        /// File of exported lines; - is the standard input
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

/// Dead letters of a subscription.
#[derive(clap::Args)]
pub(super) struct Of {
    /// Id of the declared subscription that failed
    pub(super) subscription: String,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) place: Place,
}

#[derive(clap::Args)]
pub(super) struct Discard {
    #[command(flatten)]
    pub(super) of: Of,
    /// Why they are not needed, for the audit lines
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) consent: Consent,
}

#[derive(clap::Args)]
pub(super) struct Replay {
    #[command(flatten)]
    pub(super) of: Of,
    /// Replay the dead letters of this file of exported lines, with its data and attributes; - is the standard input
    #[arg(long, value_name = "FILE")]
    pub(super) edited: Option<PathBuf>,
    /// Publish to the topic instead: all its subscriptions receive the messages
    #[arg(long)]
    pub(super) to_topic: bool,
    /// Limit the replays a second
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) rate: u32,
    /// Keep messages that were replayed this often
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub(super) max_replays: u32,
    #[command(flatten)]
    pub(super) consent: Consent,
}

#[derive(clap::Args)]
#[group(id = "selection", multiple = false)]
pub(super) struct Selection {
    /// Take all dead letters of the subscription
    #[arg(long)]
    pub(super) all: bool,
    /// Take those of a group of list
    #[arg(long)]
    pub(super) group: Option<String>,
    /// Take the dead letter with this id, or with this id of the original message; may be repeated
    #[arg(long)]
    pub(super) id: Vec<String>,
}

#[derive(clap::Args)]
pub(super) struct Place {
    /// Project of the subscriptions; by default GOOGLE_CLOUD_PROJECT, or the metadata server's project
    #[arg(long, value_parser = project_id)]
    pub(super) project: Option<String>,
    /// Id of the subscription that keeps the dead letters; by default that of the declared dead-letter topic
    #[arg(long, value_name = "ID")]
    pub(super) keeper: Option<String>,
    /// Hold this many dead letters at most
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) limit: u32,
    /// Seconds without a further dead letter after which all are found; by default 5, and 0 with an emulator
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3_600))]
    pub(super) wait: Option<u64>,
}

impl Place {
    pub(super) async fn google(&self, environment: &Environment) -> Result<Google, Box<dyn Error>> {
        Ok(Google::open(environment, self.project.as_deref()).await?)
    }

    pub(super) fn keeper_of<'a>(&'a self, subscriber: &'a Subscriber) -> &'a str {
        let keeper = self.keeper.as_deref();
        keeper.unwrap_or(&subscriber.dead_letter_topic)
    }
}
