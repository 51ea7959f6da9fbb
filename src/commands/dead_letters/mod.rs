//! `pushgate dead-letters`: lists, shows, replays, discards, exports and imports dead letters.

mod arguments;
mod audit;
mod file;
mod held;
mod letter;
mod list;
mod replay;

use std::error::Error;

pub(super) use self::arguments::Arguments;
use self::arguments::{Action, Discard, Of, Replay};
use self::audit::{Audit, Entry};
use self::held::Held;
use self::letter::Letter;
use self::replay::{Replaying, Route, Target};
use super::process::{Signals, print};
use super::progress::print_note;
use crate::environment::Environment;
use crate::service::Service;

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
    // The file is read first, since a fault in it should hold no dead letters.
    let edited = arguments.edited.as_deref().map(file::read).transpose()?;
    let (google, held) = arguments.of.hold(service, &environment).await?;
    let done = async {
        let target = Target::new(&google, &arguments.of.subscription);
        let route = match arguments.to_topic {
            true => Route::topic(&google, &target.name, environment).await?,
            false => Route::push(&google, &target.name).await?,
        };
        let letters = match &edited {
            Some(edited) => held.edited(edited, target.id),
            None => held.select(&arguments.of.selection, target.id)?,
        };
        let letters = within(letters, arguments.max_replays);
        if !is_wanted(&letters, &arguments)? {
            return Ok(());
        }
        let replaying = Replaying {
            held: &held,
            route: &route,
            target: &target,
            audit: Audit {
                is_json: arguments.consent.json,
            },
        };
        let signals = Signals::listen()?;
        replaying.all(&letters, arguments.rate, signals).await
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
