//! Texts that may be logged: errors without values, excerpts, names made of hashes.

pub(crate) mod decoding;
pub(crate) mod encoding;
pub(crate) mod hash;
pub(crate) mod strict;

use std::error::Error;

/// Longer than any error that a person reads to its end.
const CHAIN_LIMIT_CHARACTERS: usize = 2000;

/// An error and all its sources in one line, cut where nobody reads on.
pub(crate) fn chain(error: &dyn Error) -> String {
    whole_chain(error)
        .chars()
        .take(CHAIN_LIMIT_CHARACTERS)
        .collect()
}

/// An error and all its sources. Some libraries repeat their source; that is said once.
pub(crate) fn whole_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

const EXCERPT_LIMIT_CHARACTERS: usize = 300;

/// Returns the beginning of a text from outside, short enough for a log line.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_LIMIT_CHARACTERS).collect()
}
