//! A flattened schema: references resolved, `allOf` merged, `anyOf` and `oneOf` as alternatives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Bounds that schemas of types stay below.
const MOST_ALTERNATIVES: usize = 256;
const LONGEST_CHAIN: usize = 32;

/// One alternative. The references point into the whole schema, so that a place in it can be recognised.
#[derive(Clone, Default)]
pub(super) struct Flat<'a> {
    pub(super) keywords: BTreeMap<&'a str, &'a Value>,
    pub(super) properties: BTreeMap<&'a str, &'a Value>,
    pub(super) required: BTreeSet<&'a str>,
}

/// The reason why a schema cannot be read.
pub(super) type Opaque = String;

/// Returns the alternatives of a schema: it accepts a value if one of them does.
pub(super) fn alternatives<'a>(
    root: &'a Value,
    schema: &'a Value,
) -> Result<Vec<Flat<'a>>, Opaque> {
    expand(root, schema, LONGEST_CHAIN)
}

/// Follows a schema that only refers to another one. A recursive type is recognised by its place.
pub(super) fn settled<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    for _ in 0..LONGEST_CHAIN {
        let next = match (at.get("$ref"), at.get("allOf").and_then(Value::as_array)) {
            (Some(reference), _) => target(root, reference).ok(),
            (None, Some(parts)) if is_only(at, "allOf") && parts.len() == 1 => parts.first(),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
    }
    at
}

fn is_only(schema: &Value, keyword: &str) -> bool {
    let names = schema.as_object().into_iter().flat_map(Map::keys);
    names
        .into_iter()
        .all(|name| name == keyword || is_annotation(name))
}

fn expand<'a>(root: &'a Value, schema: &'a Value, left: usize) -> Result<Vec<Flat<'a>>, Opaque> {
    let left = left
        .checked_sub(1)
        .ok_or("its references are nested too deep")?;
    let schema = match schema {
        Value::Bool(true) => return Ok(vec![Flat::default()]),
        Value::Bool(false) => return Ok(Vec::new()),
        Value::Object(schema) => schema,
        _ => return Err("it is neither an object nor a boolean".into()),
    };
    // In draft 7 keywords beside a reference are ignored.
    if let Some(reference) = schema.get("$ref") {
        return expand(root, target(root, reference)?, left);
    }
    let mut found = vec![Flat::of(schema)];
    for part in list(schema, "allOf")?.unwrap_or_default() {
        found = both(&found, &expand(root, part, left)?)?;
    }
    for either in ["anyOf", "oneOf"] {
        let Some(branches) = list(schema, either)? else {
            continue;
        };
        let mut any = Vec::new();
        for branch in branches {
            any.extend(expand(root, branch, left)?);
        }
        found = both(&found, &any)?;
    }
    Ok(found)
}

fn list<'a>(schema: &'a Map<String, Value>, name: &str) -> Result<Option<&'a [Value]>, Opaque> {
    match schema.get(name) {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(format!("its {name} is no list")),
    }
}

fn target<'a>(root: &'a Value, reference: &Value) -> Result<&'a Value, Opaque> {
    let text = reference.as_str().unwrap_or_default();
    let inside = text.strip_prefix('#').and_then(|place| root.pointer(place));
    inside.ok_or_else(|| format!("it refers to {text:?}, which is not in it"))
}

/// Returns the alternatives for values that fit one of the first and one of the others.
fn both<'a>(these: &[Flat<'a>], those: &[Flat<'a>]) -> Result<Vec<Flat<'a>>, Opaque> {
    if these.len().saturating_mul(those.len()) > MOST_ALTERNATIVES {
        return Err("it has too many alternatives".into());
    }
    let mut found = Vec::new();
    for one in these {
        for other in those {
            found.push(one.with(other)?);
        }
    }
    Ok(found)
}

impl<'a> Flat<'a> {
    fn of(schema: &'a Map<String, Value>) -> Self {
        let apart = ["properties", "required", "allOf", "anyOf", "oneOf"];
        let keywords = schema
            .iter()
            .filter(|(name, _)| !apart.contains(&name.as_str()));
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        Self {
            keywords: keywords
                .filter(|(name, _)| !is_annotation(name))
                .map(|(name, value)| (name.as_str(), value))
                .collect(),
            properties: properties
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str(), value))
                .collect(),
            required: required
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
        }
    }

    fn with(&self, other: &Self) -> Result<Self, Opaque> {
        let mut sum = self.clone();
        for (name, value) in &other.keywords {
            if *sum.keywords.entry(name).or_insert(value) != *value {
                return Err(format!("it has two different values of {name}"));
            }
        }
        for (name, value) in &other.properties {
            if *sum.properties.entry(name).or_insert(value) != *value {
                return Err(format!(
                    "it has two different definitions of property {name:?}"
                ));
            }
        }
        sum.required.extend(&other.required);
        Ok(sum)
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&'a str> {
        self.keywords.get(keyword).and_then(|value| value.as_str())
    }

    /// Returns the only values, if they are enumerated.
    pub(super) fn values(&self) -> Option<Vec<&'a Value>> {
        let listed = self.keywords.get("enum").and_then(|list| list.as_array());
        let listed = listed.map(|list| list.iter().collect());
        listed.or_else(|| self.keywords.get("const").map(|value| vec![*value]))
    }

    /// Returns the types; all if none is named.
    pub(super) fn types(&self) -> Vec<&'a str> {
        match self.keywords.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => vec!["null", "boolean", "number", "string", "array", "object"],
        }
    }

    pub(super) fn accepts_type(&self, name: &str) -> bool {
        let types = self.types();
        types.contains(&name) || name == "integer" && types.contains(&"number")
    }
}

/// Returns true for keywords that restrict nothing.
fn is_annotation(keyword: &str) -> bool {
    const ANNOTATIONS: [&str; 15] = [
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "definitions",
        "$defs",
        "$schema",
        "$id",
        "$comment",
        "contentEncoding",
        "contentMediaType",
    ];
    ANNOTATIONS.contains(&keyword) || keyword.starts_with("x-")
}
