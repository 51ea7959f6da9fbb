//! The filter of a subscription: an expression over attributes, which selects messages (Google, *Filter messages from a
//! subscription*).
//!
//! Where Google's documentation leaves the grammar open, this one is strict, so that a filter that is valid here is valid
//! there. Keywords are in capitals and strings in double quotes. One negation may precede a comparison or a parenthesis.

mod cursor;
mod parser;

use std::collections::BTreeMap;

pub(crate) use self::cursor::Cursor;
use crate::error::ApiError;

/// The longest filter in bytes (Google, *Filter messages from a subscription*). It also bounds the depth of an expression.
const MAX_BYTES: usize = 256;

/// A parsed filter. An empty one matches every message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter(Option<Expression>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Expression {
    /// `attributes:KEY`
    Has(String),
    /// `attributes.KEY = "VALUE"`
    Equals(String, String),
    /// `hasPrefix(attributes.KEY, "PREFIX")`
    HasPrefix(String, String),
    /// `NOT …`, `-…` and `!=`. So `!=` holds for messages without the key.
    Not(Box<Expression>),
    /// `… AND … AND …`
    All(Vec<Expression>),
    /// `… OR … OR …`
    Any(Vec<Expression>),
}

impl Filter {
    /// # Errors
    /// If the text is too long or not an expression. The error names the position and the expectation.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.len() > MAX_BYTES {
            return Err(ApiError::invalid(format!(
                "The filter has {} bytes, more than {MAX_BYTES}",
                text.len()
            )));
        }
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        parser::parse(text).map(|expression| Self(Some(expression)))
    }

    pub(crate) fn matches(&self, attributes: &BTreeMap<String, String>) -> bool {
        let Self(expression) = self;
        expression
            .as_ref()
            .is_none_or(|expression| expression.holds(attributes))
    }
}

impl Expression {
    fn holds(&self, attributes: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Has(key) => attributes.contains_key(key),
            Self::Equals(key, expected) => attributes.get(key) == Some(expected),
            Self::HasPrefix(key, prefix) => attributes
                .get(key)
                .is_some_and(|value| value.starts_with(prefix.as_str())),
            Self::Not(inner) => !inner.holds(attributes),
            Self::All(parts) => parts.iter().all(|part| part.holds(attributes)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(attributes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn check(filter: &str, matches: bool) {
        let message = attributes(&[
            ("domain", "com"),
            ("region", "us-east1"),
            ("iana.org/language_tag", "en"),
            ("two-part_key", "a \"b\"\n"),
        ]);
        let parsed = Filter::parse(filter).unwrap();
        assert_eq!(parsed.matches(&message), matches, "{filter}");
    }

    fn rejected(filter: &str, expected: &str) {
        let error = Filter::parse(filter).unwrap_err();
        assert_eq!(error, ApiError::invalid(expected), "{filter}");
    }

    #[test]
    fn an_empty_filter_matches_everything() {
        check("", true);
        check("  ", true);
        assert!(Filter::parse("").unwrap().matches(&BTreeMap::new()));
    }

    #[test]
    fn keys_are_compared_exactly() {
        check("attributes:domain", true);
        check("attributes:Domain", false);
        check("attributes:missing", false);
    }

    #[test]
    fn values_are_compared_exactly() {
        check(r#"attributes.domain = "com""#, true);
        check(r#"attributes.domain="COM""#, false);
        check(r#"attributes.missing = """#, false);
    }

    #[test]
    fn prefixes_are_compared_exactly() {
        check(r#"hasPrefix(attributes.region, "us-")"#, true);
        check(r#"hasPrefix( attributes.region , "east" )"#, false);
        check(r#"hasPrefix(attributes.region, "")"#, true);
        check(r#"hasPrefix(attributes.missing, "")"#, false);
    }

    #[test]
    fn a_message_without_the_key_is_unequal_to_every_value() {
        check(r#"attributes.domain != "com""#, false);
        check(r#"attributes.domain != "org""#, true);
        check(r#"attributes.missing != "com""#, true);
    }

    #[test]
    fn a_word_negates_what_follows() {
        check("NOT attributes:domain", false);
        check(r#"NOT attributes.domain != "com""#, true);
        check("NOT (attributes:domain AND attributes:missing)", true);
        check("NOT (NOT attributes:domain)", true);
        check("NOT attributes:missing AND attributes:domain", true);
    }

    #[test]
    fn a_minus_negates_what_follows() {
        check("-attributes:domain", false);
        check("- attributes:missing", true);
    }

    #[test]
    fn words_join_comparisons() {
        check("attributes:domain AND attributes:region", true);
        check("attributes:domain AND attributes:missing", false);
        check(
            "attributes:missing OR attributes:x OR attributes:domain",
            true,
        );
        check("attributes:domain\n\tAND\nattributes:region", true);
    }

    #[test]
    fn parentheses_group_comparisons() {
        check(
            "attributes:missing AND (attributes:x OR attributes:domain)",
            false,
        );
        check(
            "(attributes:missing AND attributes:x) OR attributes:domain",
            true,
        );
        check("((((attributes:domain))))", true);
    }

    #[test]
    fn keys_with_other_characters_are_quoted() {
        check(r#"attributes:"iana.org/language_tag""#, true);
        check(r#"attributes."iana.org/language_tag" = "en""#, true);
    }

    #[test]
    fn values_are_escaped() {
        check(r#"attributes.two-part_key = "a \"b\"\n""#, true);
        check(r#"attributes.domain = "\x63\157\u006d""#, true);
        check(r#"attributes.domain = "\U00000063om""#, true);
    }

    #[test]
    fn a_keyword_may_be_a_key() {
        check("attributes:AND", false);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        rejected(
            "attributes:a AND attributes:b OR attributes:c",
            "Invalid filter at character 31: expected AND or the end (parentheses are needed where AND and OR meet), found \"OR\"",
        );
        rejected(
            "attributes.a = com",
            "Invalid filter at character 16: expected a string in double quotes, found \"com\"",
        );
        rejected(
            "hasPrefix(attributes.a \"x\")",
            "Invalid filter at character 24: expected \",\", found \"\"\"",
        );
        rejected(
            "(attributes:a",
            "Invalid filter at character 14: expected AND, OR or \")\", found the end",
        );
        rejected(
            "labels.a = \"x\"",
            "Invalid filter at character 1: expected attributes, hasPrefix, NOT, \"-\" or \"(\", found \"labels\"",
        );
        rejected(
            "attributes.a = \"ü\\q\"",
            "Invalid filter at character 18: expected an escape sequence, found \"\\\"",
        );
        rejected(
            "attributes.a = \"x",
            "Invalid filter at character 18: expected a closing double quote, found the end",
        );
    }

    #[test]
    fn what_google_does_not_document_is_rejected() {
        for filter in [
            "attributes:a and attributes:b",
            "not attributes:a",
            "NOT NOT attributes:a",
            "attributes:a attributes:b",
            "attributes.a < \"b\"",
            "attributes.a = 'b'",
            "attributes:a = \"b\"",
            "attributes.a",
            "attributes",
            "attributes:",
            "attributes:\"\"",
            "Attributes:a",
            "hasprefix(attributes.a, \"b\")",
            "hasPrefix(attributes:a, \"b\")",
            "()",
            "AND",
            "attributes:a AND",
            "attributes:a)",
            "attributes.a = \"\\ud800\"",
            "attributes.a = \"\\x4\"",
            "attributes.a = \"\\400\"",
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn the_length_bounds_the_depth() {
        let nested = |depth| format!("{}attributes:a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Filter::parse(&nested(122)).is_ok());
        assert!(Filter::parse(&nested(123)).is_err());
        assert!(Filter::parse(&"(".repeat(256)).is_err());
        assert!(Filter::parse(&format!("attributes:{}", "a".repeat(245))).is_ok());
        assert!(Filter::parse(&format!("attributes:{}", "a".repeat(246))).is_err());
    }

    /// Generates an expression as text, with its value for the attributes `a` and `b`, which is computed without the
    /// parser.
    fn expression() -> impl Strategy<Value = (String, Vec<bool>)> {
        let messages = messages();
        let leaf = ("[abc]", "[xy]{0,2}", 0..4_u8).prop_map(move |(key, value, kind)| {
            let truths = messages.iter().map(|message| {
                let found = message.get(&key);
                match kind {
                    0 => found.is_some(),
                    1 => found == Some(&value),
                    2 => found != Some(&value),
                    _ => found.is_some_and(|found| found.starts_with(&value)),
                }
            });
            let text = match kind {
                0 => format!("attributes:{key}"),
                1 => format!("attributes.{key} = \"{value}\""),
                2 => format!("attributes.\"{key}\"!=\"{value}\""),
                _ => format!("hasPrefix(attributes.{key}, \"{value}\")"),
            };
            (text, truths.collect::<Vec<bool>>())
        });
        leaf.prop_recursive(4, 24, 4, |inner| {
            let parts = proptest::collection::vec(inner, 1..4);
            (parts, any::<bool>(), 0..3_u8).prop_map(|(parts, all, negation)| {
                let texts: Vec<_> = parts.iter().map(|(text, _)| format!("({text})")).collect();
                let truths = (0..messages_count()).map(|each| {
                    let mut known = parts.iter().map(|(_, truths)| truths[each]);
                    let joined = if all {
                        known.all(|it| it)
                    } else {
                        known.any(|it| it)
                    };
                    joined != (negation > 0)
                });
                let sign = ["", "NOT ", "-"][usize::from(negation)];
                let word = if all { " AND " } else { " OR " };
                (
                    format!("{sign}({})", texts.join(word)),
                    truths.collect::<Vec<bool>>(),
                )
            })
        })
    }

    fn messages() -> Vec<BTreeMap<String, String>> {
        let mut all = Vec::new();
        for a in ["x", "xy", "y", ""] {
            all.push(attributes(&[("a", a)]));
            all.push(attributes(&[("a", a), ("b", "x")]));
        }
        all.push(BTreeMap::new());
        all
    }

    fn messages_count() -> usize {
        messages().len()
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(attributes|hasPrefix|NOT|AND|OR|[-:.=!(),\"\\\\ ]|[a-z]|\\PC){0,40}") {
            let _ = Filter::parse(&text);
        }

        #[test]
        fn expressions_mean_what_their_parts_mean((text, truths) in expression()) {
            let parsed = parser::parse(&text).unwrap();
            let held: Vec<_> = messages().iter().map(|message| parsed.holds(message)).collect();
            prop_assert_eq!(held, truths, "{}", text);
        }

        #[test]
        fn any_attribute_can_be_quoted(key in "\\PC{1,8}", value in any::<String>()) {
            let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("attributes.\"{}\" = \"{}\"", escaped(&key), escaped(&value));
            let parsed = parser::parse(&text).unwrap();
            prop_assert_eq!(parsed, Expression::Equals(key, value));
        }
    }
}
