//! The compatibility of two Protocol Buffer definitions: optional fields may be added or removed, and nothing else
//! changes (Google, *Commit a schema revision*).

use std::collections::{BTreeSet, HashSet};

use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// The types of two revisions that are still to be compared, because fields of the same number have them. A list replaces
/// recursion, whose depth would be up to the definition.
#[derive(Default)]
struct Pairs {
    waiting: Vec<(MessageDescriptor, MessageDescriptor)>,
    /// The names of the types that were compared or are about to be. A compatible definition pairs each type once.
    seen: HashSet<String>,
}

/// # Errors
/// Returns the first change that is not allowed.
pub(super) fn compare(earlier: &MessageDescriptor, new: &MessageDescriptor) -> Result<(), String> {
    let (earlier_name, name) = (earlier.full_name(), new.full_name());
    if earlier_name != name {
        return Err(format!("the message is {name}, and was {earlier_name}"));
    }
    let mut pairs = Pairs::default();
    pairs.waiting.push((earlier.clone(), new.clone()));
    while let Some((earlier, new)) = pairs.waiting.pop() {
        if pairs.seen.insert(new.full_name().to_owned()) {
            pairs.compare_messages(&earlier, &new)?;
        }
    }
    Ok(())
}

impl Pairs {
    fn compare_messages(
        &mut self,
        earlier: &MessageDescriptor,
        new: &MessageDescriptor,
    ) -> Result<(), String> {
        for field in new.fields() {
            match earlier.get_field(field.number()) {
                Some(before) => self.compare_fields(&before, &field)?,
                None => comes_or_goes(&field, earlier)?,
            }
        }
        for field in earlier.fields() {
            if new.get_field(field.number()).is_none() {
                comes_or_goes(&field, new)?;
            }
        }
        Ok(())
    }

    fn compare_fields(
        &mut self,
        earlier: &FieldDescriptor,
        new: &FieldDescriptor,
    ) -> Result<(), String> {
        let (before, name) = (earlier.full_name(), new.full_name());
        if kind(earlier) != kind(new) {
            return Err(format!(
                "{name} of type {} is not compatible with {before} of type {}",
                kind(new),
                kind(earlier)
            ));
        }
        if before != name {
            let number = new.number();
            return Err(format!("the field {number} is {name}, and was {before}"));
        }
        let (was, is) = (label(earlier), label(new));
        if was != is {
            return Err(format!("{name} is {is}, and was {was}"));
        }
        match (earlier.kind(), new.kind()) {
            (Kind::Message(earlier), Kind::Message(new)) => self.waiting.push((earlier, new)),
            (Kind::Enum(earlier), Kind::Enum(new)) => {
                return self.compare_enums(&earlier, &new);
            }
            _ => {}
        }
        Ok(())
    }

    fn compare_enums(
        &mut self,
        earlier: &EnumDescriptor,
        new: &EnumDescriptor,
    ) -> Result<(), String> {
        if !self.seen.insert(new.full_name().to_owned()) {
            return Ok(());
        }
        has_values(earlier, new)?;
        has_values(new, earlier)
    }
}

/// Checks a field that only one revision has; `other` is the message in the other revision.
fn comes_or_goes(field: &FieldDescriptor, other: &MessageDescriptor) -> Result<(), String> {
    let name = field.full_name();
    if other.get_field_by_name(field.name()).is_some() {
        return Err(format!("the number of {name} was changed"));
    }
    match label(field) {
        "optional" => Ok(()),
        label => Err(format!(
            "{name} is {label}: only optional fields may be added or removed"
        )),
    }
}

/// Returns true if an enum has all values of another.
fn has_values(found: &EnumDescriptor, expected: &EnumDescriptor) -> Result<(), String> {
    let values: BTreeSet<(String, i32)> = found
        .values()
        .map(|value| (value.name().to_owned(), value.number()))
        .collect();
    for value in expected.values() {
        let number = value.number();
        if !values.contains(&(value.name().to_owned(), number)) {
            let (value, found) = (value.full_name(), found.full_name());
            return Err(format!("{value} = {number} is missing in {found}"));
        }
    }
    Ok(())
}

fn kind(field: &FieldDescriptor) -> String {
    let group = if field.is_group() { "group " } else { "" };
    format!("{group}{:?}", field.kind())
}

fn label(field: &FieldDescriptor) -> &'static str {
    match field.cardinality() {
        Cardinality::Optional => "optional",
        Cardinality::Required => "required",
        Cardinality::Repeated => "repeated",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protobuf;

    const BEFORE: &str = r#"
        syntax = "proto3";
        package shop;
        message Order {
          enum State { NEW = 0; PAID = 1; }
          message Line { string sku = 1; Line part = 2; }
          string id = 1;
          repeated Line lines = 2;
          State state = 3;
          map<string, Line> by_name = 4;
        }"#;

    fn compare(earlier: &str, new: &str) -> Result<(), String> {
        let [earlier, new] = [earlier, new].map(|text| Protobuf::compile(text).unwrap());
        new.compare(&earlier)
    }

    /// Checks that a change to the definition, and the reverse change, have this result.
    fn check(from: &str, to: &str, expected: [Result<(), &str>; 2]) {
        let after = BEFORE.replace(from, to);
        assert_ne!(after, BEFORE);
        let expected = expected.map(|each| each.map_err(str::to_owned));
        let found = [compare(BEFORE, &after), compare(&after, BEFORE)];
        assert_eq!(found, expected, "{to}");
    }

    #[test]
    fn optional_fields_may_come_or_go() {
        let id = "string id = 1;";
        let note = format!("{id} optional string note = 9;");
        check(id, &note, [Ok(()), Ok(())]);
        check(id, &format!("{id} bytes raw = 9;"), [Ok(()), Ok(())]);
        check("Line part = 2;", "", [Ok(()), Ok(())]);
    }

    #[test]
    fn repeated_fields_must_stay() {
        let id = "string id = 1;";
        let more = format!("{id} repeated string more = 9;");
        let rejected = "shop.Order.more is repeated: only optional fields may be added or removed";
        check(id, &more, [Err(rejected), Err(rejected)]);
    }

    #[test]
    fn required_fields_must_stay() {
        let required = "message A { required int32 a = 1; optional int32 b = 2; }";
        let fewer = "message A { optional int32 b = 2; }";
        let rejected = "A.a is required: only optional fields may be added or removed";
        assert_eq!(compare(required, fewer), Err(rejected.to_owned()));
        assert_eq!(compare(fewer, required), Err(rejected.to_owned()));
    }

    #[test]
    fn fields_that_stay_stay_as_they_are() {
        check(
            "string id = 1;",
            "int64 id = 1;",
            [
                Err(
                    "shop.Order.id of type int64 is not compatible with shop.Order.id of type string",
                ),
                Err(
                    "shop.Order.id of type string is not compatible with shop.Order.id of type int64",
                ),
            ],
        );
        check(
            "string id = 1;",
            "string key = 1;",
            [
                Err("the field 1 is shop.Order.key, and was shop.Order.id"),
                Err("the field 1 is shop.Order.id, and was shop.Order.key"),
            ],
        );
        let renumbered = "the number of shop.Order.id was changed";
        check(
            "string id = 1;",
            "string id = 9;",
            [Err(renumbered), Err(renumbered)],
        );
        check(
            "string id = 1;",
            "repeated string id = 1;",
            [
                Err("shop.Order.id is repeated, and was optional"),
                Err("shop.Order.id is optional, and was repeated"),
            ],
        );
        check(
            "map<string, Line>",
            "map<int32, Line>",
            [
                Err(
                    "shop.Order.ByNameEntry.key of type int32 is not compatible with shop.Order.ByNameEntry.key of type string",
                ),
                Err(
                    "shop.Order.ByNameEntry.key of type string is not compatible with shop.Order.ByNameEntry.key of type int32",
                ),
            ],
        );
    }

    #[test]
    fn enums_keep_their_values() {
        let missing = "shop.Order.LOST = 2 is missing in shop.Order.State";
        check(
            "PAID = 1;",
            "PAID = 1; LOST = 2;",
            [Err(missing), Err(missing)],
        );
    }

    #[test]
    fn types_keep_their_names() {
        check(
            "message Order",
            "message Invoice",
            [
                Err("the message is shop.Invoice, and was shop.Order"),
                Err("the message is shop.Order, and was shop.Invoice"),
            ],
        );
    }

    #[test]
    fn types_within_types_may_have_more_fields() {
        check(
            "string sku = 1;",
            "string sku = 1; string note = 9;",
            [Ok(()), Ok(())],
        );
    }

    #[test]
    fn a_long_chain_of_types_does_not_overflow_the_stack() {
        let types: String = (1..3_000)
            .map(|each| format!("message M{each} {{ M{} n = 1; }} ", each - 1))
            .collect();
        let definition = |last: &str| {
            format!(
                "syntax = \"proto3\"; message A {{ message M0 {{ {last} }} {types} M2999 n = 1; }}"
            )
        };
        let (earlier, new) = (definition("int32 n = 1;"), definition("bool n = 1;"));
        assert_eq!(compare(&earlier, &earlier), Ok(()));
        assert!(compare(&earlier, &new).is_err());
    }
}
