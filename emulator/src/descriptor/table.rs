//! Reads the tables of messages.
//!
//! An entry ends with a semicolon. A message is `Name: field, field`. A field has a name, a number and a type, by default
//! `string`; `in name` puts it into a oneof. Types are those of Protocol Buffers, `map` (of strings to strings), or the
//! name of a message or an enumeration; `*` marks a repeated field and `?` an optional one. An enumeration is `Name =
//! VALUE, VALUE`, numbered from zero unless a number follows. A dotted name belongs to the message before the dot, which
//! must precede it.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    MessageOptions, OneofDescriptorProto,
};

/// Messages of *google.protobuf* that the table names without their package.
const WELL_KNOWN: [&str; 5] = ["Any", "Duration", "FieldMask", "Struct", "Timestamp"];

/// Returns the messages and the enumerations of a table.
pub(super) fn read(table: &str) -> (Vec<DescriptorProto>, Vec<EnumDescriptorProto>) {
    let mut root = DescriptorProto::default();
    for entry in table.split(';') {
        if let Some((name, fields)) = entry.split_once(':') {
            declare(&mut root, name.trim(), &|scope, name| {
                scope.nested_type.push(message(name, fields));
            });
        } else if let Some((name, values)) = entry.split_once('=') {
            declare(&mut root, name.trim(), &|scope, name| {
                scope.enum_type.push(enumeration(name, values));
            });
        }
    }
    (root.nested_type, root.enum_type)
}

/// Declares the last part of a name in its outer message. If that message is missing, the name keeps its dot, which the
/// descriptor pool rejects.
fn declare(outer: &mut DescriptorProto, name: &str, add: &dyn Fn(&mut DescriptorProto, &str)) {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let mut nested = outer.nested_type.iter_mut();
    match nested.find(|each| each.name() == first && !rest.is_empty()) {
        Some(inner) => declare(inner, rest, add),
        None => add(outer, name),
    }
}

fn message(name: &str, fields: &str) -> DescriptorProto {
    let mut message = DescriptorProto {
        name: Some(name.to_owned()),
        ..DescriptorProto::default()
    };
    for written in fields.split(',') {
        add_field(&mut message, written);
    }
    message
}

/// Reads `name number type in oneof`. Empty text is the field list of a message without fields.
fn add_field(message: &mut DescriptorProto, written: &str) {
    let mut words = written.split_whitespace();
    let (Some(name), Some(number)) = (words.next(), words.next()) else {
        return;
    };
    let (written, oneof) = match (words.next(), words.next(), words.next()) {
        (Some("in"), oneof, None) => ("string", oneof),
        (written, _, oneof) => (written.unwrap_or("string"), oneof),
    };
    let mut field = FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: number.parse().ok(),
        label: Some(Label::Optional.into()),
        ..FieldDescriptorProto::default()
    };
    if written == "map" {
        let entry = map_entry(name);
        set_type(&mut field, &format!("{}*", entry.name()));
        message.nested_type.push(entry);
    } else {
        set_type(&mut field, written);
    }
    let optional = field.proto3_optional().then(|| format!("_{name}"));
    if let Some(oneof) = optional.as_deref().or(oneof) {
        field.oneof_index = Some(oneof_index(message, oneof));
    }
    message.field.push(field);
}

fn set_type(field: &mut FieldDescriptorProto, written: &str) {
    let name = written.trim_end_matches(['*', '?']);
    if written.ends_with('*') {
        field.label = Some(Label::Repeated.into());
    }
    if written.ends_with('?') {
        field.proto3_optional = Some(true);
    }
    let scalar = match name {
        "string" => Some(Type::String),
        "bytes" => Some(Type::Bytes),
        "bool" => Some(Type::Bool),
        "int32" => Some(Type::Int32),
        "int64" => Some(Type::Int64),
        _ => None,
    };
    field.r#type = scalar.map(i32::from);
    if scalar.is_none() {
        let is_well_known = WELL_KNOWN.contains(&name);
        let package = if is_well_known {
            ".google.protobuf."
        } else {
            ""
        };
        field.type_name = Some(format!("{package}{name}"));
    }
}

/// Returns the index of a oneof in its message. Its first use declares it.
fn oneof_index(message: &mut DescriptorProto, name: &str) -> i32 {
    let mut declared = message.oneof_decl.iter();
    let place = declared.position(|each| each.name() == name);
    let place = place.unwrap_or_else(|| {
        message.oneof_decl.push(OneofDescriptorProto {
            name: Some(name.to_owned()),
            options: None,
        });
        message.oneof_decl.len() - 1
    });
    i32::try_from(place).unwrap_or(i32::MAX)
}

/// Returns the entry type of a map, which is a repeated message of keys and values (*Protocol Buffers language guide*,
/// "Maps").
fn map_entry(field: &str) -> DescriptorProto {
    let mut entry = message(&format!("{}Entry", pascal_case(field)), "key 1, value 2");
    entry.options = Some(MessageOptions {
        map_entry: Some(true),
        ..MessageOptions::default()
    });
    entry
}

fn pascal_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

fn enumeration(name: &str, values: &str) -> EnumDescriptorProto {
    let values = (0..).zip(values.split(','));
    let values = values.map(|(place, value)| {
        let mut words = value.split_whitespace();
        let name = words.next().map(str::to_owned);
        let number = words.next().and_then(|number| number.parse().ok());
        EnumValueDescriptorProto {
            name,
            number: number.or(Some(place)),
            options: None,
        }
    });
    EnumDescriptorProto {
        name: Some(name.to_owned()),
        value: values.collect(),
        ..EnumDescriptorProto::default()
    }
}
