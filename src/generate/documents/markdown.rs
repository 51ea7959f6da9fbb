//! Texts of declarations in Markdown (GitHub's, CommonMark with tables): they are shown unchanged and affect nothing around them.

/// Escapes one line of text, in a table or not.
pub(super) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => escaped.extend(['\\', each]),
            // A line end would end the row, and the rest could begin another block.
            _ if each.is_whitespace() || each.is_control() => escaped.push(' '),
            _ => escaped.push(each),
        }
    }
    escaped
}

/// Returns a span of code on one line. Only the bar of a table is escaped in it. Its fence is longer than any run of backticks.
pub(super) fn code(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|each| match each {
            _ if each.is_whitespace() || each.is_control() => ' ',
            _ => each,
        })
        .collect();
    let line = line.replace('|', "\\|");
    let fence = "`".repeat(longest_run(&line) + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// Returns the texts of a list in one line.
pub(super) fn joined(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().collect::<Vec<_>>().join(", ")
}

/// Returns the texts in one line, or `none` without any.
pub(super) fn joined_or(none: &str, texts: impl IntoIterator<Item = String>) -> String {
    let joined = joined(texts);
    if joined.is_empty() {
        none.to_owned()
    } else {
        joined
    }
}

/// Returns a fence for a block of any code.
pub(super) fn fence(code: &str) -> String {
    "`".repeat(longest_run(code).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|each| each != '`');
    runs.map(str::len).max().unwrap_or_default()
}

/// The anchors that GitHub gives to headings: their texts in lower case, without most signs, numbered if they repeat.
#[derive(Default)]
pub(super) struct Anchors(Vec<String>);

impl Anchors {
    /// Returns the anchor of the next heading.
    pub(super) fn next(&mut self, heading: &str) -> String {
        let slug: String = heading
            .to_lowercase()
            .chars()
            .filter(|each| each.is_alphanumeric() || " -_".contains(*each))
            .map(|each| if each == ' ' { '-' } else { each })
            .collect();
        let again = self.0.iter().filter(|known| **known == slug).count();
        self.0.push(slug.clone());
        match again {
            0 => slug,
            again => format!("{slug}-{again}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    const HOSTILE: &[&str] = &[
        "a | b <script>alert(1)</script>",
        "`code` and ``more``",
        "*bold* _it_ ~~gone~~ [link](https://example.com) ![image](x)",
        "back\\slash \\| and &lt; &amp; entities",
        "two\nlines\n\n# a heading\r\n- a list",
        "$math$ <!-- pushgate:end -->",
        "ends in \\",
        "`",
    ];

    /// Returns the visible text of a cell, and true if the table has this cell alone and nothing but text in it.
    fn seen(cell: &str) -> (String, bool) {
        let table = format!("| head |\n|---|\n| {cell} |\n");
        let mut options = Options::all();
        options.remove(Options::ENABLE_SMART_PUNCTUATION);
        let (mut text, mut cells, mut is_plain) = (String::new(), 0, true);
        for event in Parser::new_ext(&table, options) {
            match event {
                Event::Start(Tag::TableCell) => {
                    cells += 1;
                    text.clear();
                }
                Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow) | Event::End(_) => {}
                Event::Text(part) | Event::Code(part) => text.push_str(&part),
                _ => is_plain = false,
            }
        }
        (text, is_plain && cells == 2)
    }

    fn on_one_line(text: &str) -> String {
        text.split(|each: char| each.is_whitespace())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn no_text_breaks_a_table_or_becomes_markup() {
        for text in HOSTILE {
            let escaped = super::text(text);
            let (seen, is_plain) = seen(&escaped);
            assert!(is_plain, "{text:?} as {escaped:?}");
            assert_eq!(seen.trim(), on_one_line(text).trim(), "{escaped:?}");
        }
    }

    #[test]
    fn no_name_breaks_out_of_its_code() {
        for text in HOSTILE {
            let (seen, is_plain) = seen(&code(text));
            assert!(is_plain, "{text:?} as {:?}", code(text));
            assert_eq!(seen.trim(), on_one_line(text).trim());
        }
    }

    #[test]
    fn anchors_are_githubs() {
        let mut anchors = Anchors::default();
        assert_eq!(anchors.next("Topic orders"), "topic-orders");
        assert_eq!(anchors.next("Topic Orders"), "topic-orders-1");
        assert_eq!(anchors.next("Topic a.b~c_d%20"), "topic-abc_d20");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fence("{}"), "```");
        assert_eq!(fence("````"), "`````");
    }
}
