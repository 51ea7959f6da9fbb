//! Compares two JSON Schemas: finds what fits the old one and may not fit the new one. It covers the keywords of message types.
//!
//! Fields that the old schema does not name are not considered, since no publisher writes fields without a contract. A keyword
//! that cannot be compared is reported (`Effect::Incomparable`), and never ignored.

use serde_json::Value;

use super::change::{Change, Effect};
use super::flat::{Flat, alternatives, settled};
use super::limits;
use super::values::{listed, unread_value};

/// A bound that schemas of message types stay below.
const MOST_STEPS: usize = 20_000;
const DEEPEST: usize = 100;

/// Returns all changes that affect a publisher of the old schema, in the order of their places.
pub(crate) fn compare(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison {
        old,
        new,
        open: Vec::new(),
        steps: 0,
    };
    let mut changes = comparison.schemas(old, new, "$");
    changes.sort();
    changes.dedup();
    changes
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs that are being compared; a recursive type reaches them again.
    open: Vec<(*const Value, *const Value)>,
    steps: usize,
}

/// A schema that accepts anything.
static ANYTHING: Value = Value::Bool(true);

impl<'a> Comparison<'a> {
    fn schemas(&mut self, old: &'a Value, new: &'a Value, place: &str) -> Vec<Change> {
        let (old, new) = (settled(self.old, old), settled(self.new, new));
        let pair = (std::ptr::from_ref(old), std::ptr::from_ref(new));
        if self.open.contains(&pair) {
            return Vec::new();
        }
        self.steps += 1;
        if self.open.len() >= DEEPEST || self.steps > MOST_STEPS {
            return vec![Change::incomparable(place, "the schemas are too large")];
        }
        self.open.push(pair);
        let changes = self.expanded(old, new, place);
        self.open.pop();
        changes
    }

    fn expanded(&mut self, old: &'a Value, new: &'a Value, place: &str) -> Vec<Change> {
        let opaque = |when: &str, why: String| {
            vec![Change::incomparable(
                place,
                format!("the {when} schema cannot be read: {why}"),
            )]
        };
        let olds = match alternatives(self.old, old) {
            Ok(olds) => olds,
            Err(why) => return opaque("released", why),
        };
        let news = match alternatives(self.new, new) {
            Ok(news) => news,
            Err(why) => return opaque("current", why),
        };
        let mut changes = Vec::new();
        let mut unread = Vec::new();
        for old in &olds {
            if let Some(values) = old.values() {
                changes.extend(
                    values
                        .into_iter()
                        .filter_map(|value| unread_value(value, &news, place)),
                );
                continue;
            }
            for name in old.types() {
                match self.best(old, &news, name, place) {
                    Some(best) => changes.extend(best),
                    None => unread.push(name),
                }
            }
        }
        unread.dedup();
        if !unread.is_empty() {
            let what = format!("the type {} is no longer read", unread.join(", "));
            changes.push(Change::breaks(place, what));
        }
        changes
    }

    /// Returns the changes for old values of one type, with the best new alternative; `None` if all are of other types.
    fn best(
        &mut self,
        old: &Flat<'a>,
        news: &[Flat<'a>],
        name: &str,
        place: &str,
    ) -> Option<Vec<Change>> {
        let mut best = None;
        for new in news.iter().filter(|new| new.accepts_type(name)) {
            let changes = self.of_type(old, new, name, place);
            let breaks = changes.iter().filter(|each| each.effect == Effect::Breaks);
            let breaks = breaks.count();
            // If none fits, the alternative with the same tag shows best what has changed.
            let cost = (breaks > 0, !shares_tag(old, new), breaks, changes.len());
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, changes));
            }
        }
        best.map(|(_, changes)| changes)
    }

    fn of_type(&mut self, old: &Flat<'a>, new: &Flat<'a>, name: &str, place: &str) -> Vec<Change> {
        if let Some(values) = new.values() {
            return vec![Change::breaks(
                place,
                format!("only {} is read now", listed(&values)),
            )];
        }
        let mut changes = unknown_keywords(place, old, new);
        changes.extend(match name {
            "number" | "integer" => limits::of_numbers(place, old, new),
            "string" => limits::of_texts(place, old, new),
            "array" => self.lists(old, new, place),
            "object" => self.objects(old, new, place),
            _ => Vec::new(),
        });
        changes
    }

    fn lists(&mut self, old: &Flat<'a>, new: &Flat<'a>, place: &str) -> Vec<Change> {
        let mut changes = limits::of_lists(place, old, new);
        let items = |side: &Flat<'a>| side.keywords.get("items").copied();
        match (items(old), items(new)) {
            (_, None) => {}
            (Some(Value::Array(olds)), Some(Value::Array(news))) if olds.len() == news.len() => {
                for (index, (old, new)) in olds.iter().zip(news).enumerate() {
                    changes.extend(self.schemas(old, new, &format!("{place}[{index}]")));
                }
            }
            (Some(Value::Array(_)), _) | (_, Some(Value::Array(_))) => {
                changes.push(Change::incomparable(
                    place,
                    "the number of its positional items has changed",
                ));
            }
            (old, Some(new)) => {
                let old = old.unwrap_or(&ANYTHING);
                changes.extend(self.schemas(old, new, &format!("{place}[]")));
            }
        }
        changes
    }

    fn objects(&mut self, old: &Flat<'a>, new: &Flat<'a>, place: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        for name in new.required.difference(&old.required) {
            let what = if old.properties.contains_key(name) {
                "it was optional, and is required"
            } else {
                "it is new, and required"
            };
            changes.push(Change::breaks(&format!("{place}.{name}"), what));
        }
        let others = |side: &Flat<'a>| side.keywords.get("additionalProperties").copied();
        for (name, was) in &old.properties {
            let place = format!("{place}.{name}");
            match (new.properties.get(name), others(new)) {
                (Some(is), _) => changes.extend(self.schemas(was, is, &place)),
                (None, None | Some(Value::Bool(true))) => {
                    changes.push(Change::removes(&place, "the field is gone"));
                }
                (None, Some(Value::Bool(false))) => {
                    changes.push(Change::breaks(
                        &place,
                        "the field is gone, and unknown fields are rejected",
                    ));
                }
                (None, Some(is)) => changes.extend(self.schemas(was, is, &place)),
            }
        }
        let fresh = new
            .properties
            .iter()
            .filter(|(name, _)| !old.properties.contains_key(*name));
        for (name, is) in fresh {
            // A map may hold any name, and a field that was only required any value.
            let map = others(old).filter(|others| others.is_object());
            let was = map.or_else(|| old.required.contains(name).then_some(&ANYTHING));
            if let Some(was) = was {
                changes.extend(self.schemas(was, is, &format!("{place}.{name}")));
            }
        }
        changes.extend(self.others(others(old), others(new), place));
        changes
    }

    /// Compares fields without a name in the schema.
    fn others(
        &mut self,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
        place: &str,
    ) -> Vec<Change> {
        match (old.unwrap_or(&ANYTHING), new) {
            (_, None | Some(Value::Bool(true))) | (Value::Bool(false), _) => Vec::new(),
            (_, Some(Value::Bool(false))) => {
                vec![Change::breaks(place, "unknown fields are rejected now")]
            }
            (old, Some(new)) => self.schemas(old, new, &format!("{place}.*")),
        }
    }
}

/// Returns true if both have a field with the same constant, as serde's tags are.
fn shares_tag(old: &Flat<'_>, new: &Flat<'_>) -> bool {
    old.properties.iter().any(|(name, was)| {
        let tag = was.get("const");
        tag.is_some() && new.properties.get(name).and_then(|is| is.get("const")) == tag
    })
}

/// Reports unknown keywords as changed, unless they are identical.
fn unknown_keywords(place: &str, old: &Flat<'_>, new: &Flat<'_>) -> Vec<Change> {
    const UNDERSTOOD: [&str; 18] = [
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "additionalProperties",
        "required",
    ];
    let unknown = new
        .keywords
        .iter()
        .filter(|(name, _)| !UNDERSTOOD.contains(name));
    unknown
        .filter(|(name, value)| old.keywords.get(*name) != Some(value))
        .map(|(name, _)| {
            Change::incomparable(place, format!("the keyword {name} is new or has changed"))
        })
        .collect()
}
