//! Limits of numbers, texts and lists, and which of the new ones are narrower.

use std::cmp::Ordering;

use serde_json::Value;

use super::change::Change;
use super::flat::Flat;

/// A number: integers are exact, others are rounded.
#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        let whole = value.as_i64().map(i128::from);
        let whole = whole.or_else(|| value.as_u64().map(i128::from));
        let whole = whole.map(Self::Whole);
        whole.or_else(|| value.as_f64().map(Self::Real))
    }

    fn real(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "compared with a real number")]
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            (one, other) => one.real().total_cmp(&other.real()),
        }
    }
}

/// One end of a range; true if the value itself is outside.
type End = Option<(Number, bool)>;

pub(super) fn of_numbers(place: &str, old: &Flat<'_>, new: &Flat<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let (was, is) = (lowest(old), lowest(new));
    if is_narrower(was, is, Ordering::Greater) {
        let what = format!(
            "the smallest number was {}, and is {}",
            listed(was),
            listed(is)
        );
        changes.push(Change::breaks(place, what));
    }
    let (was, is) = (highest(old), highest(new));
    if is_narrower(was, is, Ordering::Less) {
        let what = format!(
            "the largest number was {}, and is {}",
            listed(was),
            listed(is)
        );
        changes.push(Change::breaks(place, what));
    }
    changes.extend(differs(place, old, new, "multipleOf"));
    changes
}

pub(super) fn of_texts(place: &str, old: &Flat<'_>, new: &Flat<'_>) -> Vec<Change> {
    let mut changes = counts(place, old, new, ["minLength", "maxLength"]);
    changes.extend(differs(place, old, new, "pattern"));
    let (was, is) = (old.text("format"), new.text("format"));
    if let Some(is) = is.filter(|_| is != was) {
        let was = was.unwrap_or("any text");
        changes.push(Change::breaks(
            place,
            format!("the format was {was}, and is {is}"),
        ));
    }
    changes
}

pub(super) fn of_lists(place: &str, old: &Flat<'_>, new: &Flat<'_>) -> Vec<Change> {
    let mut changes = counts(place, old, new, ["minItems", "maxItems"]);
    let is_set = |side: &Flat<'_>| side.keywords.get("uniqueItems") == Some(&&Value::Bool(true));
    if is_set(new) && !is_set(old) {
        changes.push(Change::breaks(place, "its items must now be unique"));
    }
    changes
}

/// Compares the smallest and largest counts.
fn counts(
    place: &str,
    old: &Flat<'_>,
    new: &Flat<'_>,
    [least, most]: [&'static str; 2],
) -> Vec<Change> {
    let end =
        |side: &Flat<'_>, keyword| side.keywords.get(keyword).and_then(|value| value.as_u64());
    let mut changes = Vec::new();
    let (was, is) = (end(old, least).unwrap_or(0), end(new, least).unwrap_or(0));
    if is > was {
        changes.push(Change::breaks(
            place,
            format!("{least} was {was}, and is {is}"),
        ));
    }
    if let Some(is) = end(new, most) {
        let was = end(old, most);
        if was.is_none_or(|was| is < was) {
            let was = was.map_or_else(|| "not set".into(), |was| was.to_string());
            changes.push(Change::breaks(
                place,
                format!("{most} was {was}, and is {is}"),
            ));
        }
    }
    changes
}

/// Compares a keyword that is only known to restrict.
fn differs(place: &str, old: &Flat<'_>, new: &Flat<'_>, keyword: &str) -> Option<Change> {
    let is = new.keywords.get(keyword)?;
    match old.keywords.get(keyword) {
        Some(was) if was == is => None,
        Some(_) => Some(Change::incomparable(
            place,
            format!("{keyword} has changed, and it is unknown which one is narrower"),
        )),
        None => Some(Change::breaks(place, format!("{keyword} is now {is}"))),
    }
}

fn lowest(side: &Flat<'_>) -> End {
    let ends = [
        end(side, "minimum", false),
        end(side, "exclusiveMinimum", true),
        of_format(side).map(|(lowest, _)| (Number::Whole(lowest), false)),
    ];
    ends.into_iter().flatten().max_by(|one, other| {
        let order = one.0.order(other.0);
        order.then(one.1.cmp(&other.1))
    })
}

fn highest(side: &Flat<'_>) -> End {
    let ends = [
        end(side, "maximum", false),
        end(side, "exclusiveMaximum", true),
        of_format(side).map(|(_, highest)| (Number::Whole(highest), false)),
    ];
    ends.into_iter().flatten().min_by(|one, other| {
        let order = one.0.order(other.0);
        order.then(other.1.cmp(&one.1))
    })
}

fn end(side: &Flat<'_>, keyword: &str, is_outside: bool) -> End {
    let value = side.keywords.get(keyword)?;
    Some((Number::of(value)?, is_outside))
}

/// Returns the range of an integer format.
fn of_format(side: &Flat<'_>) -> Option<(i128, i128)> {
    match side.text("format")? {
        "int8" => Some((i8::MIN.into(), i8::MAX.into())),
        "int16" => Some((i16::MIN.into(), i16::MAX.into())),
        "int32" => Some((i32::MIN.into(), i32::MAX.into())),
        "int64" => Some((i64::MIN.into(), i64::MAX.into())),
        "uint8" => Some((0, u8::MAX.into())),
        "uint16" => Some((0, u16::MAX.into())),
        "uint32" => Some((0, u32::MAX.into())),
        "uint64" => Some((0, u64::MAX.into())),
        _ => None,
    }
}

fn is_narrower(was: End, is: End, inward: Ordering) -> bool {
    match (was, is) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(was), Some(is)) => {
            let order = is.0.order(was.0);
            order == inward || order == Ordering::Equal && is.1 && !was.1
        }
    }
}

fn listed(end: End) -> String {
    match end {
        None => "not limited".into(),
        Some((number, is_outside)) => {
            let outside = if is_outside { " (exclusive)" } else { "" };
            match number {
                Number::Whole(whole) => format!("{whole}{outside}"),
                Number::Real(real) => format!("{real}{outside}"),
            }
        }
    }
}
