//! The broken rules of a payload as sentences, with the JSON names of fields, and without values.

use serde_json::Value;
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::handler::field_names::Place;
use crate::loggable::excerpt;
use crate::loggable::strict::Thinning;

/// The most sentences of an error.
const NAMED: usize = 50;

/// The parameters of rules that contain expectations. Others may contain the found value.
const EXPECTATIONS: [&str; 6] = [
    "min",
    "max",
    "equal",
    "exclusive_min",
    "exclusive_max",
    "needle",
];

/// Returns a sentence for each broken rule: `lines[2].quantity` breaks the rule range (min 1).
pub(crate) fn sentences(errors: &ValidationErrors, root: &Place<'_>) -> Vec<String> {
    let mut found = Sentences::default();
    found.collect(errors, "", root);
    found.cut(false)
}

/// Returns the same for a sample of a document, except rules that the whole document may satisfy.
pub(crate) fn sentences_of_sample(
    errors: &ValidationErrors,
    root: &Place<'_>,
    thinning: Thinning,
) -> Vec<String> {
    let mut found = Sentences {
        thinning: Some(thinning),
        ..Sentences::default()
    };
    found.collect(errors, "", root);
    found.cut(true)
}

#[derive(Default)]
struct Sentences {
    sentences: Vec<String>,
    thinning: Option<Thinning>,
}

impl Sentences {
    fn collect(&mut self, errors: &ValidationErrors, path: &str, place: &Place<'_>) {
        let mut errors: Vec<_> = errors.errors().iter().collect();
        errors.sort_by(|one, other| one.0.cmp(other.0));
        for (field, kind) in errors {
            if self.sentences.len() > NAMED {
                return;
            }
            let (name, inside) = place.field(field, kind);
            let path = match (path, name.as_str()) {
                ("", _) => name,
                (_, "") => path.to_owned(),
                (path, name) => format!("{path}.{name}"),
            };
            match kind {
                ValidationErrorsKind::Struct(inner) => self.collect(inner, &path, &inside),
                ValidationErrorsKind::List(items) => {
                    let elements = inside.elements();
                    for (position, inner) in items {
                        if self.sentences.len() > NAMED {
                            return;
                        }
                        let index = self
                            .thinning
                            .map_or(*position, |thinning| thinning.index(*position));
                        self.collect(inner, &format!("{path}[{index}]"), &elements);
                    }
                }
                ValidationErrorsKind::Field(faults) => self.add(&path, faults),
            }
        }
    }

    fn add(&mut self, path: &str, faults: &[ValidationError]) {
        let certain = faults
            .iter()
            .filter(|fault| self.thinning.is_none() || is_certain(fault));
        self.sentences.extend(
            certain.map(|fault| excerpt(&format!("`{path}` breaks the rule {}", rule(fault)))),
        );
    }

    fn cut(mut self, is_sample: bool) -> Vec<String> {
        let is_cut = self.sentences.len() > NAMED;
        self.sentences.truncate(NAMED);
        if is_cut || is_sample && !self.sentences.is_empty() {
            self.sentences.push("and more".into());
        }
        self.sentences
    }
}

/// Returns true if the omitted elements of arrays and maps cannot satisfy this rule.
fn is_certain(fault: &ValidationError) -> bool {
    match fault.params.get("value") {
        Some(Value::Array(kept)) => {
            let most = fault.params.get("max").and_then(Value::as_u64);
            most.and_then(|most| usize::try_from(most).ok())
                .is_some_and(|most| kept.len() > most)
        }
        Some(Value::Object(_) | Value::Null) | None => false,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => true,
    }
}

/// Returns a rule with its bounds.
fn rule(fault: &ValidationError) -> String {
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
