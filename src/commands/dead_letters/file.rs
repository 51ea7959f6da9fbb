//! Exported dead letters: a line of JSON each.

use std::collections::HashSet;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use super::arguments::Of;
use super::held::{Held, LIMIT_BYTES};
use super::letter::Letter;
use super::selected::select;
use crate::commands::google::Google;
use crate::commands::lines::{Line, lines, read_ahead};
use crate::commands::process::print_all;
use crate::commands::progress::{Progress, print_note};
use crate::environment::Environment;
use crate::publisher::{Channel, Settings};

/// The most bytes of a line: 10 MB of data, of which JSON may write each byte as six, with its attributes.
const LINE_BYTES: u64 = 64 << 20;
/// The most lines of a file, whose ids are kept to find one that is repeated.
const LINES: usize = 1_000_000;

/// Prints the selected dead letters of a subscription.
pub(super) fn export(google: &Google, held: &Held, of: &Of) -> Result<(), Box<dyn Error>> {
    let selected = select(google, held, of)?;
    for letter in &selected.letters {
        print_all(&format!("{}\n", serde_json::to_string(letter)?))?;
    }
    print_note(&format!("{} dead letters exported", selected.letters.len()));
    selected.complete()
}

/// Opens a file, or the standard input for `-`.
fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, String> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = File::open(path);
    let file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Reads the dead letters of all lines, which may have as many bytes as a command holds.
pub(super) fn read(path: &Path) -> Result<Vec<Letter>, String> {
    let name = path.display().to_string();
    read_within(LIMIT_BYTES, lines(open(path)?, LINE_BYTES), &name)
}

fn read_within(
    limit: usize,
    lines: impl Iterator<Item = Line>,
    name: &str,
) -> Result<Vec<Letter>, String> {
    let mut parser = Parser::new(name);
    let (mut letters, mut bytes) = (Vec::new(), 0);
    for line in lines {
        if let Some(letter) = parser.parse(line)? {
            bytes += letter.bytes();
            letters.push(letter);
        }
        if bytes > limit {
            return Err(format!(
                "the dead letters of {name} have more than {limit} bytes: divide the file"
            ));
        }
    }
    Ok(letters)
}

/// Parses the lines of a file, in which each id occurs once.
struct Parser<'a> {
    /// The name of the file.
    name: &'a str,
    ids: HashSet<String>,
}

impl<'a> Parser<'a> {
    fn new(name: &'a str) -> Self {
        let ids = HashSet::new();
        Self { name, ids }
    }

    /// Parses a line. Returns `None` for a blank one.
    fn parse(&mut self, Line { number, text }: Line) -> Result<Option<Letter>, String> {
        let at = format!("line {} of {}", number.unwrap_or(1), self.name);
        let text = text.map_err(|error| format!("{at}: {error}"))?;
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let letter: Letter = serde_json::from_slice(&text)
            .map_err(|error| format!("{at} is not an exported dead letter: {error}"))?;
        if self.ids.len() == LINES {
            return Err(format!(
                "{at}: more than {LINES} dead letters: divide the file"
            ));
        }
        match self.ids.insert(letter.id.clone()) {
            true => Ok(Some(letter)),
            false => Err(format!("{at} repeats the id {}", letter.id)),
        }
    }
}

/// Publishes the lines to a dead-letter topic, each as it is read.
pub(super) async fn import(
    path: &Path,
    again: bool,
    topic: &str,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let name = path.display().to_string();
    let mut lines = read_ahead(lines(open(path)?, LINE_BYTES), 1);
    let channel = Channel::open(topic, environment, Settings::default()).await?;
    let mut parser = Parser::new(&name);
    let mut progress = Progress::new(["imported", ""], true);
    while let Some(line) = lines.recv().await {
        let imported = match parser.parse(line) {
            Ok(Some(letter)) => import_one(&letter, again, &channel).await,
            Ok(None) => continue,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = imported {
            progress.print();
            return Err(error);
        }
        progress.done += 1;
        progress.update();
    }
    progress.print();
    Ok(())
}

async fn import_one(letter: &Letter, again: bool, channel: &Channel) -> Result<(), Box<dyn Error>> {
    let failed =
        |error: Box<dyn Error>| format!("dead letter {} is not imported: {error}", letter.id);
    let draft = letter
        .imported(again)
        .map_err(|error| failed(error.into()))?;
    let sent = channel.enqueue(draft).await;
    let sent = sent.map_err(|error| failed(error.into()))?;
    sent.await.map_err(|error| failed(error.into()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id": "1", "publishTime": "2026-12-01T00:00:00Z", "attributes": {}, "text": "0123456789"}"#;

    fn read_text(limit: usize, text: &str, most: u64) -> Result<Vec<Letter>, String> {
        read_within(limit, lines(text.as_bytes(), most), "a.jsonl")
    }

    #[test]
    fn a_file_that_takes_too_much_memory_is_refused() {
        let two = format!("{LINE}\n\n{}\n", LINE.replace("\"1\"", "\"2\""));
        assert_eq!(read_text(20, &two, 1_000).expect("20 bytes").len(), 2);
        let error = read_text(19, &two, 1_000).expect_err("too large");
        assert!(
            error.contains("of a.jsonl have more than 19 bytes"),
            "{error}"
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_refused() {
        let error = read_text(1_000, LINE, 20).expect_err("too long");
        assert_eq!(error, "line 1 of a.jsonl: longer than 20 bytes");
    }
}
