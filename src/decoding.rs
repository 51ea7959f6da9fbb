//! Decoding with serde into errors that can be logged: they name places and expectations, never a value.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// Decodes, or says where it does not fit and what was expected there.
pub(crate) fn decode<'de, T: DeserializeOwned>(
    source: impl serde::Deserializer<'de, Error = serde_json::Error>,
) -> Result<T, String> {
    serde_path_to_error::deserialize(source).map_err(|error| {
        let place = place(error.path());
        format!(
            "{place}{}: {}",
            position(error.inner()),
            expectation(error.inner())
        )
    })
}

/// The path within limits. A key of a map is data, so it is shown only if it looks like the name of a field.
fn place(path: &Path) -> String {
    const DEEPEST: usize = 16;
    let is_name = |key: &str| {
        key.len() <= 64
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let mut place = String::new();
    for segment in path.iter().take(DEEPEST) {
        match segment {
            Segment::Seq { index } => place.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                place.push_str(if place.is_empty() { "" } else { "." });
                place.push_str(if is_name(key) { key } else { "…" });
            }
            Segment::Unknown => place.push('…'),
        }
    }
    if place.is_empty() {
        "the document".to_owned()
    } else {
        format!("`{place}`")
    }
}

/// Where in a text; a value that was parsed before has no lines.
pub(crate) fn position(error: &serde_json::Error) -> String {
    match error.line() {
        0 => String::new(),
        line => format!(" (line {line}, column {})", error.column()),
    }
}

/// What serde wanted, without what it found: the texts of `serde_json` quote values before the last "expected".
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
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "wrong value".to_owned(),
    }
}
