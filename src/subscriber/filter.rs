//! Whether Pub/Sub would take a text as a filter (Google, *Filter messages from a subscription*): found before a deploy, since
//! the filter of a subscription can never be changed.
//!
//! Where the grammar is not certain, the stricter reading counts: what passes here passes there.

/// (Google, *Subscription*, `filter`.) It bounds how deep parentheses can be nested, too.
const LIMIT_BYTES: usize = 256;

/// What is wrong with a filter, if anything: the place, from 1, and what was expected there.
pub(super) fn fault(filter: &str) -> Option<String> {
    if filter.len() > LIMIT_BYTES {
        let found = filter.len();
        return Some(format!(
            "it has {found} bytes, expected at most {LIMIT_BYTES}"
        ));
    }
    let mut rest = Rest {
        text: filter.trim_end(),
    };
    let expected = match rest.expression() {
        Ok(()) if rest.text.is_empty() => return None,
        Ok(()) => "AND, OR or the end",
        Err(expected) => expected,
    };
    let place = filter.trim_end().len() - rest.text.len();
    let place = filter.get(..place).map_or(0, |read| read.chars().count()) + 1;
    Some(format!("expected {expected} at character {place}"))
}

/// What has not been read yet.
struct Rest<'a> {
    text: &'a str,
}

type Read = Result<(), &'static str>;

impl Rest<'_> {
    /// Comparisons joined by one of the two words: whether AND binds stronger than OR is not documented.
    fn expression(&mut self) -> Read {
        self.term()?;
        let mut joined_by = None;
        while let Some(word) = ["AND", "OR"].into_iter().find(|word| self.word() == *word) {
            if *joined_by.get_or_insert(word) != word {
                return Err("parentheses, since AND and OR are mixed,");
            }
            self.skip(word);
            self.term()?;
        }
        Ok(())
    }

    fn term(&mut self) -> Read {
        if self.word() == "NOT" {
            self.skip("NOT");
        } else {
            self.skip("-");
        }
        if self.skip("(") {
            self.expression()?;
            return self.require(")", "a closing parenthesis");
        }
        if self.word() == "hasPrefix" {
            self.skip("hasPrefix");
            self.require("(", "an opening parenthesis")?;
            self.attribute(".", "attributes.KEY")?;
            self.require(",", "a comma")?;
            self.string()?;
            return self.require(")", "a closing parenthesis");
        }
        if self.word() == "attributes" && self.text.starts_with("attributes:") {
            return self.attribute(":", "attributes:KEY");
        }
        self.attribute(
            ".",
            "attributes:KEY, attributes.KEY, hasPrefix(…), NOT or a parenthesis",
        )?;
        if !self.skip("!=") {
            self.require("=", "= or !=")?;
        }
        self.string()
    }

    fn attribute(&mut self, sign: &str, expected: &'static str) -> Read {
        if self.word() != "attributes" {
            return Err(expected);
        }
        self.skip("attributes");
        self.require(sign, expected)?;
        if self.text.trim_start().starts_with('"') {
            return self.string();
        }
        let key = self.word().len();
        if key == 0 {
            return Err(
                "the key of an attribute, in double quotes if it has other characters than letters, digits, _ and -",
            );
        }
        self.text = self.text.get(key..).unwrap_or_default();
        Ok(())
    }

    fn string(&mut self) -> Read {
        self.require("\"", "a string in double quotes")?;
        let mut is_escaped = false;
        let end = self.text.find(|each| match (is_escaped, each) {
            (false, '"') => true,
            _ => {
                is_escaped = each == '\\' && !is_escaped;
                false
            }
        });
        let end = end.ok_or("a closing double quote later")?;
        self.text = self.text.get(end + 1..).unwrap_or_default();
        Ok(())
    }

    /// The word that is next, after white space; perhaps empty.
    fn word(&mut self) -> &str {
        self.text = self.text.trim_start();
        let is_outside = |each: char| !(each.is_ascii_alphanumeric() || each == '_' || each == '-');
        let end = self.text.find(is_outside).unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or_default()
    }

    fn skip(&mut self, token: &str) -> bool {
        let next = self.text.trim_start();
        let after = next.strip_prefix(token);
        self.text = after.unwrap_or(next);
        after.is_some()
    }

    fn require(&mut self, token: &str, expected: &'static str) -> Read {
        if self.skip(token) {
            Ok(())
        } else {
            Err(expected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pub_sub_takes_is_taken() {
        for filter in [
            "attributes:domain",
            r#"attributes.domain = "com""#,
            r#"attributes."a b" != "c\"d""#,
            r#"hasPrefix(attributes.region, "us-") AND NOT attributes:test AND attributes:x"#,
            r#"(attributes:a AND attributes:b) OR NOT (attributes.c="d")"#,
            "-attributes:a",
            " attributes:NOT ",
        ] {
            assert_eq!(fault(filter), None, "{filter}");
        }
    }

    fn check(filter: &str, expected: &str) {
        let found = fault(filter).unwrap_or_default();
        assert!(
            found.contains(expected),
            "{filter}: {found:?} does not say {expected:?}"
        );
    }

    #[test]
    fn what_it_would_refuse_is_told_with_its_place() {
        check("", "expected attributes:KEY, attributes.KEY");
        check(
            r#"attribute.a = "b""#,
            "NOT or a parenthesis at character 1",
        );
        check(
            r#"attributes.a == "b""#,
            "a string in double quotes at character 15",
        );
        check(
            "attributes.a = b",
            "a string in double quotes at character 16",
        );
        check(r#"attributes.a = "b"#, "a closing double quote");
        check("attributes.a", "= or != at character 13");
        check("attributes:", "the key of an attribute");
        check(
            "attributes:a and attributes:b",
            "AND, OR or the end at character 14",
        );
        check("attributes:a AND", "NOT or a parenthesis at character 17");
        check("(attributes:a", "a closing parenthesis");
        check(
            "attributes:a AND attributes:b OR attributes:c",
            "AND and OR are mixed",
        );
        check(r#"data = "x""#, "attributes:KEY");
        check(&format!("attributes:{}", "k".repeat(246)), "257 bytes");
    }
}
