//! `pushgate dead-letters`: lists, shows, replays, discards, exports and imports dead letters.

mod audit;
mod file;
mod held;
mod letter;
mod list;
mod replay;

use std::error::Error;
use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use self::audit::{Audit, Entry};
use self::held::{Held, HeldError};
use self::letter::Letter;
use self::replay::{Route, Target, replay};
use super::google::Google;
use super::process::{Signals, print};
use super::progress::print_note;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::service::Service;
use crate::subscriber::Subscriber;

/// The end of `--help`.
pub(super) const HELP: &str = "\
A command takes the dead letters from the subscription that keeps them, holds them until it ends, and gives back those that
it did not end. Meanwhile nobody else receives them. Dead letters that arrive later are not part of the command.

A replay is posted to the endpoint of the one subscription that failed, with an ID token of its push account, as Pub/Sub
does it; no other subscription receives it. With --to-topic it is published to the topic, to all its subscriptions.
The dead letter is acknowledged after the service has acknowledged the replay. The message runs again, also if its key is
recorded as done, and each dead letter runs once, however often its replay is repeated.

With PUBSUB_EMULATOR_HOST=HOST:PORT the commands use an emulator. Otherwise Google's application default credentials are used;
they need roles/pubsub.subscriber on the dead-letter subscription, roles/pubsub.viewer on the one that failed, and
roles/iam.serviceAccountOpenIdTokenCreator on its push account, or with --to-topic roles/pubsub.publisher on the topic.

Exit status: 0 if everything was done, 1 if something was not, 2 if the arguments are invalid.";

/// The seconds after which no more dead letters are expected. An emulator answers at once.
const WAIT_SECONDS: u64 = 5;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
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
        /// File of exported lines; - is the standard input
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

/// Dead letters of a subscription.
#[derive(clap::Args)]
struct Of {
    /// Id of the declared subscription that failed
    subscription: String,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
struct Discard {
    #[command(flatten)]
    of: Of,
    /// Why they are not needed, for the audit lines
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    consent: Consent,
}

#[derive(clap::Args)]
struct Replay {
    #[command(flatten)]
    of: Of,
    /// Replay the dead letters of this file of exported lines, with its data and attributes; - is the standard input
    #[arg(long, value_name = "FILE")]
    edited: Option<PathBuf>,
    /// Publish to the topic instead: all its subscriptions receive the messages
    #[arg(long)]
    to_topic: bool,
    /// Limit the replays a second
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Keep messages that were replayed this often
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    max_replays: u32,
    #[command(flatten)]
    consent: Consent,
}

#[derive(clap::Args)]
#[group(id = "selection", multiple = false)]
struct Selection {
    /// Take all dead letters of the subscription
    #[arg(long)]
    all: bool,
    /// Take those of a group of list
    #[arg(long)]
    group: Option<String>,
    /// Take the dead letter with this id, or with this id of the original message; may be repeated
    #[arg(long)]
    id: Vec<String>,
}

#[derive(clap::Args)]
struct Consent {
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Print the audit lines as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Place {
    /// Project of the subscriptions; by default GOOGLE_CLOUD_PROJECT, or the metadata server's project
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
    /// Id of the subscription that keeps the dead letters; by default that of the declared dead-letter topic
    #[arg(long, value_name = "ID")]
    keeper: Option<String>,
    /// Hold this many dead letters at most
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Seconds without a further dead letter after which all are found; by default 5, and 0 with an emulator
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

pub(super) async fn run(
    service: &Service,
    arguments: Arguments,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    match arguments.action {
        Action::List {
            subscription,
            json,
            place,
        } => {
            let of = match subscription {
                Some(id) => std::slice::from_ref(service.declared(&id)?),
                None => service.declarations()?,
            };
            let google = place.google(&environment).await?;
            list::list(&google, of, &place, json).await
        }
        Action::Replay(arguments) => run_replay(service, *arguments, environment).await,
        Action::Import {
            subscription,
            file,
            place,
        } => {
            let keeper = place.keeper_of(service.declared(&subscription)?);
            let google = place.google(&environment).await?;
            let keeper = google.subscription_name(keeper);
            let topic = google.subscription(&keeper).await?.topic;
            file::import(&file, &topic, environment).await
        }
        Action::Show(of) => {
            let (_, held) = of.hold(service, &environment).await?;
            let shown = show(&held, &of);
            held.release().await;
            shown
        }
        Action::Discard(arguments) => {
            let (_, held) = arguments.of.hold(service, &environment).await?;
            let done = discard(&held, &arguments).await;
            held.release().await;
            done
        }
        Action::Export(of) => {
            let (_, held) = of.hold(service, &environment).await?;
            let written = file::export(&held, &of);
            held.release().await;
            written
        }
    }
}

fn show(held: &Held, of: &Of) -> Result<(), Box<dyn Error>> {
    for letter in held.select(&of.selection, &of.subscription)? {
        print(&format!("{letter}\n"))?;
    }
    Ok(())
}

async fn run_replay(
    service: &Service,
    arguments: Replay,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let Replay { of, to_topic, .. } = &arguments;
    let subscription = &of.subscription;
    // The file is read first, since a fault in it should hold no dead letters.
    let edited = arguments.edited.as_deref().map(file::read).transpose()?;
    let (google, held) = of.hold(service, &environment).await?;
    let name = google.subscription_name(subscription);
    let target = Target {
        project: &google.project,
        id: subscription,
        name,
    };
    let done = async {
        let route = match to_topic {
            true => Route::topic(&google, &target.name, environment).await?,
            false => Route::push(&google, &target.name).await?,
        };
        let letters = match &edited {
            Some(edited) => held.edited(edited, subscription),
            None => held.select(&of.selection, subscription)?,
        };
        let letters = within(letters, arguments.max_replays);
        let to = match to_topic {
            true => "the topic, to all its subscriptions",
            false => "the subscription alone",
        };
        let question = format!(
            "Replay {} dead letters of {subscription} to {to}",
            letters.len()
        );
        list::print_groups(&letters);
        if !arguments.consent.is_given(&question)? {
            return Ok(());
        }
        let audit = Audit {
            is_json: arguments.consent.json,
        };
        let signals = Signals::listen()?;
        replay(
            &held,
            &letters,
            &route,
            &target,
            arguments.rate,
            &audit,
            signals,
        )
        .await
    };
    let done = done.await;
    held.release().await;
    done
}

/// Leaves out the dead letters that were replayed too often.
fn within(letters: Vec<&Letter>, max_replays: u32) -> Vec<&Letter> {
    let (within, beyond): (Vec<_>, Vec<_>) = letters
        .into_iter()
        .partition(|letter| letter.replays() < max_replays);
    if !beyond.is_empty() {
        let count = beyond.len();
        print_note(&format!(
            "{count} dead letters are kept, since they were replayed {max_replays} times or more: see --max-replays"
        ));
    }
    within
}

async fn discard(held: &Held, arguments: &Discard) -> Result<(), Box<dyn Error>> {
    let Discard {
        of,
        reason,
        consent,
    } = arguments;
    let letters = held.select(&of.selection, &of.subscription)?;
    list::print_groups(&letters);
    let question = format!(
        "Delete {} dead letters of {}",
        letters.len(),
        of.subscription
    );
    if !consent.is_given(&question)? {
        return Ok(());
    }
    let audit = Audit {
        is_json: consent.json,
    };
    for letter in &letters {
        held.ack(&letter.id).await?;
        let result = Ok(reason.clone());
        audit.print(&Entry::new("discard", &of.subscription, letter, &result))?;
    }
    Ok(())
}

impl Of {
    /// Holds the dead letters of the subscription, and of those that share its dead-letter topic.
    async fn hold(
        &self,
        service: &Service,
        environment: &Environment,
    ) -> Result<(Google, Held), Box<dyn Error>> {
        let keeper = self.place.keeper_of(service.declared(&self.subscription)?);
        let google = self.place.google(environment).await?;
        let held = self.place.hold(&google, keeper).await?;
        Ok((google, held))
    }
}

impl Place {
    async fn google(&self, environment: &Environment) -> Result<Google, Box<dyn Error>> {
        Ok(Google::open(environment, self.project.as_deref()).await?)
    }

    fn keeper_of<'a>(&'a self, subscriber: &'a Subscriber) -> &'a str {
        let keeper = self.keeper.as_deref();
        keeper.unwrap_or(&subscriber.dead_letter_topic)
    }

    async fn hold(&self, google: &Google, keeper: &str) -> Result<Held, HeldError> {
        let wait = self.wait.unwrap_or(match google.is_emulator() {
            true => 0,
            false => WAIT_SECONDS,
        });
        let (name, limit) = (google.subscription_name(keeper), self.limit as usize);
        let held = Held::collect(google, &name, limit, Duration::from_secs(wait)).await?;
        if !held.are_all {
            print_note(&format!(
                "{keeper} has more dead letters than these {}: see --limit",
                held.letters.len()
            ));
        }
        Ok(held)
    }
}

impl Selection {
    /// Returns true if all are selected, which is the default of commands that change nothing.
    fn is_all(&self) -> bool {
        self.all || (self.group.is_none() && self.id.is_empty())
    }
}

impl Consent {
    /// Asks the person at the terminal, if needed. Without a terminal, --yes is needed.
    fn is_given(&self, question: &str) -> Result<bool, Box<dyn Error>> {
        if self.yes {
            return Ok(true);
        }
        if self.dry_run || !stdin().is_terminal() {
            print_note(&format!("{question}: nothing is done yet."));
            return match self.dry_run {
                true => Ok(false),
                false => Err("add --yes to do it, or --dry-run to only see it".into()),
            };
        }
        write!(stderr(), "{question}? [y/N] ")?;
        let mut answer = String::new();
        stdin().read_line(&mut answer)?;
        let is_given = matches!(answer.trim(), "y" | "Y" | "yes");
        if !is_given {
            print_note("Nothing is done.");
        }
        Ok(is_given)
    }
}

impl Held {
    /// Returns the selected dead letters of a subscription. A dead letter without a source counts, since only one that was too
    /// large for it has none.
    fn select(&self, selection: &Selection, subscription: &str) -> Result<Vec<&Letter>, String> {
        let of_subscription = self.of(subscription);
        let found = of_subscription.len();
        let is_selected = |letter: &&Letter| match &selection.group {
            Some(group) => letter.group().group == *group,
            None => {
                selection.is_all()
                    || selection.id.contains(&letter.id)
                    || letter
                        .original_id()
                        .is_some_and(|id| selection.id.iter().any(|one| one == id))
            }
        };
        let selected: Vec<_> = of_subscription.into_iter().filter(is_selected).collect();
        match selected.is_empty() && !selection.is_all() {
            true => Err(format!(
                "none of the {found} dead letters of {subscription} is selected: dead-letters list shows the groups, and show --all the ids"
            )),
            false => Ok(selected),
        }
    }

    /// Returns the dead letters of a subscription that are in an edited file, with the file's content.
    fn edited<'a>(&self, edited: &'a [Letter], subscription: &str) -> Vec<&'a Letter> {
        let held = self.of(subscription);
        let is_held = |letter: &&Letter| held.iter().any(|one| one.id == letter.id);
        let found: Vec<_> = edited.iter().filter(is_held).collect();
        let missing = edited.len() - found.len();
        if missing > 0 {
            print_note(&format!(
                "{missing} lines of the file are not among the {} dead letters of {subscription}",
                held.len()
            ));
        }
        found
    }

    fn of(&self, subscription: &str) -> Vec<&Letter> {
        let is_of = |letter: &&Letter| {
            let source = letter.source();
            source.is_none_or(|name| name.rsplit('/').next() == Some(subscription))
        };
        self.letters.iter().filter(is_of).collect()
    }
}
