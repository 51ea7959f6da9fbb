//! Exported dead letters: a line of JSON each.

use std::collections::HashSet;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::Path;

use super::arguments::Of;
use super::held::Held;
use super::letter::Letter;

use super::selected::select;
use crate::commands::google::Google;
use crate::commands::process::print_all;
use crate::commands::progress::{Progress, print_note};
use crate::environment::Environment;
use crate::publisher::{Channel, Settings};

/// Prints the selected dead letters of a subscription.
pub(super) fn export(google: &Google, held: &Held, of: &Of) -> Result<(), Box<dyn Error>> {
    let selected = select(google, held, of)?;
    for letter in &selected.letters {
        print_all(&format!("{}\n", serde_json::to_string(letter)?))?;
    }
    print_note(&format!("{} dead letters exported", selected.letters.len()));
    selected.complete()
}

/// Reads all lines of a file, or of the standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<Letter>, String> {
    let name = path.display();
    let source: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(stdin()),
        false => {
            Box::new(File::open(path).map_err(|error| format!("cannot open {name}: {error}"))?)
        }
    };
    let lines = serde_json::Deserializer::from_reader(BufReader::new(source)).into_iter();
    let mut ids = HashSet::new();
    lines
        .enumerate()
        .map(|(index, line)| {
            let number = index + 1;
            let letter: Letter = line.map_err(|error| {
                format!("dead letter {number} of {name} is not an exported one: {error}")
            })?;
            match ids.insert(letter.id.clone()) {
                true => Ok(letter),
                false => Err(format!(
                    "dead letter {number} of {name} repeats the id {}",
                    letter.id
                )),
            }
        })
        .collect()
}

/// Publishes the lines to a dead-letter topic.
pub(super) async fn import(
    path: &Path,
    again: bool,
    topic: &str,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let letters = read(path)?;
    let channel = Channel::open(topic, environment, Settings::default()).await?;
    let mut progress = Progress::new(["imported", ""], true);
    for letter in &letters {
        let failed =
            |error: Box<dyn Error>| format!("dead letter {} is not imported: {error}", letter.id);
        let draft = letter
            .imported(again)
            .map_err(|error| failed(error.into()))?;
        let sent = channel.enqueue(draft).await;
        let sent = sent.map_err(|error| failed(error.into()))?;
        sent.await.map_err(|error| failed(error.into()))?;
        progress.done += 1;
        progress.update();
    }
    progress.print();
    Ok(())
}
