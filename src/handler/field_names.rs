//! Places in a type's JSON Schema: the JSON names of fields, for which `validator` reports the names in Rust, and the places that
//! require an object.

use serde_json::Value;
use validator::{ValidationErrors, ValidationErrorsKind};

/// The limits of references and of alternatives, which no schema of a type reaches.
const LONGEST_CHAIN: usize = 32;
const MOST_SCHEMAS: usize = 256;

/// A parameter of a rule, and the keywords that state it in a schema.
const KEYWORDS: [(&str, &[&str]); 3] = [
    ("min", &["minLength", "minItems", "minimum"]),
    ("max", &["maxLength", "maxItems", "maximum"]),
    ("equal", &["minLength", "minItems"]),
];

/// The part of a schema for one place of a document: several schemas if alternatives or parts are combined.
#[derive(Clone, Default)]
pub(crate) struct Place<'a> {
    root: Option<&'a Value>,
    schemas: Vec<&'a Value>,
}

impl<'a> Place<'a> {
    /// Returns the place of the whole document.
    pub(crate) fn root(schema: &'a Value) -> Self {
        Self::below(Some(schema), [schema])
    }

    fn below(root: Option<&'a Value>, schemas: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut place = Self {
            root,
            schemas: Vec::new(),
        };
        for schema in schemas {
            place.add(schema, LONGEST_CHAIN);
        }
        place
    }

    fn add(&mut self, schema: &'a Value, left: usize) {
        if left == 0 || self.schemas.len() == MOST_SCHEMAS {
            return;
        }
        self.schemas.push(schema);
        let reference = schema.get("$ref").and_then(Value::as_str);
        let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
        let target = pointer.and_then(|pointer| self.root?.pointer(pointer));
        let parts = ["allOf", "anyOf", "oneOf"]
            .iter()
            .filter_map(|keyword| schema.get(keyword)?.as_array())
            .flatten();
        for schema in target.into_iter().chain(parts) {
            self.add(schema, left - 1);
        }
    }

    /// Returns true if the schema has no rules for this place.
    pub(crate) fn is_unknown(&self) -> bool {
        self.schemas.is_empty()
    }

    /// Returns the place of the elements of an array, or of the values of a map, at this place.
    pub(crate) fn elements(&self) -> Self {
        let elements = self.schemas.iter().flat_map(|schema| {
            ["items", "additionalProperties"]
                .iter()
                .filter_map(|keyword| schema.get(keyword))
        });
        Self::below(self.root, elements)
    }

    /// Returns the JSON name of a field, and its place. If the JSON name is ambiguous, this is the Rust name; a flattened struct has
    /// no name, and the same place.
    pub(crate) fn field(&self, rust: &str, broken: &ValidationErrorsKind) -> (String, Self) {
        let properties = || {
            self.schemas
                .iter()
                .filter_map(|schema| schema.get("properties")?.as_object())
                .flatten()
        };
        let wanted = simple(rust);
        let same = properties().filter(|(name, _)| simple(name) == wanted);
        let found = single(same).or_else(|| {
            // The field is renamed, and the only one with the broken rule.
            let alike = properties()
                .filter(|(_, schema)| Self::below(self.root, [*schema]).could_break(broken));
            single(alike)
        });
        match found {
            Some((name, schemas)) => (name.to_owned(), Self::below(self.root, schemas)),
            None if self.flattens(broken) => (String::new(), self.clone()),
            None => (rust.to_owned(), Self::default()),
        }
    }

    /// Returns true if a value of this place can have these violations.
    fn could_break(&self, broken: &ValidationErrorsKind) -> bool {
        match broken {
            ValidationErrorsKind::Field(faults) => faults.iter().all(|fault| {
                let mut stated = false;
                let fits = KEYWORDS.iter().all(|(parameter, keywords)| {
                    let Some(bound) = fault.params.get(*parameter).and_then(Value::as_f64) else {
                        return true;
                    };
                    stated = true;
                    self.states(|schema| {
                        keywords.iter().any(|keyword| {
                            schema.get(keyword).and_then(Value::as_f64) == Some(bound)
                        })
                    })
                });
                let format = match fault.code.as_ref() {
                    "email" => Some("email"),
                    "url" => Some("uri"),
                    _ => None,
                };
                let has_format = format.is_some_and(|format| {
                    self.states(|schema| schema.get("format").is_some_and(|found| found == format))
                });
                fits && (stated || has_format)
            }),
            ValidationErrorsKind::Struct(inner) => self.has_fields_of(inner),
            ValidationErrorsKind::List(items) => {
                let elements = self.elements();
                items
                    .values()
                    .next()
                    .is_some_and(|inner| elements.has_fields_of(inner))
            }
        }
    }

    fn flattens(&self, broken: &ValidationErrorsKind) -> bool {
        matches!(broken, ValidationErrorsKind::Struct(inner) if self.has_fields_of(inner))
    }

    /// Returns the place of the value of this key.
    pub(crate) fn value(&self, key: &str) -> Self {
        let properties = self
            .schemas
            .iter()
            .filter_map(|schema| schema.get("properties"));
        let named: Vec<_> = properties
            .filter_map(|properties| properties.get(key))
            .collect();
        if named.is_empty() {
            let others = self
                .schemas
                .iter()
                .filter_map(|schema| schema.get("additionalProperties"));
            return Self::below(self.root, others);
        }
        Self::below(self.root, named)
    }

    /// Returns true if an object is valid here, and no array.
    pub(crate) fn expects_object(&self) -> bool {
        const SILENT: [&str; 8] = [
            "$ref",
            "allOf",
            "anyOf",
            "oneOf",
            "const",
            "enum",
            "properties",
            "type",
        ];
        let has_type = |schema: &Value, wanted: &str| match schema.get("type") {
            Some(Value::Array(types)) => types.iter().any(|found| found == wanted),
            found => found.is_some_and(|found| found == wanted),
        };
        let takes_anything =
            |schema: &Value| SILENT.iter().all(|keyword| schema.get(keyword).is_none());
        self.states(|schema| has_type(schema, "object"))
            && !self.states(|schema| has_type(schema, "array") || takes_anything(schema))
    }

    fn states(&self, keyword: impl Fn(&Value) -> bool) -> bool {
        self.schemas.iter().any(|schema| keyword(schema))
    }

    fn has_fields_of(&self, errors: &ValidationErrors) -> bool {
        errors.errors().keys().all(|field| {
            let wanted = simple(field);
            self.states(|schema| {
                let properties = schema.get("properties").and_then(Value::as_object);
                properties
                    .is_some_and(|properties| properties.keys().any(|name| simple(name) == wanted))
            })
        })
    }
}

/// Returns the one name among these, with all of its schemas; `None` if there are several names, or none.
fn single<'a>(
    properties: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Option<(&'a str, Vec<&'a Value>)> {
    let mut found: Option<(&str, Vec<&Value>)> = None;
    for (name, schema) in properties {
        match &mut found {
            Some((known, _)) if *known != name.as_str() => return None,
            Some((_, schemas)) => schemas.push(schema),
            None => found = Some((name, vec![schema])),
        }
    }
    found
}

/// Returns the name in the form that no `rename_all` changes.
fn simple(name: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
