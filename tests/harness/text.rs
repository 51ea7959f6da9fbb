//! Markdown as GitHub reads it: links, anchors, tables.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The parts of a document.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) links: BTreeSet<String>,
    /// The anchors of headings.
    pub(crate) anchors: BTreeSet<String>,
    /// The rows of two-column tables under each heading, and the items of lists that begin with a name in bold and a colon.
    pub(crate) fields: BTreeMap<String, BTreeMap<String, String>>,
}

impl Document {
    pub(crate) fn read(text: &str) -> Self {
        let mut document = Self::default();
        let (mut heading, mut row, mut words) = (String::new(), Vec::new(), String::new());
        let mut depth = 0;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => {
                    document.links.insert(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. } | Tag::TableCell) => words.clear(),
                Event::Start(Tag::Item) => {
                    depth += 1;
                    if depth == 1 {
                        words.clear();
                        row.clear();
                    }
                }
                Event::End(TagEnd::Strong) if depth == 1 => row.push(std::mem::take(&mut words)),
                Event::End(TagEnd::Item) => {
                    depth -= 1;
                    if let (0, [field], Some(value)) =
                        (depth, row.as_slice(), words.strip_prefix(':'))
                    {
                        document.field(&heading, field, value);
                    }
                }
                Event::Text(part) | Event::Code(part) => words.push_str(&part),
                Event::End(TagEnd::Heading(_)) => {
                    heading.clone_from(&words);
                    let anchor = document.anchor(&words);
                    document.anchors.insert(anchor);
                }
                Event::End(TagEnd::TableCell) => row.push(words.clone()),
                Event::End(TagEnd::TableRow) => {
                    if let [field, value] = row.as_slice() {
                        document.field(&heading, field, value);
                    }
                    row.clear();
                }
                Event::End(TagEnd::TableHead) => row.clear(),
                _ => {}
            }
        }
        document
    }

    fn field(&mut self, heading: &str, field: &str, value: &str) {
        let fields = self.fields.entry(heading.to_owned()).or_default();
        fields.insert(field.to_owned(), value.trim().to_owned());
    }

    /// Returns GitHub's anchor of a heading: its letters, digits, `-` and `_` in lower case, numbered if repeated.
    fn anchor(&self, heading: &str) -> String {
        let kept = |each: &char| each.is_alphanumeric() || " -_".contains(*each);
        let slug: String = heading.to_lowercase().chars().filter(kept).collect();
        let slug = slug.replace(' ', "-");
        let numbered = (1..).map(|number| format!("{slug}-{number}"));
        std::iter::once(slug.clone())
            .chain(numbered)
            .find(|anchor| !self.anchors.contains(anchor))
            .expect("a number")
    }
}
