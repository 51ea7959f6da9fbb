//! `pushgate dead-letters`: lists, shows, replays, discards, exports and imports dead letters.

mod arguments;
mod audit;
mod file;
mod held;
mod letter;
mod list;
mod pace;
mod replay;
mod route;
mod selected;

use std::error::Error;

pub(super) use self::arguments::Arguments;
use self::arguments::{Action, Discard, Of, Replay};
use self::audit::{Audit, Entry};
use self::held::Held;
use self::letter::Letter;
use self::replay::Replaying;
use self::route::{Route, Target};
use self::selected::{Selected, edited, select};
use super::google::Google;
use super::process::{Signals, print};
use super::progress::print_note;
use crate::environment::Environment;
use crate::loggable::whole_chain;
use crate::service::Service;

/// The end of `--help`.
pub(super) const HELP: &str = "\
A command takes the dead letters from the subscription that keeps them, holds them until it ends, and gives back those that
it did not end. Meanwhile nobody else receives them. Dead letters that arrive later are not part of the command.

A replay is posted to the endpoint of the one subscription that failed, with an ID token of its push account, as Pub/Sub
does it; no other subscription receives it. With --to-topic it is published to the topic, to all its subscriptions.
The dead letter is acknowledged after the service has acknowledged the replay. The message runs again, also if its key is
recorded as done, and each dead letter runs once for it, however often its replay is repeated. A dead letter that was edited or imported
is kept if a replay of it has run already: import it with --again to run it once more.

With PUBSUB_EMULATOR_HOST=HOST:PORT the commands use an emulator. Otherwise Google's application default credentials are used;
they need roles/pubsub.subscriber on the dead-letter subscription, roles/pubsub.viewer on the one that failed, and
roles/iam.serviceAccountOpenIdTokenCreator on its push account. An import needs roles/pubsub.publisher on the dead-letter topic
and roles/pubsub.viewer on its subscription, and --to-topic roles/pubsub.publisher on the topic.

Exit status: 0 if everything was done, 1 if something was not, 2 if the arguments are invalid.";

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
            again,
            file,
            place,
        } => {
            let keeper = place.keeper_of(service.declared(&subscription)?);
            let google = place.google(&environment).await?;
            let keeper = google.subscription_name(keeper);
            let topic = google.subscription(&keeper).await?.topic;
            file::import(&file, again, &topic, environment).await
        }
        Action::Show(of) => {
            let (google, held) = of.hold(service, &environment).await?;
            let shown = show(&google, &held, &of);
            held.release().await;
            shown
        }
        Action::Discard(arguments) => {
            let (google, held) = arguments.of.hold(service, &environment).await?;
            let done = discard(&google, &held, &arguments).await;
            held.release().await;
            done
        }
        Action::Export(of) => {
            let (google, held) = of.hold(service, &environment).await?;
            let written = file::export(&google, &held, &of);
            held.release().await;
            written
        }
    }
}

fn show(google: &Google, held: &Held, of: &Of) -> Result<(), Box<dyn Error>> {
    let selected = select(google, held, of)?;
    for letter in &selected.letters {
        print(&format!("{letter}\n"))?;
    }
    selected.complete()
}

async fn run_replay(
    service: &Service,
    arguments: Replay,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    // The file is read first, since a fault in it should hold no dead letters.
    let file = arguments.edited.as_deref().map(file::read).transpose()?;
    let (google, held) = arguments.of.hold(service, &environment).await?;
    let done = async {
        let target = Target::new(&google, &arguments.of.subscription);
        let route = match arguments.to_topic {
            true => Route::topic(&google, &target.name, environment).await?,
            false => Route::push(&google, &target.name).await?,
        };
        let selected = match &file {
            Some(file) => edited(&google, &held, file, target.id),
            None => select(&google, &held, &arguments.of)?,
        };
        let selected = within(selected, arguments.max_replays);
        if !is_wanted(&selected.letters, &arguments)? {
            return Ok(());
        }
        let replaying = Replaying {
            held: &held,
            route: &route,
            target: &target,
            is_edited: file.is_some(),
            audit: Audit {
                is_json: arguments.consent.json,
            },
        };
        let signals = Signals::listen()?;
        let replayed = replaying.all(&selected.letters, arguments.rate, signals);
        replayed.await?;
        selected.complete()
    };
    let done = done.await;
    held.release().await;
    done
}

/// Shows the groups of the dead letters, and asks.
fn is_wanted(letters: &[&Letter], arguments: &Replay) -> Result<bool, Box<dyn Error>> {
    let to = match arguments.to_topic {
        true => "the topic, to all its subscriptions",
        false => "the subscription alone",
    };
    let (count, id) = (letters.len(), &arguments.of.subscription);
    list::print_groups(letters);
    let question = format!("Replay {count} dead letters of {id} to {to}");
    arguments.consent.is_given(&question)
}

/// Leaves out the dead letters that were replayed too often.
fn within(selected: Selected<'_>, max_replays: u32) -> Selected<'_> {
    let (letters, beyond): (Vec<_>, Vec<_>) = selected
        .letters
        .into_iter()
        .partition(|letter| letter.replays() < max_replays);
    if !beyond.is_empty() {
        let count = beyond.len();
        print_note(&format!(
            "{count} dead letters are kept, since they were replayed {max_replays} times or more: see --max-replays"
        ));
    }
    Selected {
        letters,
        are_all: selected.are_all && beyond.is_empty(),
    }
}

async fn discard(google: &Google, held: &Held, arguments: &Discard) -> Result<(), Box<dyn Error>> {
    let Discard {
        of,
        reason,
        consent,
    } = arguments;
    let selected = select(google, held, of)?;
    list::print_groups(&selected.letters);
    let count = selected.letters.len();
    let question = format!("Delete {count} dead letters of {}", of.subscription);
    if !consent.is_given(&question)? {
        return Ok(());
    }
    let audit = Audit {
        is_json: consent.json,
    };
    for letter in &selected.letters {
        let acked = held.ack(&letter.id).await;
        let result = match &acked {
            Ok(()) => Ok(reason.clone()),
            Err(error) => Err(format!("it may be deleted: {}", whole_chain(error))),
        };
        audit.print(&Entry::new("discard", &of.subscription, letter, &result))?;
        acked?;
    }
    selected.complete()
}
