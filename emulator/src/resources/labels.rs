//! The rules for labels of topics, subscriptions and snapshots (Google, *Labels overview*, *Requirements for labels*).

use std::collections::BTreeMap;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use crate::error::ApiError;

const MAX_LABELS: usize = 64;
const MAX_CHARACTERS: usize = 63;
const KEY: &str = r"[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}";
const VALUE: &str = r"[\p{Ll}\p{Lo}\p{N}_-]{0,63}";

/// # Errors
/// If there are too many labels, or if a key or a value is invalid; in Google's text where it is known.
pub(crate) fn check(labels: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if labels.len() > MAX_LABELS {
        let found = labels.len();
        return Err(rejected(&format!("found {found}, more than {MAX_LABELS}")));
    }
    for (key, value) in labels {
        if let Some(reason) = fault_of_key(key) {
            let key = excerpt(key);
            let text = format!("key \"{key}\" does not conform to regular expression \"{KEY}\"");
            return Err(rejected(&format!("{text}; {reason}")));
        }
        if let Some(reason) = fault(value) {
            let value = excerpt(value);
            let text = format!(
                "value \"{value}\" of key \"{key}\" does not conform to regular expression \"{VALUE}\""
            );
            return Err(rejected(&format!("{text}; {reason}")));
        }
    }
    Ok(())
}

fn rejected(reason: &str) -> ApiError {
    ApiError::invalid(format!(
        "You have passed an invalid argument to the service (argument=Invalid labels: Invalid field \"labels\"; {reason})."
    ))
}

fn fault_of_key(key: &str) -> Option<String> {
    let Some(first) = key.chars().next() else {
        return Some("it is empty".to_owned());
    };
    if !is_letter(first) {
        return Some(format!(
            "first character \"{first}\" is not a non-uppercased letter (Unicode character class Ll or Lo)"
        ));
    }
    fault(key)
}

fn fault(text: &str) -> Option<String> {
    if text.chars().count() > MAX_CHARACTERS {
        return Some(format!("it has more than {MAX_CHARACTERS} characters"));
    }
    let wrong = text.chars().find(|each| !is_allowed(*each))?;
    Some(format!(
        "character \"{wrong}\" is not a non-uppercased letter, a digit, \"_\" or \"-\""
    ))
}

fn is_letter(character: char) -> bool {
    use GeneralCategory::{LowercaseLetter, OtherLetter};
    matches!(category(character), LowercaseLetter | OtherLetter)
}

fn is_allowed(character: char) -> bool {
    use GeneralCategory::{DecimalNumber, LetterNumber, OtherNumber};
    let is_number = matches!(
        category(character),
        DecimalNumber | LetterNumber | OtherNumber
    );
    is_number || is_letter(character) || matches!(character, '_' | '-')
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

/// Returns an excerpt of a client's text, which may be long.
fn excerpt(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    fn good(key: &str, value: &str) {
        assert_eq!(check(&labels(key, value)), Ok(()), "{key} {value}");
    }

    fn bad(key: &str, value: &str, expected: &str) {
        let reason = check(&labels(key, value)).unwrap_err().to_string();
        let begin = "You have passed an invalid argument to the service (argument=Invalid labels: Invalid field \"labels\"; ";
        assert_eq!(reason, format!("{begin}{expected})."));
    }

    #[test]
    fn letters_are_of_any_alphabet() {
        good("team", "sales");
        good("team_1-a", "-1_²Ⅷ");
        good("команда", "продажи");
        good("部署", "営業");
        good(&"ü".repeat(63), &"ü".repeat(63));
        good("team", "");
    }

    #[test]
    fn a_malformed_key_is_rejected_with_the_reason() {
        let key = |key: &str| {
            format!(
                r#"key "{key}" does not conform to regular expression "[\p{{Ll}}\p{{Lo}}][\p{{Ll}}\p{{Lo}}\p{{N}}_-]{{0,62}}""#
            )
        };
        for (written, first) in [
            ("Team", "T"),
            ("1team", "1"),
            ("_team", "_"),
            ("ʰ", "ʰ"),
            ("ǅ", "ǅ"),
        ] {
            let text = "is not a non-uppercased letter (Unicode character class Ll or Lo)";
            bad(
                written,
                "",
                &format!("{}; first character \"{first}\" {text}", key(written)),
            );
        }
        bad("", "", &format!("{}; it is empty", key("")));
        bad(
            "te am",
            "",
            &format!(
                "{}; character \" \" is not a non-uppercased letter, a digit, \"_\" or \"-\"",
                key("te am")
            ),
        );
        let long = "a".repeat(64);
        bad(
            &long,
            "",
            &format!("{}; it has more than 63 characters", key(&long)),
        );
    }

    #[test]
    fn a_malformed_value_is_rejected_with_the_reason() {
        bad(
            "team",
            "Sales",
            "value \"Sales\" of key \"team\" does not conform to regular expression \"[\\p{Ll}\\p{Lo}\\p{N}_-]{0,63}\"; \
             character \"S\" is not a non-uppercased letter, a digit, \"_\" or \"-\"",
        );
        assert!(check(&labels("team", &"a".repeat(64))).is_err());
    }

    #[test]
    fn there_are_64_at_most() {
        let many = |count: usize| (0..count).map(|each| (format!("k{each}"), String::new()));
        assert_eq!(check(&many(64).collect()), Ok(()));
        let rejected = check(&many(65).collect()).unwrap_err().to_string();
        assert!(rejected.contains("found 65, more than 64"), "{rejected}");
    }
}
