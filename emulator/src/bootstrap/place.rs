//! The places of errors in a file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_saphyr::{Error, Location};

use crate::error::ApiError;

/// The most characters of a line that are shown.
const EXCERPT_LETTERS: usize = 40;

/// A file that is being read.
pub(super) struct Source {
    /// The name of the file in errors.
    pub(super) name: String,
    /// The folder for relative paths.
    pub(super) folder: PathBuf,
}

/// Reads a UTF-8 file, without its byte order mark.
///
/// # Errors
/// The reason, which follows the name of the file.
pub(super) fn read_text(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let is_utf_16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    let text = String::from_utf8(bytes).map_err(|_| {
        let found = if is_utf_16 {
            "is UTF-16"
        } else {
            "is not UTF-8"
        };
        format!("{found}, expected UTF-8")
    })?;
    Ok(match text.strip_prefix('\u{FEFF}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

/// An error in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BootstrapFault {
    /// The file.
    pub file: String,
    /// The line and the column, starting with 1. `None` for an error of the whole file.
    pub place: Option<(u64, u64)>,
    /// The text: the value that was found, and the expected one.
    pub text: String,
}

/// All errors in files, each on one line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the bootstrap files cannot be used:\n{}", .0.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n"))]
pub struct BootstrapError(pub Vec<BootstrapFault>);

impl BootstrapFault {
    pub(super) fn new(source: &Source, location: Location, text: impl Into<String>) -> Self {
        let is_known = location != Location::UNKNOWN;
        Self {
            file: source.name.clone(),
            place: is_known.then(|| (location.line(), location.column())),
            text: text.into(),
        }
    }

    /// Returns the parser's text, or a plainer one.
    pub(super) fn of_form(source: &Source, text: &str, error: &Error) -> Self {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let found = || excerpt(text, location);
        let text = match error {
            Error::SerdeUnknownField {
                field, expected, ..
            } => unknown("key", field, expected),
            Error::SerdeUnknownVariant {
                variant, expected, ..
            } => unknown("value", variant, expected),
            Error::SerdeMissingField { field, .. } => format!("{field:?} is missing"),
            Error::SerdeInvalidType {
                unexpected,
                expected,
                ..
            }
            | Error::SerdeInvalidValue {
                unexpected,
                expected,
                ..
            } => format!("found {unexpected}, expected {expected}"),
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("{key:?} occurs twice, expected once")
            }
            Error::Unexpected { expected, .. } => {
                format!("found {}, expected {}", found(), kind(expected))
            }
            Error::InvalidBooleanStrict { .. } => {
                format!("found {}, expected true or false", found())
            }
            Error::InvalidScalar { ty, .. } => format!("found {}, expected {}", found(), kind(ty)),
            Error::MultipleDocuments { .. } => "found a second document, expected one".to_owned(),
            Error::Message { msg, .. } => msg.clone(),
            other => first_line(&other.to_string()),
        };
        Self::new(source, location, text)
    }
}

impl fmt::Display for BootstrapFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, text } = self;
        match place {
            Some((line, column)) => write!(formatter, "{file}:{line}:{column}: {text}"),
            None => write!(formatter, "{file}: {text}"),
        }
    }
}

/// Returns the error of an unknown word, with a similar known word or with all known words.
pub(super) fn unknown(what: &str, found: &str, known: &[impl AsRef<str>]) -> String {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    match nearest(found, &known) {
        Some(near) => format!("unknown {what} {found:?}, did you mean {near:?}?"),
        None if known.is_empty() => format!("unknown {what} {found:?}, expected none"),
        None => format!("unknown {what} {found:?}, expected {}", known.join(", ")),
    }
}

/// Returns the most similar name: at most a third of it differs, or one is a prefix of the other.
fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = plain(found);
    let candidates = known.iter().filter_map(|known| {
        let other = self::plain(known);
        let is_begun = plain.len() >= 3 && (other.starts_with(&plain) || plain.starts_with(&other));
        let distance = distance(&plain, &other);
        let is_near = is_begun || 3 * distance <= plain.chars().count().max(other.len());
        is_near.then_some((distance, *known))
    });
    candidates.min().map(|(_, known)| known)
}

/// Removes common differences: case, hyphens and underscores.
fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns the edit distance: the number of inserted, removed or changed letters.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        let mut left = index + 1;
        for ((above, before), same) in row.iter().skip(1).zip(&row).zip(&other) {
            let change = before + usize::from(*same != letter);
            left = change.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Returns an excerpt of the text at a place.
fn excerpt(text: &str, location: Location) -> String {
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let line = text.lines().nth(place(location.line()).saturating_sub(1));
    let line = line.unwrap_or_default().chars();
    let rest: String = line
        .skip(place(location.column()).saturating_sub(1))
        .collect();
    let rest = rest.trim_end();
    if rest.is_empty() {
        return "nothing".to_owned();
    }
    let is_cut = rest.chars().count() > EXCERPT_LETTERS;
    let shown: String = rest.chars().take(EXCERPT_LETTERS).collect();
    format!("{shown}{}", if is_cut { "…" } else { "" })
}

/// Returns a plain name for a kind of YAML value.
fn kind(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys, each with a colon and its value",
        "sequence start" => "a list",
        "boolean" => "true or false",
        "u32" | "u64" => "a whole number that is not negative",
        "f64" => "a number",
        other => other,
    }
}

/// Returns the parser's text without the place, which precedes it.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let words = line
        .rsplit_once(" at line ")
        .map_or(line, |(words, _)| words);
    words.to_owned()
}

/// Returns an error with the text of one of Google's rules and its place.
pub(super) fn rejected(source: &Source, location: Location, error: &ApiError) -> BootstrapFault {
    BootstrapFault::new(source, location, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = [
        "ackDeadlineSeconds",
        "push",
        "pushConfig",
        "deadLetterPolicy",
    ];

    fn check(found: &str, meant: Option<&str>) {
        assert_eq!(nearest(found, &KEYS), meant, "{found}");
    }

    #[test]
    fn the_key_that_was_probably_meant_is_found() {
        check("ack_deadline_seconds", Some("ackDeadlineSeconds"));
        check("ackDeadline", Some("ackDeadlineSeconds"));
        check("pushconfig", Some("pushConfig"));
        check("puhs", None);
        check("pussh", Some("push"));
        check("deadLeterPolicy", Some("deadLetterPolicy"));
        check("retries", None);
        check("", None);
    }

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("push", "push", 0),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
