//! The compatibility of two Avro definitions in both directions (Apache, *Avro specification*, *Schema Resolution*).
//!
//! The crate `apache-avro` decides. For it, a reference to a named type differs from the definition of that type, so the
//! same definition with its types in another order would be incompatible. Hence every named type is compared separately
//! here, and the other types refer to it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::replace;

use apache_avro::Schema;
use apache_avro::error::CompatibilityError;
use apache_avro::schema::{Name, UnionSchema};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// A definition, divided into its named types and the rest.
struct Types<'a> {
    /// The definition without its named types.
    root: Schema,
    named: BTreeMap<String, Schema>,
    /// Short names that several types share. All other types are compared by their short names.
    ambiguous: &'a BTreeSet<String>,
}

/// # Errors
/// If one of them cannot read messages of the other: the place and the reason.
pub(in crate::schema) fn compare(earlier: &str, new: &str) -> Result<(), String> {
    let (earlier, new) = (super::parse(earlier)?, super::parse(new)?);
    let mut ambiguous = ambiguous_names(&earlier);
    ambiguous.append(&mut ambiguous_names(&new));
    let earlier = Types::of(earlier, &ambiguous)?;
    let new = Types::of(new, &ambiguous)?;
    both_read(&earlier.root, &new.root)?;
    for (name, schema) in &new.named {
        if let Some(other) = earlier.named.get(name) {
            both_read(other, schema).map_err(|reason| format!("{name}: {reason}"))?;
        }
    }
    Ok(())
}

/// Returns the short names that several types of a definition share.
fn ambiguous_names(definition: &Schema) -> BTreeSet<String> {
    let mut full = BTreeSet::new();
    note_names(definition, &mut full);
    let mut seen = BTreeSet::new();
    full.into_iter()
        .map(|full| full.rsplit('.').next().unwrap_or_default().to_owned())
        .filter(|short| !seen.insert(short.clone()))
        .collect()
}

fn note_names(schema: &Schema, full: &mut BTreeSet<String>) {
    if let Some(name) = schema.name() {
        full.insert(name.fullname(None));
    }
    match schema {
        Schema::Record(record) => {
            let fields = record.fields.iter();
            fields.for_each(|field| note_names(&field.schema, full));
        }
        Schema::Array(array) => note_names(&array.items, full),
        Schema::Map(map) => note_names(&map.types, full),
        Schema::Union(union) => {
            let branches = union.variants().iter();
            branches.for_each(|branch| note_names(branch, full));
        }
        _ => {}
    }
}

impl<'a> Types<'a> {
    fn of(definition: Schema, ambiguous: &'a BTreeSet<String>) -> Result<Self, String> {
        let mut types = Self {
            root: Schema::Null,
            named: BTreeMap::new(),
            ambiguous,
        };
        types.root = types.refer(definition)?;
        Ok(types)
    }

    /// Returns the type without the definitions of named types in it, which are collected separately.
    fn refer(&mut self, schema: Schema) -> Result<Schema, String> {
        match schema {
            Schema::Record(mut record) => {
                record.name = self.name(&record.name)?;
                for field in &mut record.fields {
                    let schema = replace(&mut field.schema, Schema::Null);
                    field.schema = self.refer(schema)?;
                }
                Ok(self.put_aside(record.name.clone(), Schema::Record(record)))
            }
            Schema::Enum(mut schema) => {
                schema.name = self.name(&schema.name)?;
                Ok(self.put_aside(schema.name.clone(), Schema::Enum(schema)))
            }
            Schema::Fixed(mut fixed) => {
                fixed.name = self.name(&fixed.name)?;
                Ok(self.put_aside(fixed.name.clone(), Schema::Fixed(fixed)))
            }
            Schema::Array(mut array) => {
                array.items = Box::new(self.refer(*array.items)?);
                Ok(Schema::Array(array))
            }
            Schema::Map(mut map) => {
                map.types = Box::new(self.refer(*map.types)?);
                Ok(Schema::Map(map))
            }
            Schema::Union(union) => {
                let branches = union.variants().iter().cloned();
                let branches: Result<Vec<_>, _> = branches.map(|each| self.refer(each)).collect();
                let union = UnionSchema::new(branches?).map_err(|error| error.to_string())?;
                Ok(Schema::Union(union))
            }
            Schema::Ref { name } => Ok(Schema::Ref {
                name: self.name(&name)?,
            }),
            other => Ok(other),
        }
    }

    fn put_aside(&mut self, name: Name, schema: Schema) -> Schema {
        self.named.insert(name.fullname(None), schema);
        Schema::Ref { name }
    }

    fn name(&self, name: &Name) -> Result<Name, String> {
        let full = name.fullname(None);
        let is_ambiguous = self.ambiguous.contains(name.name());
        let compared = if is_ambiguous { &full } else { name.name() };
        Name::new(compared).map_err(|error| error.to_string())
    }
}

fn both_read(earlier: &Schema, new: &Schema) -> Result<(), String> {
    reads(earlier, new)
        .map_err(|reason| format!("the new revision cannot read the earlier one: {reason}"))?;
    reads(new, earlier)
        .map_err(|reason| format!("the earlier revision cannot read the new one: {reason}"))
}

/// Checks that the reader accepts every value of the writer, not only some.
fn reads(writer: &Schema, reader: &Schema) -> Result<(), String> {
    match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => Ok(()),
        Ok(Compatibility::Partial) => {
            Err("a symbol of an enum or a branch of a union has no counterpart".to_owned())
        }
        Err(error) => Err(reason(&error)),
    }
}

/// Returns the crate's error text without the debug output of whole types.
fn reason(error: &CompatibilityError) -> String {
    match error {
        CompatibilityError::FieldTypeMismatch(field, inner) => {
            format!("the field {field:?}: {}", reason(inner))
        }
        CompatibilityError::MissingDefaultValue(field) => {
            format!("the field {field:?} has no default")
        }
        CompatibilityError::WrongType {
            writer_schema_type,
            reader_schema_type,
        } => {
            let (writer, reader) = (kind(writer_schema_type), kind(reader_schema_type));
            format!("{writer} cannot be read as {reader}")
        }
        other => other.to_string(),
    }
}

/// Returns the kind of a type: `long` for `Long`, and `record` for `Record(RecordSchema { … })`.
fn kind(shown: &str) -> String {
    let end = shown.find(|each: char| !each.is_ascii_alphanumeric());
    let name = end.and_then(|end| shown.get(..end)).unwrap_or(shown);
    match name {
        "Ref" => "a named type".to_owned(),
        name => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
    }

    fn good(earlier: &str, new: &str) {
        assert_eq!(compare(earlier, new), Ok(()), "{earlier} {new}");
        assert_eq!(compare(new, earlier), Ok(()), "{new} {earlier}");
    }

    fn bad(earlier: &str, new: &str, expected: &str) {
        let reason = compare(earlier, new).unwrap_err();
        assert!(reason.ends_with(expected), "{reason}");
        assert!(compare(new, earlier).is_err(), "{new} {earlier}");
    }

    const FIELD: &str = r#"{"name": "a", "type": "int"}"#;

    fn with(field: &str) -> String {
        record(&format!("{FIELD}, {field}"))
    }

    #[test]
    fn a_field_with_a_default_may_come_or_go() {
        good(
            &record(FIELD),
            &with(r#"{"name": "b", "type": "long", "default": 0}"#),
        );
        good(
            &record(FIELD),
            &with(r#"{"name": "b", "type": ["null", "string"], "default": null}"#),
        );
    }

    #[test]
    fn a_field_without_a_default_must_stay() {
        bad(
            &record(FIELD),
            &with(r#"{"name": "b", "type": "long"}"#),
            "the field \"b\" has no default",
        );
    }

    #[test]
    fn what_only_one_side_can_read_is_rejected() {
        bad(r#""int""#, r#""long""#, "long cannot be read as int");
        bad(r#""int""#, r#""boolean""#, "int cannot be read as boolean");
        good(r#""string""#, r#""bytes""#);
        let field = |kind: &str| record(&format!(r#"{{"name": "a", "type": {kind}}}"#));
        bad(
            &field(r#""int""#),
            &field(r#""string""#),
            "R: the new revision cannot read the earlier one: the field \"a\": int cannot be read as string",
        );
        let lost = "a symbol of an enum or a branch of a union has no counterpart";
        bad(&field(r#""int""#), &field(r#"["null", "int"]"#), lost);
        let kind = |symbols: &str| {
            field(&format!(
                r#"{{"type": "enum", "name": "K", "symbols": [{symbols}]}}"#
            ))
        };
        bad(&kind(r#""A", "B""#), &kind(r#""A", "B", "C""#), lost);
        good(&kind(r#""A", "B""#), &kind(r#""B", "A""#));
        let renamed = field(r#""int""#).replace("\"R\"", "\"S\"");
        assert!(compare(&field(r#""int""#), &renamed).is_err());
    }

    #[test]
    fn it_does_not_matter_where_a_type_is_defined() {
        let inner = r#"{"type": "record", "name": "I", "namespace": "n", "fields": [{"name": "x", "type": "int"}]}"#;
        let defined = |name: &str| format!(r#"{{"name": "{name}", "type": {inner}}}"#);
        let mentioned = |name: &str| format!(r#"{{"name": "{name}", "type": "n.I"}}"#);
        let optional = format!(r#"{{"name": "a", "type": ["null", {inner}], "default": null}}"#);
        let earlier = record(&format!("{optional}, {}", mentioned("b")));
        good(&earlier, &record(&defined("b")));
        let swapped = record(&format!("{}, {}", defined("b"), mentioned("a")));
        good(
            &record(&format!("{}, {}", defined("a"), mentioned("b"))),
            &swapped,
        );
        bad(
            &earlier,
            &record(&defined("b").replace("\"int\"", "\"string\"")),
            "the field \"x\": int cannot be read as string",
        );
    }

    #[test]
    fn types_may_contain_themselves() {
        let list = record(r#"{"name": "next", "type": ["null", "R"], "default": null}"#);
        let longer = list.replace("[{", r#"[{"name": "more", "type": "int", "default": 1}, {"#);
        good(&list, &longer);
    }

    #[test]
    fn types_may_share_a_short_name() {
        let fixed = |space: &str, size: u32| {
            format!(
                r#"{{"name": "{space}", "type": {{"type": "fixed", "name": "{space}.F", "size": {size}}}}}"#
            )
        };
        let both = |size| record(&format!("{}, {}", fixed("a", 1), fixed("b", size)));
        good(&both(2), &both(2));
        assert!(compare(&both(2), &both(3)).is_err());
        let optional = |space: &str| {
            let kind = format!(r#"{{"type": "fixed", "name": "{space}.F", "size": 1}}"#);
            format!(r#"{{"name": "{space}", "type": ["null", {kind}], "default": null}}"#)
        };
        let two = record(&format!("{}, {}", optional("a"), optional("b")));
        good(&two, &record(&optional("b")));
        good(
            &record(&fixed("a", 1)),
            &record(&fixed("a", 1).replace("a.F", "c.F")),
        );
    }
}
