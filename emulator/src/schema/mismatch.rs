//! The place and the reason of a mismatch between a message and its schema.

use std::fmt;

/// The most bytes of a reason that are shown. Parsers quote their input, and a gRPC status travels in a header.
const MAX_REASON_CHARACTERS: usize = 500;

/// The place and the reason of a mismatch.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// The fields and items that lead to the place, the innermost first.
    path: Vec<String>,
    reason: String,
}

impl Mismatch {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            reason: reason.into(),
        }
    }

    /// Returns the same mismatch within a field or an item.
    pub(super) fn inside(mut self, part: impl ToString) -> Self {
        self.path.push(part.to_string());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return formatter.write_str(&shortened(&self.reason));
        }
        let parts: Vec<_> = self.path.iter().rev().map(String::as_str).collect();
        let path = shortened(&parts.join("."));
        write!(formatter, "{path}: {}", shortened(&self.reason))
    }
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON_CHARACTERS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_names_the_place_from_the_outside_in() {
        let mismatch = Mismatch::new("expected a string").inside(1).inside("lines");
        assert_eq!(mismatch.to_string(), "lines.1: expected a string");
    }

    #[test]
    fn a_mismatch_is_short() {
        let long = Mismatch::new("ü".repeat(10_000_000)).inside("ü".repeat(501));
        let (path, reason) = ("ü".repeat(500), "ü".repeat(500));
        assert_eq!(long.to_string(), format!("{path}...: {reason}..."));
    }
}
