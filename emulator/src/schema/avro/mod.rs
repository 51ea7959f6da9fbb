//! Avro definitions, and the check of messages against them.
//!
//! The crate `apache-avro` reads the definition, but not the messages. It does not support Avro's JSON encoding, and its
//! decoder recurses as deep as a message nests: a few thousand bytes of a recursive type would overflow the stack.

mod binary;
mod compatibility;
mod json;

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Name, RecordField, RecordSchema};
use serde_json::Value;

pub(super) use self::compatibility::compare;
use super::mismatch::Mismatch;

/// A compiled definition. Types refer to each other by their index in `shapes`, so recursive types need no special case.
#[derive(Debug)]
pub(super) struct Avro {
    shapes: Vec<Shape>,
    root: ShapeId,
}

#[derive(Clone, Copy, Debug)]
struct ShapeId(usize);

/// The part of a type that determines the form of its values.
#[derive(Debug)]
enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<String>),
    Array(ShapeId),
    Map(ShapeId),
    Union(Vec<Part>),
    Record(Vec<Part>),
}

/// A field of a record with its name, or a branch of a union with the name of its type.
#[derive(Debug)]
struct Part {
    name: String,
    shape: ShapeId,
}

impl Avro {
    /// # Errors
    /// If the definition is invalid.
    pub(super) fn compile(definition: &str) -> Result<Self, String> {
        let mut builder = Builder::default();
        let root = builder.add(&parse(definition)?)?;
        Ok(Self {
            shapes: builder.shapes,
            root,
        })
    }

    pub(super) fn check_json(&self, data: &[u8]) -> Result<(), Mismatch> {
        json::check(self, data)
    }

    pub(super) fn check_binary(&self, data: &[u8]) -> Result<(), Mismatch> {
        binary::check(self, data)
    }

    /// Returns the shape of an id. Every id has a shape by the time that messages are read.
    fn shape(&self, ShapeId(place): ShapeId) -> &Shape {
        self.shapes.get(place).unwrap_or(&Shape::Null)
    }
}

fn parse(definition: &str) -> Result<Schema, String> {
    let mut definition: Value = serde_json::from_str(definition)
        .map_err(|error| format!("the definition is not JSON: {error}"))?;
    forget_logical_types(&mut definition);
    Schema::parse(&definition).map_err(|error| error.to_string())
}

#[derive(Default)]
struct Builder {
    shapes: Vec<Shape>,
    named: HashMap<String, ShapeId>,
}

impl Builder {
    /// Adds a type, and returns its id. The JSON parser bounds the depth of the definition, and so of this recursion. References to
    /// named types are not followed.
    fn add(&mut self, schema: &Schema) -> Result<ShapeId, String> {
        let shape = match schema {
            Schema::Ref { name } => return self.find(name),
            Schema::Record(record) => return self.add_record(record),
            Schema::Enum(schema) => {
                let id = self.reserve(&schema.name)?;
                self.fill(id, Shape::Enum(schema.symbols.clone()));
                return Ok(id);
            }
            Schema::Fixed(fixed) => {
                let id = self.reserve(&fixed.name)?;
                self.fill(id, Shape::Fixed(fixed.size));
                return Ok(id);
            }
            Schema::Array(array) => Shape::Array(self.add(&array.items)?),
            Schema::Map(map) => Shape::Map(self.add(&map.types)?),
            Schema::Union(union) => {
                let mut branches = Vec::new();
                for branch in union.variants() {
                    let shape = self.add(branch)?;
                    let name = self.branch_name(branch, shape);
                    branches.push(Part { name, shape });
                }
                Shape::Union(branches)
            }
            Schema::Null => Shape::Null,
            Schema::Boolean => Shape::Boolean,
            Schema::Int => Shape::Int,
            Schema::Long => Shape::Long,
            Schema::Float => Shape::Float,
            Schema::Double => Shape::Double,
            Schema::Bytes => Shape::Bytes,
            Schema::String => Shape::String,
            other => return Err(format!("unexpected type {other:?}")),
        };
        Ok(self.push(shape))
    }

    fn add_record(&mut self, record: &RecordSchema) -> Result<ShapeId, String> {
        let id = self.reserve(&record.name)?;
        let mut fields = Vec::new();
        for field in &record.fields {
            let shape = self.add(&field.schema)?;
            self.check_default(field, shape)?;
            let name = field.name.clone();
            fields.push(Part { name, shape });
        }
        self.fill(id, Shape::Record(fields));
        Ok(id)
    }

    /// Checks that the default of a union is a value of its first type. `apache-avro` does not check it, although it checks
    /// other defaults (Apache, *Avro specification*, *Complex Types*).
    fn check_default(&self, field: &RecordField, ShapeId(place): ShapeId) -> Result<(), String> {
        let (Some(default), Some(Shape::Union(branches))) =
            (&field.default, self.shapes.get(place))
        else {
            return Ok(());
        };
        let first = branches.first().map(|branch| branch.shape.0);
        let first = first.and_then(|place| self.shapes.get(place));
        if first.is_some_and(|first| is_like(first, default)) {
            return Ok(());
        }
        let name = &field.name;
        Err(format!(
            "the default of the field {name:?} is not of the first type of its union"
        ))
    }

    fn push(&mut self, shape: Shape) -> ShapeId {
        self.shapes.push(shape);
        ShapeId(self.shapes.len() - 1)
    }

    /// Reserves the id of a named type, which may refer to itself.
    fn reserve(&mut self, name: &Name) -> Result<ShapeId, String> {
        let id = self.push(Shape::Null);
        let name = name.fullname(None);
        if self.named.contains_key(&name) {
            return Err(format!("the type {name:?} is defined twice"));
        }
        self.named.insert(name, id);
        Ok(id)
    }

    fn fill(&mut self, ShapeId(place): ShapeId, shape: Shape) {
        if let Some(reserved) = self.shapes.get_mut(place) {
            *reserved = shape;
        }
    }

    fn find(&self, name: &Name) -> Result<ShapeId, String> {
        let name = name.fullname(None);
        let found = self.named.get(&name).copied();
        found.ok_or_else(|| format!("the type {name:?} is not defined"))
    }

    /// Returns the key of a branch of a union in Avro JSON: the full name of a named type, else the kind of type.
    fn branch_name(&self, branch: &Schema, ShapeId(place): ShapeId) -> String {
        if let Schema::Ref { name } = branch {
            return name.fullname(None);
        }
        if let Some((name, _)) = self.named.iter().find(|(_, id)| id.0 == place) {
            return name.clone();
        }
        let kind = match self.shapes.get(place) {
            Some(Shape::Boolean) => "boolean",
            Some(Shape::Int) => "int",
            Some(Shape::Long) => "long",
            Some(Shape::Float) => "float",
            Some(Shape::Double) => "double",
            Some(Shape::Bytes) => "bytes",
            Some(Shape::String) => "string",
            Some(Shape::Array(_)) => "array",
            Some(Shape::Map(_)) => "map",
            _ => "null",
        };
        kind.to_owned()
    }
}

/// Returns true if a default is JSON of the kind that the type is written as.
fn is_like(shape: &Shape, default: &Value) -> bool {
    match shape {
        Shape::Null => default.is_null(),
        Shape::Boolean => default.is_boolean(),
        Shape::Int | Shape::Long | Shape::Float | Shape::Double => default.is_number(),
        Shape::Bytes | Shape::String | Shape::Fixed(_) | Shape::Enum(_) => default.is_string(),
        Shape::Array(_) => default.is_array(),
        Shape::Map(_) | Shape::Record(_) => default.is_object(),
        Shape::Union(_) => false,
    }
}

/// Removes the logical types from a definition. They do not affect the form of a value: a reader that does not know one
/// uses the underlying type, as Google's emulator does (Apache, *Avro specification*, *Logical Types*).
fn forget_logical_types(definition: &mut Value) {
    match definition {
        Value::Array(parts) => parts.iter_mut().for_each(forget_logical_types),
        Value::Object(members) => {
            members.remove("logicalType");
            for (key, member) in members {
                // A default is a value, not a type.
                if key != "default" {
                    forget_logical_types(member);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::types::Value;
    use apache_avro::writer::datum::GenericDatumWriter;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    /// A type and one value of it, for `apache-avro` and as JSON. `number_types` sets the names of named types.
    type Sample = (Json, Value, Json);

    fn sample() -> impl Strategy<Value = Sample> {
        let leaf = prop_oneof![
            Just((json!("null"), Value::Null, Json::Null)),
            any::<bool>().prop_map(|it| (json!("boolean"), Value::Boolean(it), json!(it))),
            any::<i32>().prop_map(|it| (json!("int"), Value::Int(it), json!(it))),
            any::<i64>().prop_map(|it| (json!("long"), Value::Long(it), json!(it))),
            any::<f32>().prop_map(|it| (json!("float"), Value::Float(it), json!(1))),
            any::<i16>().prop_map(|it| (json!("double"), Value::Double(it.into()), json!(it))),
            "\\PC{0,5}".prop_map(|it| (json!("string"), Value::String(it.clone()), json!(it))),
            any::<Vec<u8>>().prop_map(|it| {
                let text: String = it.iter().copied().map(char::from).collect();
                (json!("bytes"), Value::Bytes(it), json!(text))
            }),
            any::<[u8; 3]>().prop_map(|it| {
                let text: String = it.iter().copied().map(char::from).collect();
                let schema = json!({"type": "fixed", "name": "?", "size": 3});
                (schema, Value::Fixed(3, it.to_vec()), json!(text))
            }),
            Just((
                json!({"type": "enum", "name": "?", "symbols": ["A", "B"]}),
                Value::Enum(1, "B".to_owned()),
                json!("B")
            )),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(record),
                inner.clone().prop_map(|(schema, value, json)| (
                    json!({"type": "array", "items": schema}),
                    Value::Array(vec![value.clone(), value]),
                    json!([json, json])
                )),
                inner.clone().prop_map(|(schema, value, json)| (
                    json!({"type": "map", "values": schema}),
                    Value::Map(HashMap::from([("k".to_owned(), value)])),
                    json!({"k": json})
                )),
                inner.prop_map(optional),
            ]
        })
    }

    fn record(parts: Vec<Sample>) -> Sample {
        let mut fields = Vec::new();
        let mut values = Vec::new();
        let mut members = serde_json::Map::new();
        for (place, (schema, value, json)) in parts.into_iter().enumerate() {
            let name = format!("f{place}");
            fields.push(json!({"name": name, "type": schema}));
            values.push((name.clone(), value));
            members.insert(name, json);
        }
        let schema = json!({"type": "record", "name": "?", "fields": fields});
        (schema, Value::Record(values), Json::Object(members))
    }

    /// Returns a union of the type with null, if Avro allows it: not for a union, for null, or for a type without a name so
    /// far.
    fn optional((schema, value, json): Sample) -> Sample {
        let kind = schema.get("type").unwrap_or(&schema).clone();
        match kind.as_str() {
            None | Some("null" | "record" | "fixed" | "enum") => (schema, value, json),
            Some(kind) => {
                let wrapped = json!({ kind: json });
                (
                    json!(["null", schema]),
                    Value::Union(1, Box::new(value)),
                    wrapped,
                )
            }
        }
    }

    /// Sets a unique name for every named type.
    fn number_types(schema: &mut Json, next: &mut usize) {
        match schema {
            Json::Array(parts) => parts.iter_mut().for_each(|part| number_types(part, next)),
            Json::Object(members) => {
                if members.get("name") == Some(&json!("?")) {
                    members.insert("name".to_owned(), json!(format!("T{next}")));
                    *next += 1;
                }
                members
                    .values_mut()
                    .for_each(|member| number_types(member, next));
            }
            _ => {}
        }
    }

    #[test]
    fn what_is_not_avro_is_rejected() {
        for definition in [
            "",
            "{",
            "{}",
            r#""strange""#,
            r#"{"type": "record", "name": "R"}"#,
            r#"{"type": "record", "name": "R", "fields": [{"name": "x", "type": "Missing"}]}"#,
            r#"{"type": "record", "name": "1R", "fields": []}"#,
            r#"["null", "null"]"#,
            r#"{"type": "record", "name": "R", "fields": [{"name": "x", "type": ["string", "null"], "default": null}]}"#,
            r#"{"type": "record", "name": "R", "fields": [{"name": "x", "type": ["null", "string"], "default": ""}]}"#,
            r#"{"type": "record", "name": "R", "fields": [{"name": "x", "type": "int", "default": "1"}]}"#,
            r#"{"type": "record", "name": "R", "fields": [{"name": "x", "type": {"type": "record", "name": "R", "fields": []}}]}"#,
        ] {
            assert!(Avro::compile(definition).is_err(), "{definition}");
        }
        let deep = format!(
            "{}\"int\"{}",
            r#"{"type":"array","items":"#.repeat(10_000),
            "}".repeat(10_000)
        );
        assert!(Avro::compile(&deep).is_err());
    }

    #[test]
    fn defaults_are_of_the_first_type_of_a_union() {
        for (branches, default) in [
            (r#""null", "string""#, "null"),
            (r#""string", "null""#, r#""a""#),
            (r#""long", "null""#, "1"),
            (
                r#""null", {"type": "long", "logicalType": "timestamp-millis"}"#,
                "null",
            ),
            (r#"{"type": "array", "items": "int"}, "null""#, "[]"),
            (r#"{"type": "map", "values": "int"}, "null""#, "{}"),
        ] {
            let definition = format!(
                r#"{{"type": "record", "name": "R", "fields": [{{"name": "x", "type": [{branches}], "default": {default}}}]}}"#
            );
            let compiled = Avro::compile(&definition).map(drop);
            assert_eq!(compiled, Ok(()), "{definition}");
        }
    }

    /// Returns the compiled schema, and the bytes that the other implementation writes for the value.
    fn written(schema: &mut Json, value: Value) -> (Avro, Vec<u8>) {
        number_types(schema, &mut 0);
        let parsed = Schema::parse(schema).unwrap();
        let writer = GenericDatumWriter::builder(&parsed).build().unwrap();
        let bytes = writer.write_value_to_vec(value).unwrap();
        (Avro::compile(&schema.to_string()).unwrap(), bytes)
    }

    proptest! {
        #[test]
        fn what_apache_avro_writes_fits((mut schema, value, json) in sample()) {
            let (avro, bytes) = written(&mut schema, value);
            let json_fits = avro.check_json(json.to_string().as_bytes());
            prop_assert!(json_fits.is_ok(), "{:?} {} {}", json_fits, schema, json);
            let fits = avro.check_binary(&bytes);
            prop_assert!(fits.is_ok(), "{:?} {} {:?}", fits, schema, bytes);
        }

        #[test]
        fn a_part_of_what_apache_avro_writes_does_not_fit((mut schema, value, _) in sample()) {
            let (avro, bytes) = written(&mut schema, value);
            if !bytes.is_empty() {
                prop_assert!(avro.check_binary(&bytes[..bytes.len() - 1]).is_err());
            }
        }

        #[test]
        fn nothing_may_follow_what_apache_avro_writes((mut schema, value, _) in sample()) {
            let (avro, mut bytes) = written(&mut schema, value);
            bytes.push(0);
            prop_assert!(avro.check_binary(&bytes).is_err());
        }

        #[test]
        fn no_definition_panics(
            definition in "([\\[\\]{}:,]|\"(type|name|fields|record|items|array|map|values|union|enum|symbols|fixed|size|int|logicalType|decimal|precision|uuid|a)\"|[0-9]){0,30}",
        ) {
            let _ = Avro::compile(&definition);
        }

        #[test]
        fn no_message_panics((mut schema, _, json) in sample(), bytes in any::<Vec<u8>>()) {
            number_types(&mut schema, &mut 0);
            let avro = Avro::compile(&schema.to_string()).unwrap();
            let _ = avro.check_binary(&bytes);
            let _ = avro.check_json(&bytes);
            let _ = Avro::compile(r#"["null","string",{"type":"array","items":"long"}]"#).unwrap().check_json(json.to_string().as_bytes());
        }
    }
}
