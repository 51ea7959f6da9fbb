//! The groups of dead letters, with their numbers and ages.

use std::collections::BTreeMap;
use std::error::Error;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::arguments::Place;
use super::held::HeldError;
use super::letter::{Group, Letter, printable};
use crate::commands::google::Google;
use crate::commands::process::print;
use crate::commands::progress::print_note;
use crate::loggable::whole_chain;
use crate::subscriber::Subscriber;

/// The table without a row.
const NONE: &str = "no dead letters are available: those that another command holds, or held less than 20 s ago, are not shown\n";

/// One group, as a line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(flatten)]
    group: &'a Group,
    count: usize,
    #[serde(with = "time::serde::rfc3339")]
    oldest: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    newest: OffsetDateTime,
    most_replays: u32,
}

/// Prints the groups of all these subscribers, and gives the dead letters back.
pub(super) async fn list(
    google: &Google,
    subscribers: &[Subscriber],
    place: &Place,
    is_json: bool,
) -> Result<(), Box<dyn Error>> {
    let keepers = subscribers.iter().map(|one| place.keeper_of(one));
    let mut keepers: Vec<_> = keepers.collect();
    keepers.sort_unstable();
    keepers.dedup();
    let mut letters = Vec::new();
    let mut are_all = true;
    for keeper in keepers {
        let held = match place.hold(google, keeper).await {
            Err(HeldError::Google(error)) if error.is_not_found() => {
                print_note(&whole_chain(&error));
                are_all = false;
                continue;
            }
            held => held?,
        };
        // One without a source may be of each subscription.
        let is_shown = |letter: &&Letter| {
            let is_of = |one: &Subscriber| letter.is_of(&google.project, &one.id);
            !letter.has_source() || subscribers.iter().any(is_of)
        };
        letters.extend(held.letters.iter().filter(is_shown).cloned());
        are_all &= held.are_all;
        held.release().await;
    }
    let letters: Vec<_> = letters.iter().collect();
    let groups = grouped(&letters);
    if is_json {
        for line in lines(&groups) {
            print(&format!("{}\n", serde_json::to_string(&line)?))?;
        }
    } else {
        print(&table(&groups))?;
    }
    match are_all {
        true => Ok(()),
        false => Err("not all dead letters are listed".into()),
    }
}

/// Prints the groups of dead letters before something is done with them.
pub(super) fn print_groups(letters: &[&Letter]) {
    print_note(table(&grouped(letters)).trim_end());
}

fn grouped<'a>(letters: &[&'a Letter]) -> BTreeMap<Group, Vec<&'a Letter>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for &letter in letters {
        groups.entry(letter.group()).or_default().push(letter);
    }
    groups
}

fn lines<'a>(groups: &'a BTreeMap<Group, Vec<&Letter>>) -> impl Iterator<Item = Line<'a>> {
    groups.iter().filter_map(|(group, letters)| {
        let times = || letters.iter().map(|letter| letter.publish_time);
        let replays = letters.iter().map(|letter| letter.replays());
        Some(Line {
            group,
            count: letters.len(),
            oldest: times().min()?,
            newest: times().max()?,
            most_replays: replays.max()?,
        })
    })
}

fn table(groups: &BTreeMap<Group, Vec<&Letter>>) -> String {
    if groups.is_empty() {
        return NONE.into();
    }
    let mut text = format!(
        "{:<8}  {:<28} {:>6}  {:<20}  {:<20}  {}\n",
        "GROUP", "SUBSCRIPTION", "COUNT", "OLDEST", "NEWEST", "REASON"
    );
    for line in lines(groups) {
        let Group {
            group,
            subscription,
            reason,
            error,
        } = line.group;
        let reason = match error.is_empty() {
            true => reason.clone(),
            false => printable(&format!("{reason}: {error}")),
        };
        let replays = match line.most_replays {
            0 => String::new(),
            most => format!(" (replayed up to {most} times)"),
        };
        let (count, oldest, newest) = (line.count, second(line.oldest), second(line.newest));
        text += &format!(
            "{group:<8}  {subscription:<28} {count:>6}  {oldest:<20}  {newest:<20}  {reason}{replays}\n"
        );
    }
    text
}

/// Returns the time without fractions of a second.
fn second(time: OffsetDateTime) -> String {
    let whole = time.truncate_to_second();
    whole.format(&Rfc3339).unwrap_or_default()
}
