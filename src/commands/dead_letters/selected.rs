//! The dead letters that a command holds, by its arguments.

use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

use super::arguments::{Of, Place};
use super::held::{Held, HeldError};
use super::letter::Letter;
use crate::commands::google::Google;
use crate::commands::progress::print_note;
use crate::environment::Environment;
use crate::service::Service;

/// The time after which no more dead letters are expected at Google. An emulator answers at once.
const WAIT_SECONDS: u64 = 5;

/// Dead letters of one subscription.
pub(super) struct Selected<'a> {
    pub(super) letters: Vec<&'a Letter>,
    /// False if there may be more, or if some that were named are not available.
    pub(super) are_all: bool,
}

impl Selected<'_> {
    /// Returns the error of a command that did its work for these only.
    pub(super) fn complete(&self) -> Result<(), Box<dyn Error>> {
        match self.are_all {
            true => Ok(()),
            false => Err("some dead letters are left: the same command continues".into()),
        }
    }
}

/// Returns the selected ones of the held dead letters. One without a source is selected by its id only.
pub(super) fn select<'a>(google: &Google, held: &'a Held, of: &Of) -> Result<Selected<'a>, String> {
    let (selection, id) = (&of.selection, &of.subscription);
    let is_named = |letter: &Letter| {
        let ids = [Some(letter.id.as_str()), letter.original_id()];
        selection.id.iter().any(|one| ids.contains(&Some(one)))
    };
    let is_of = |letter: &Letter| letter.is_of(&google.project, id);
    let is_selected = |letter: &&Letter| match &selection.group {
        _ if !selection.id.is_empty() => {
            is_named(letter) && (is_of(letter) || !letter.has_source())
        }
        _ if selection.all => is_of(letter),
        Some(group) => is_of(letter) && letter.group().group == *group,
        None => is_of(letter), // the default of commands that change nothing
    };
    let letters: Vec<_> = held.letters.iter().filter(is_selected).collect();
    let is_found = |one: &&String| {
        let mut found = letters.iter();
        found.any(|letter| letter.id == **one || letter.original_id() == Some(one))
    };
    let missing: Vec<_> = selection.id.iter().filter(|one| !is_found(one)).collect();
    if let Some(first) = missing.first() {
        return Err(format!(
            "{first:?} is not among the available dead letters of {id}: dead-letters show {id} has their ids"
        ));
    }
    if letters.is_empty() && selection.group.is_some() {
        return Err(format!(
            "no available dead letter of {id} is in this group: dead-letters list {id} has the groups"
        ));
    }
    Ok(Selected {
        letters,
        are_all: held.are_all,
    })
}

/// Returns the dead letters that are in an edited file, with the file's content.
pub(super) fn edited<'a>(
    google: &Google,
    held: &Held,
    file: &'a [Letter],
    id: &str,
) -> Selected<'a> {
    let of_subscription = held
        .letters
        .iter()
        .filter(|letter| !letter.has_source() || letter.is_of(&google.project, id));
    let available: HashSet<_> = of_subscription.map(|letter| &letter.id).collect();
    let letters: Vec<_> = file
        .iter()
        .filter(|line| available.contains(&line.id))
        .collect();
    let missing = file.len() - letters.len();
    if missing > 0 {
        print_note(&format!(
            "{missing} lines of the file are not among the available dead letters of {id}"
        ));
    }
    Selected {
        letters,
        are_all: missing == 0,
    }
}

impl Of {
    /// Holds the dead letters of the subscription, and of those that share its dead-letter topic.
    pub(super) async fn hold(
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
    pub(super) async fn hold(&self, google: &Google, keeper: &str) -> Result<Held, HeldError> {
        let wait = self.wait.unwrap_or(match google.is_emulator() {
            true => 0,
            false => WAIT_SECONDS,
        });
        let (name, limit) = (google.subscription_name(keeper), self.limit as usize);
        let held = Held::collect(google, &name, limit, Duration::from_secs(wait)).await?;
        if !held.are_all {
            let count = held.letters.len();
            print_note(&format!(
                "{keeper} may have more dead letters than these {count}: see --limit"
            ));
        }
        Ok(held)
    }
}
