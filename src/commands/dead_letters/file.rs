//! Exported dead letters: a line of JSON each.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::Path;

use super::arguments::Of;
use super::held::Held;
use super::letter::Letter;

use crate::commands::process::print;
use crate::commands::progress::{Progress, print_note};
use crate::environment::Environment;
use crate::publisher::{Channel, Settings};

/// Prints the selected dead letters of a subscription.
pub(super) fn export(held: &Held, of: &Of) -> Result<(), Box<dyn Error>> {
    let letters = held.select(&of.selection, &of.subscription)?;
    for letter in &letters {
        print(&format!("{}\n", serde_json::to_string(letter)?))?;
    }
    print_note(&format!("{} dead letters exported", letters.len()));
    Ok(())
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
    lines
        .enumerate()
        .map(|(index, line)| {
            let number = index + 1;
            line.map_err(|error| {
                format!("dead letter {number} of {name} is not an exported one: {error}")
            })
        })
        .collect()
}

/// Publishes the lines to a dead-letter topic.
pub(super) async fn import(
    path: &Path,
    topic: &str,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let letters = read(path)?;
    let channel = Channel::open(topic, environment, Settings::default()).await?;
    let mut progress = Progress::new(["imported", ""], true);
    for letter in &letters {
        let failed =
            |error: Box<dyn Error>| format!("dead letter {} is not imported: {error}", letter.id);
        let draft = letter.imported().map_err(|error| failed(error.into()))?;
        let sent = channel.enqueue(draft).await;
        let sent = sent.map_err(|error| failed(error.into()))?;
        sent.await.map_err(|error| failed(error.into()))?;
        progress.done += 1;
        progress.update();
    }
    progress.print();
    Ok(())
}
