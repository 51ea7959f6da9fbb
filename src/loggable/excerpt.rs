//! Texts from strangers, short enough for a log line.

const LIMIT_CHARACTERS: usize = 300;

/// The beginning of the text.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(LIMIT_CHARACTERS).collect()
}
