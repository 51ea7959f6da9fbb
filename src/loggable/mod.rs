//! Texts that may be logged: errors without values, excerpts, hashes.

pub(crate) mod decoding;
pub(crate) mod encoding;
pub(crate) mod hash;
pub(crate) mod strict;

use std::error::Error;

const CHAIN_LIMIT_CHARACTERS: usize = 2000;

/// Returns an error and its sources in one line, cut after 2,000 characters.
pub(crate) fn chain(error: &dyn Error) -> String {
    whole_chain(error)
        .chars()
        .take(CHAIN_LIMIT_CHARACTERS)
        .collect()
}

/// Returns an error and its sources. A source that the error already quotes is not repeated.
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
