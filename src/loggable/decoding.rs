//! Decodes JSON. The errors may be logged: they name places and expectations, never a value.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeSeed;

use crate::loggable::strict::{Clean, Step, Strict, Trail};

/// Decodes one JSON document. A struct is read from an object only.
///
/// # Errors
/// The place that does not fit, and the expectation there.
pub(crate) fn decode<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, String> {
    decode_noting(text, &Trail::default())
}

/// Decodes one JSON document, and records facts about it in `trail`.
pub(crate) fn decode_noting<'de, T: Deserialize<'de>>(
    text: &'de [u8],
    trail: &Trail,
) -> Result<T, String> {
    decode_seed(text, trail, PhantomData::<T>)
}

/// Decodes one JSON document with a seed.
pub(crate) fn decode_seed<'de, S: DeserializeSeed<'de>>(
    text: &'de [u8],
    trail: &Trail,
    seed: S,
) -> Result<S::Value, String> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let decoded = seed.deserialize(Strict::new(&mut json, trail));
    let decoded = decoded.map_err(|Clean(error)| {
        let place = place(&trail.steps());
        format!("{place}{}: {}", position(&error), expectation(&error))
    })?;
    json.end()
        .map_err(|error| format!("more data after the JSON document{}", position(&error)))?;
    Ok(decoded)
}

/// Formats a path, cut after 16 steps.
fn place(steps: &[Step]) -> String {
    const DEEPEST: usize = 16;
    let mut place = String::new();
    for step in steps.iter().take(DEEPEST) {
        match step {
            Step::Index(index) => place.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                place.push_str(if place.is_empty() { "" } else { "." });
                place.push_str(key.as_deref().unwrap_or("…"));
            }
        }
    }
    if place.is_empty() {
        "the document".to_owned()
    } else {
        format!("`{place}`")
    }
}

/// Formats the line and column of an error.
fn position(error: &serde_json::Error) -> String {
    match error.line() {
        0 => String::new(),
        line => format!(" (line {line}, column {})", error.column()),
    }
}

/// Returns the expectation of an error without the value that was found: `serde_json` may quote it before the last "expected".
fn expectation(error: &serde_json::Error) -> String {
    if error.is_syntax() || error.is_eof() {
        return "not valid JSON".to_owned();
    }
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(before, _)| before);
    if text.starts_with("missing field `") {
        return text.to_owned();
    }
    if let Some(field) = text.strip_prefix("duplicate field ") {
        return format!("field {field} is given twice");
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "wrong value".to_owned(),
    }
}
