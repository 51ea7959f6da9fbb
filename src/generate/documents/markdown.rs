//! Texts of declarations in Markdown (GitHub's, CommonMark with tables): they are shown unchanged and affect nothing around them.

use std::fmt;

use askama::filters::Escaper;

/// Escapes one line of text, in a table or not.
#[derive(Clone, Copy)]
pub(crate) struct Markdown;

impl Escaper for Markdown {
    fn write_escaped_str<W: fmt::Write>(&self, mut to: W, text: &str) -> fmt::Result {
        for each in text.chars() {
            match each {
                '<' => to.write_str("&lt;")?,
                '>' => to.write_str("&gt;")?,
                '&' => to.write_str("&amp;")?,
                '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                    to.write_char('\\')?;
                    to.write_char(each)?;
                }
                // A line end would end the row, and the rest could begin another block.
                _ if each.is_whitespace() || each.is_control() => to.write_char(' ')?,
                _ => to.write_char(each)?,
            }
        }
        Ok(())
    }
}

/// Filters for templates.
#[expect(unreachable_pub, reason = "what the macro makes of a filter is public")]
pub(super) mod filters {
    use std::borrow::Borrow;
    use std::fmt::Display;
    use std::time::Duration;

    use askama::filters::Safe;

    /// Returns a name as code.
    #[askama::filter_fn]
    pub(crate) fn code(
        name: impl Display,
        _values: &dyn askama::Values,
    ) -> askama::Result<Safe<String>> {
        Ok(Safe(super::code(&name.to_string())))
    }

    /// Returns a duration in words.
    #[askama::filter_fn]
    pub(crate) fn time(
        duration: impl Borrow<Duration>,
        _values: &dyn askama::Values,
    ) -> askama::Result<String> {
        Ok(super::super::words::time(*duration.borrow()))
    }
}

/// Returns a span of code on one line. Only the bar of a table is escaped in it. Its fence is longer than any run of backticks.
fn code(text: &str) -> String {
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
            let mut escaped = String::new();
            Markdown
                .write_escaped_str(&mut escaped, text)
                .expect("text");
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
