//! The payload as a handler takes it: typed JSON, raw bytes, or attributes alone.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::decoding;
use crate::payload::Content;

/// The payload of one message, decoded and checked before the handler runs. Reads like the payload itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<T>(
    /// The payload.
    pub T,
);

impl<T> Deref for Message<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The data as it was published, at most 10 MB (Google, *Quotas and limits*); empty for a message of attributes alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(
    /// The bytes.
    pub Bytes,
);

/// The attributes alone, for messages that say everything there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(
    /// Name to value, at most 100 pairs (Google, *Quotas and limits*).
    pub Arc<BTreeMap<String, String>>,
);

impl Deref for Raw {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl Deref for Attributes {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// What a message can be decoded into. Any `serde` type with `validator` rules and a `schemars` schema is one, as JSON; so are [`Raw`] and [`Attributes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a message",
    note = "derive `serde::Deserialize`, `validator::Validate` and `schemars::JsonSchema` for a JSON payload, or take `Message<Raw>` or `Message<Attributes>`"
)]
pub trait Payload: Sized + Send + 'static {
    /// Decodes and checks.
    ///
    /// # Errors
    /// Names every place that does not fit, never a value: the text reaches logs.
    fn decode(
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError>;

    /// What the data are, for documents.
    #[must_use]
    fn content() -> Content {
        Content::Bytes
    }
}

impl<T: DeserializeOwned + Validate + JsonSchema + Send + 'static> Payload for T {
    fn content() -> Content {
        Content::json::<T>()
    }

    fn decode(
        data: &Bytes,
        _attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError> {
        let mut json = serde_json::Deserializer::from_slice(data);
        let payload: T = decoding::decode(&mut json).map_err(PayloadError::new)?;
        json.end().map_err(|error| {
            PayloadError::new(format!(
                "more data after the JSON document{}",
                decoding::position(&error)
            ))
        })?;
        payload
            .validate()
            .map_err(|errors| PayloadError::invalid(&errors))?;
        Ok(payload)
    }
}

impl Payload for Raw {
    fn decode(
        data: &Bytes,
        _attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError> {
        Ok(Self(data.clone()))
    }
}

impl Payload for Attributes {
    fn content() -> Content {
        Content::Attributes
    }

    fn decode(
        _data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError> {
        Ok(Self(Arc::clone(attributes)))
    }
}

/// How many violations are named; a large payload can have very many.
const NAMED_VIOLATIONS: usize = 50;

/// The parameters of rules that say what was expected. Others may hold what was found.
const EXPECTATIONS: [&str; 6] = [
    "min",
    "max",
    "equal",
    "exclusive_min",
    "exclusive_max",
    "needle",
];

/// Why a payload does not fit its type. The text names places, expectations and rules, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload does not fit: {}", .violations.join("; "))]
pub struct PayloadError {
    violations: Vec<String>,
}

impl PayloadError {
    /// Every place that does not fit, a sentence each; never empty.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// For a hand-written [`Payload`]: what does not fit, without naming a value.
    pub fn new(violation: impl Into<String>) -> Self {
        Self {
            violations: vec![violation.into()],
        }
    }

    pub(crate) fn invalid(errors: &ValidationErrors) -> Self {
        let mut violations = Vec::new();
        collect(errors, "", &mut violations);
        if violations.len() > NAMED_VIOLATIONS {
            violations.truncate(NAMED_VIOLATIONS);
            violations.push("and more".into());
        }
        Self { violations }
    }
}

/// Flattens nested violations to `lines[2].quantity must be … (range: min 1)`.
fn collect(errors: &ValidationErrors, path: &str, violations: &mut Vec<String>) {
    let mut errors: Vec<_> = errors.errors().iter().collect();
    errors.sort_by(|one, other| one.0.cmp(other.0));
    for (field, kind) in errors {
        if violations.len() > NAMED_VIOLATIONS {
            return;
        }
        let place = if path.is_empty() {
            field.to_string()
        } else {
            format!("{path}.{field}")
        };
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, &place, violations),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    collect(inner, &format!("{place}[{index}]"), violations);
                }
            }
            ValidationErrorsKind::Field(faults) => {
                violations.extend(
                    faults
                        .iter()
                        .map(|fault| format!("`{place}` breaks the rule {}", rule(fault))),
                );
            }
        }
    }
}

/// A rule with its bounds.
fn rule(fault: &validator::ValidationError) -> String {
    let mut bounds: Vec<String> = fault
        .params
        .iter()
        .filter(|(name, _)| EXPECTATIONS.contains(&name.as_ref()))
        .map(|(name, bound)| format!("{name} {bound}"))
        .collect();
    bounds.sort();
    let message = fault
        .message
        .as_ref()
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    if bounds.is_empty() {
        format!("{}{message}", fault.code)
    } else {
        format!("{} ({}){message}", fault.code, bounds.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate, JsonSchema)]
    struct Order {
        #[validate(length(min = 1))]
        customer: String,
        #[validate(nested)]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, Validate, JsonSchema)]
    struct Line {
        #[validate(range(min = 1, max = 9))]
        quantity: u32,
    }

    fn violations(json: &str) -> Vec<String> {
        let error = Order::decode(&Bytes::from(json.to_owned()), &Arc::default())
            .expect_err("does not fit");
        error.violations().to_vec()
    }

    #[test]
    fn all_violations_are_reported_with_their_places_and_no_values() {
        let found = violations(r#"{"customer":"","lines":[{"quantity":3},{"quantity":4711}]}"#);
        assert_eq!(
            found,
            [
                "`customer` breaks the rule length (min 1)",
                "`lines[1].quantity` breaks the rule range (max 9, min 1)"
            ]
        );
    }

    #[test]
    fn a_wrong_type_names_place_and_expectation_but_not_the_value() {
        let found =
            violations(r#"{"customer":"c","lines":[{"quantity":"hush, expected nothing"}]}"#);
        assert_eq!(
            found,
            ["`lines[0].quantity` (line 1, column 61): expected u32"]
        );
        assert_eq!(
            violations(r#"{"lines":[]}"#),
            ["the document (line 1, column 12): missing field `customer`"]
        );
    }

    #[test]
    fn a_flood_of_violations_is_cut_and_a_rules_other_parameters_are_not_told() {
        #[derive(Deserialize, Validate, JsonSchema)]
        struct Account {
            #[validate(must_match(other = "password"))]
            again: String,
            password: String,
        }
        let error = Account::decode(
            &Bytes::from(r#"{"again":"x","password":"hush"}"#),
            &Arc::default(),
        )
        .err();
        assert_eq!(
            error.expect("does not fit").violations(),
            ["`again` breaks the rule must_match"]
        );
        let line = r#"{"quantity":0}"#;
        let many = violations(&format!(
            r#"{{"customer":"c","lines":[{}]}}"#,
            vec![line; 1000].join(",")
        ));
        assert_eq!(
            (many.len(), many.last().map(String::as_str)),
            (51, Some("and more"))
        );
    }

    #[test]
    fn a_key_of_a_map_is_shown_only_if_it_may_be_a_name() {
        type Balances = std::collections::HashMap<String, u32>;
        let at = |json: &str| {
            crate::decoding::decode::<Balances>(&mut serde_json::Deserializer::from_str(json))
                .expect_err("no number")
        };
        assert_eq!(
            at(r#"{"ada@example.com":"x"}"#),
            "`…` (line 1, column 22): expected u32"
        );
        assert_eq!(
            at(r#"{"ada":"x"}"#),
            "`ada` (line 1, column 10): expected u32"
        );
    }

    #[test]
    fn what_is_no_json_document_is_said_so() {
        assert_eq!(
            violations("hush"),
            ["the document (line 1, column 1): not valid JSON"]
        );
        assert_eq!(
            violations(""),
            ["the document (line 1, column 0): not valid JSON"]
        );
        let more = violations(r#"{"customer":"c","lines":[]} hush"#);
        assert_eq!(
            more,
            ["more data after the JSON document (line 1, column 29)"]
        );
    }
}
