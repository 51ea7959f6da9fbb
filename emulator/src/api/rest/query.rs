//! Query parameters: fields of the request, and the parameters of all Google APIs.

use axum::http::Uri;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage};
use serde_json::{Map, Value};
use tonic::Status;

use super::{json, once};

/// Parameters of every Google API (Google, *System parameters*), which have no effect here. They may start with a `$`.
const SYSTEM: [&str; 13] = [
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "userProject",
    ".xgafv",
    "userIp",
];

/// The query of a request.
pub(in crate::api) struct Query {
    /// The parameters of this RPC.
    pub(in crate::api) parameters: Vec<(String, String)>,
    /// True if the response has enumerations as numbers (Google, *System parameters*, `$alt`).
    pub(super) enums_as_numbers: bool,
}

impl Query {
    pub(in crate::api) fn read(uri: &Uri) -> Result<Self, Status> {
        let all = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        let axum::extract::Query(all) =
            all.map_err(|rejection| Status::invalid_argument(rejection.body_text()))?;
        let (system, parameters): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(name, _)| is_system(name));
        let enums_as_numbers = system.iter().any(|(name, value)| {
            name.trim_start_matches('$') == "alt" && value.contains("enum-encoding=int")
        });
        Ok(Self {
            parameters,
            enums_as_numbers,
        })
    }

    /// Sets the fields that the parameters name.
    pub(super) fn bind(&self, message: &mut DynamicMessage) -> Result<(), Status> {
        if self.parameters.is_empty() {
            return Ok(());
        }
        let mut fields = Map::new();
        for (name, value) in &self.parameters {
            insert(&mut fields, &message.descriptor(), name, value)
                .ok_or_else(|| cannot_bind(name))?;
        }
        *message = json::from_value(&message.descriptor(), Value::Object(fields))?;
        Ok(())
    }
}

fn is_system(name: &str) -> bool {
    SYSTEM.contains(&name.trim_start_matches('$'))
}

/// Sets a field of a message, or of a message in it, such as `options.requestedPolicyVersion`.
fn insert(
    fields: &mut Map<String, Value>,
    message: &MessageDescriptor,
    name: &str,
    value: &str,
) -> Option<()> {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let by_name = message.get_field_by_name(first);
    let field = by_name.or_else(|| message.get_field_by_json_name(first))?;
    let place = fields.entry(field.json_name().to_owned());
    if rest.is_empty() {
        let value = written(&field, value)?;
        let place = place.or_insert(Value::Null);
        match place {
            Value::Array(values) => values.push(value),
            Value::Null if field.is_list() => *place = Value::Array(vec![value]),
            Value::Null => *place = value,
            _ => return None,
        }
        return Some(());
    }
    let Kind::Message(inner) = field.kind() else {
        return None;
    };
    let nested = place.or_insert_with(|| Value::Object(Map::new()));
    insert(nested.as_object_mut()?, &inner, rest, value)
}

/// Returns a parameter as the JSON of its field. Messages have none, except for those that are text in JSON.
fn written(field: &FieldDescriptor, value: &str) -> Option<Value> {
    let text = Value::from(value);
    match field.kind() {
        Kind::Message(message) if message.package_name() != "google.protobuf" => None,
        Kind::Bool => Some(value.parse().map_or(text, Value::Bool)),
        Kind::Enum(_) => Some(value.parse::<i32>().map_or(text, Value::from)),
        _ => Some(text),
    }
}

fn cannot_bind(name: &str) -> Status {
    Status::invalid_argument(format!(
        "Invalid JSON payload received. Unknown name {:?}: the request has no such query parameter",
        once::excerpt(name)
    ))
}
