//! Enumerated values.

use serde_json::Value;

use super::change::Change;
use super::flat::Flat;

/// Returns a change if a value was allowed and no alternative reads it now.
pub(super) fn unread_value(value: &Value, news: &[Flat<'_>], place: &str) -> Option<Change> {
    let name = type_of(value);
    let takes = |new: &&Flat<'_>| match new.values() {
        Some(values) => values.contains(&value),
        None => new.accepts_type(name),
    };
    let mut takers = news.iter().filter(takes).peekable();
    if takers.peek().is_none() {
        let what = format!("the value {value} is no longer read");
        return Some(Change::breaks(place, what));
    }
    let is_sure = takers.any(|new| new.values().is_some() || is_unlimited(new));
    (!is_sure).then(|| {
        let what = format!("the value {value} may exceed the new limits");
        Change::incomparable(place, what)
    })
}

/// Returns true if it has no keyword but types.
fn is_unlimited(new: &Flat<'_>) -> bool {
    let has_fields = !(new.properties.is_empty() && new.required.is_empty());
    !has_fields && new.keywords.keys().all(|keyword| *keyword == "type")
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Lists the first values for a sentence.
pub(super) fn listed(values: &[&Value]) -> String {
    let shown: Vec<String> = values.iter().take(10).map(ToString::to_string).collect();
    shown.join(", ")
}
