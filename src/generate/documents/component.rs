//! One component in the document: a table of facts, then lists of sentences.

use super::markdown::code;
use super::places::Place;

/// A kind of component, as it stands in headings.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Topic,
    Subscription,
    Schedule,
    DeadLetters,
}

/// A topic, a subscription, a schedule or dead letters. All its texts are Markdown.
pub(super) struct Component<'a> {
    pub(super) kind: Kind,
    pub(super) place: Place<'a>,
    pub(super) purpose: String,
    pub(super) owner: String,
    /// Short values, each with its field.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) parts: Vec<Part>,
    /// Blocks that follow the parts.
    pub(super) examples: Vec<String>,
}

/// A titled list of fields, each with its sentences.
pub(super) struct Part {
    pub(super) title: &'static str,
    pub(super) fields: Vec<(&'static str, Vec<String>)>,
}

impl Kind {
    /// Returns the beginning of a heading.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Topic => "Topic",
            Self::Subscription => "Subscription",
            Self::Schedule => "Schedule",
            Self::DeadLetters => "Dead letters",
        }
    }
}

impl Component<'_> {
    /// Returns its section of the document.
    pub(super) fn section(&self) -> String {
        let heading = format!("### {} {}", self.kind.name(), code(self.place.id));
        let mut blocks = vec![heading, self.table()];
        for part in &self.parts {
            blocks.push(format!("**{}**", part.title));
            blocks.push(part.list());
        }
        blocks.extend(self.examples.iter().cloned());
        blocks.join("\n\n")
    }

    fn table(&self) -> String {
        let mut rows = vec!["| Field | Value |".to_owned(), "|---|---|".to_owned()];
        rows.push(format!("| Purpose | {} |", self.purpose));
        rows.push(format!("| Owner | {} |", self.owner));
        for (field, value) in &self.facts {
            rows.push(format!("| {field} | {value} |"));
        }
        rows.join("\n")
    }
}

impl Part {
    /// Returns its fields: one sentence beside the field, several below it.
    fn list(&self) -> String {
        let mut lines = Vec::new();
        for (field, sentences) in &self.fields {
            if let [sentence] = sentences.as_slice() {
                lines.push(format!("- **{field}**: {sentence}"));
                continue;
            }
            lines.push(format!("- **{field}**:"));
            lines.extend(sentences.iter().map(|sentence| format!("  - {sentence}")));
        }
        lines.join("\n")
    }
}
