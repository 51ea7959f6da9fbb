//! Pub/Sub's filter language (Google, *Filter messages from a subscription*). Faults are found before a deploy, since the
//! filter of a subscription can never be changed.
//!
//! If the grammar is not certain, the stricter reading counts: a filter that passes here passes at Google.

use std::collections::BTreeMap;

/// The longest filter (Google, *Subscription*, `filter`). It also bounds the nesting of parentheses.
const LIMIT_BYTES: usize = 256;

/// Returns the fault of a filter, if it has one: the place, from 1, and what was expected there.
pub(super) fn fault(filter: &str) -> Option<String> {
    if filter.len() > LIMIT_BYTES {
        let found = filter.len();
        return Some(format!(
            "it has {found} bytes, expected at most {LIMIT_BYTES}"
        ));
    }
    let nothing = BTreeMap::new();
    let mut rest = Rest::of(filter, &nothing);
    let expected = match rest.expression() {
        Ok(_) if rest.text.is_empty() => return None,
        Ok(_) => "AND, OR or the end",
        Err(expected) => expected,
    };
    let place = filter.trim_end().len() - rest.text.len();
    let place = filter.get(..place).map_or(0, |read| read.chars().count()) + 1;
    Some(format!("expected {expected} at character {place}"))
}

/// Returns true if a message with these attributes passes a valid filter.
pub(crate) fn passes(filter: &str, attributes: &BTreeMap<String, String>) -> bool {
    Rest::of(filter, attributes).expression().unwrap_or(true)
}

/// The unread part of a filter, and the attributes of a message.
struct Rest<'a> {
    text: &'a str,
    attributes: &'a BTreeMap<String, String>,
}

/// The value of the part that was read, or what was expected instead.
type Read<T> = Result<T, &'static str>;

impl<'a> Rest<'a> {
    fn of(filter: &'a str, attributes: &'a BTreeMap<String, String>) -> Self {
        Self {
            text: filter.trim_end(),
            attributes,
        }
    }

    /// Reads comparisons joined by one of the two words. It is not documented if AND binds stronger than OR.
    fn expression(&mut self) -> Read<bool> {
        let mut holds = self.term()?;
        let mut joined_by = None;
        while let Some(word) = ["AND", "OR"].into_iter().find(|word| self.word() == *word) {
            if *joined_by.get_or_insert(word) != word {
                return Err("parentheses, since AND and OR are mixed,");
            }
            self.skip(word);
            let next = self.term()?;
            holds = if word == "AND" {
                holds & next
            } else {
                holds | next
            };
        }
        Ok(holds)
    }

    fn term(&mut self) -> Read<bool> {
        let is_negated = if self.word() == "NOT" {
            self.skip("NOT")
        } else {
            self.skip("-")
        };
        let holds = if self.skip("(") {
            let holds = self.expression()?;
            self.require(")", "a closing parenthesis")?;
            holds
        } else if self.word() == "hasPrefix" {
            self.prefix()?
        } else {
            self.comparison()?
        };
        Ok(holds != is_negated)
    }

    fn prefix(&mut self) -> Read<bool> {
        self.skip("hasPrefix");
        self.require("(", "an opening parenthesis")?;
        let value = self.attribute(".", "attributes.KEY")?;
        self.require(",", "a comma")?;
        let prefix = self.string()?;
        self.require(")", "a closing parenthesis")?;
        Ok(value.is_some_and(|value| value.starts_with(&prefix)))
    }

    fn comparison(&mut self) -> Read<bool> {
        if self.word() == "attributes" && self.text.starts_with("attributes:") {
            return Ok(self.attribute(":", "attributes:KEY")?.is_some());
        }
        let value = self.attribute(
            ".",
            "attributes:KEY, attributes.KEY, hasPrefix(…), NOT or a parenthesis",
        )?;
        let is_unequal = self.skip("!=");
        if !is_unequal {
            self.require("=", "= or !=")?;
        }
        let wanted = self.string()?;
        Ok((value == Some(&wanted)) != is_unequal)
    }

    /// Reads the name of an attribute, and returns its value if the message has it.
    fn attribute(&mut self, sign: &str, expected: &'static str) -> Read<Option<&'a String>> {
        if self.word() != "attributes" {
            return Err(expected);
        }
        self.skip("attributes");
        self.require(sign, expected)?;
        let key = if self.text.trim_start().starts_with('"') {
            self.string()?
        } else {
            let key = self.word().to_owned();
            self.skip(&key);
            key
        };
        if key.is_empty() {
            return Err(
                "the key of an attribute, in double quotes if it has other characters than letters, digits, _ and -",
            );
        }
        Ok(self.attributes.get(&key))
    }

    /// Reads a text in double quotes. Only the escape sequences of the quote and the backslash are resolved.
    fn string(&mut self) -> Read<String> {
        self.require("\"", "a string in double quotes")?;
        let mut string = String::new();
        let mut characters = self.text.char_indices();
        while let Some((at, each)) = characters.next() {
            match each {
                '"' => {
                    self.text = self.text.get(at + 1..).unwrap_or_default();
                    return Ok(string);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => string.push(escaped),
                    Some((_, other)) => string.extend(['\\', other]),
                    None => break,
                },
                _ => string.push(each),
            }
        }
        Err("a closing double quote later")
    }

    /// Returns the next word after white space; perhaps an empty one.
    fn word(&mut self) -> &'a str {
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

    fn require(&mut self, token: &str, expected: &'static str) -> Read<()> {
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
    fn a_rejected_filter_is_named_with_its_place() {
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

    #[test]
    fn a_message_passes_as_it_would_at_pub_sub() {
        let attributes = [("domain", "com"), ("region", "us-east1"), ("a b", "c\"d")];
        let attributes: BTreeMap<_, _> = attributes
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let check =
            |filter, expected| assert_eq!(passes(filter, &attributes), expected, "{filter}");
        check("attributes:domain", true);
        check("attributes:missing", false);
        check(r#"attributes.domain = "com""#, true);
        check(r#"attributes.domain != "com""#, false);
        check(r#"attributes.missing != "com""#, true);
        check(r#"attributes."a b" = "c\"d""#, true);
        check(r#"hasPrefix(attributes.region, "us-")"#, true);
        check(r#"hasPrefix(attributes.missing, "")"#, false);
        check("NOT attributes:domain", false);
        check("-attributes:missing AND attributes:domain", true);
        check(
            "attributes:missing OR (attributes:x OR attributes:region)",
            true,
        );
        check(
            "attributes:domain AND (attributes:x AND attributes:region)",
            false,
        );
    }
}
