//! Decoding with serde into errors that can be logged: they name places and expectations, never a value.

use serde::de::DeserializeOwned;

/// Decodes, or says where it does not fit and what was expected there.
pub(crate) fn decode<'de, T: DeserializeOwned>(
    source: impl serde::Deserializer<'de, Error = serde_json::Error>,
) -> Result<T, String> {
    serde_path_to_error::deserialize(source).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => "the document".to_owned(),
            path => format!("`{path}`"),
        };
        format!(
            "{place}{}: {}",
            position(error.inner()),
            expectation(error.inner())
        )
    })
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
