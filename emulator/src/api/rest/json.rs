//! Bodies: proto3 JSON to and from messages (*ProtoJSON format*).

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, SerializeOptions};
use serde::de::DeserializeSeed;
use serde_json::error::Category;
use serde_json::{Deserializer, Serializer, Value};
use tonic::Status;

use super::once::{GIVEN_TWICE, Once, TOO_LONG, excerpt};
use crate::descriptor;

/// The fields that hold update masks.
const MASKS: [&str; 2] = ["updateMask", "update_mask"];

/// Reads a body on top of the query. An empty body is an empty object. Having both is not documented (*HttpRule*, `body`),
/// but Google's service accepts it, and Terraform sends its update masks so.
pub(super) fn read_over(message: &mut DynamicMessage, body: &[u8]) -> Result<(), Status> {
    let read = read(&message.descriptor(), body)?;
    for (field, value) in read.fields() {
        message.set_field(&field, value.clone());
    }
    Ok(())
}

fn read(message: &MessageDescriptor, body: &[u8]) -> Result<DynamicMessage, Status> {
    check_once(message, body)?;
    if message.get_field_by_name("update_mask").is_some() && !body.is_empty() {
        let value = serde_json::from_slice(body).map_err(|error| rejection(&error))?;
        return from_value(message, value);
    }
    parse(message, body)
}

/// Reads one field of a message, which must be a message.
pub(super) fn read_field(
    message: &mut DynamicMessage,
    field: &str,
    body: &[u8],
) -> Result<(), Status> {
    let found = message.descriptor().get_field_by_name(field);
    if let Some(field) = found
        && let Kind::Message(inner) = field.kind()
    {
        check_once(&inner, body)?;
        message.set_field(&field, prost_reflect::Value::Message(parse(&inner, body)?));
    }
    Ok(())
}

pub(super) fn from_value(
    message: &MessageDescriptor,
    mut value: Value,
) -> Result<DynamicMessage, Status> {
    spell_masks(&mut value);
    DynamicMessage::deserialize(message.clone(), value).map_err(|error| rejection(&error))
}

/// Writes a message of this name.
pub(in crate::api) fn write_message(
    full_name: &str,
    message: &impl prost::Message,
) -> Result<Vec<u8>, Status> {
    write(full_name, &message.encode_to_vec(), false)
}

/// Writes the response of an RPC.
pub(super) fn write(
    full_name: &str,
    answer: &[u8],
    enums_as_numbers: bool,
) -> Result<Vec<u8>, Status> {
    let answer = DynamicMessage::decode(descriptor::message(full_name)?, answer)
        .map_err(|error| Status::internal(format!("the answer cannot be read: {error}")))?;
    let options = SerializeOptions::new().use_enum_numbers(enums_as_numbers);
    let mut json = Vec::new();
    answer
        .serialize_with_options(&mut Serializer::new(&mut json), &options)
        .map_err(|error| Status::internal(format!("the answer cannot be written: {error}")))?;
    Ok(json)
}

/// Rejects a body with a repeated field, or with too many values. Other errors are found when it is read.
fn check_once(message: &MessageDescriptor, body: &[u8]) -> Result<(), Status> {
    let once = Once::of(message);
    match once.deserialize(&mut Deserializer::from_slice(body)) {
        Err(error) if error.is_data() => Err(rejection(&error)),
        _ => Ok(()),
    }
}

fn parse(message: &MessageDescriptor, body: &[u8]) -> Result<DynamicMessage, Status> {
    let text = if body.is_empty() { b"{}" } else { body };
    let mut json = Deserializer::from_slice(text);
    DynamicMessage::deserialize(message.clone(), &mut json)
        .and_then(|message| json.end().map(|()| message))
        .map_err(|error| rejection(&error))
}

/// Converts a mask. JSON has its paths in camelCase; Google also accepts snake_case, which the library does not.
fn spell_masks(value: &mut Value) {
    for name in MASKS {
        if let Some(Value::String(mask)) = value.get_mut(name) {
            *mask = camel_case(mask);
        }
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// Returns the error of invalid JSON. The JSON may contain personal data, so the error has names of fields but no values.
fn rejection(error: &serde_json::Error) -> Status {
    let text = error.to_string();
    let place = match error.line() {
        0 => String::new(),
        line => format!(" at line {line} column {}", error.column()),
    };
    let text = text.strip_suffix(&place).unwrap_or(&text);
    if TOO_LONG.contains(&text) {
        return Status::invalid_argument(text);
    }
    let reason = match error.classify() {
        Category::Data => data_reason(text),
        Category::Syntax | Category::Eof | Category::Io => text.to_owned(),
    };
    Status::invalid_argument(format!("Invalid JSON payload received: {reason}{place}"))
}

/// Returns the reason for which JSON is not such a message, without the value. Libraries put the expectation last.
fn data_reason(text: &str) -> String {
    let unknown = text.strip_prefix("unrecognized field name '");
    if let Some(name) = unknown.and_then(|name| name.strip_suffix('\'')) {
        return format!("unknown name {:?}, there is no such field", excerpt(name));
    }
    if text.ends_with(GIVEN_TWICE) {
        return text.to_owned();
    }
    if text.starts_with("multiple fields provided for oneof") {
        return text.to_owned();
    }
    if let Some((_, expected)) = text.rsplit_once(", expected ") {
        return format!("expected {expected}");
    }
    let kinds = [
        ("invalid base64", "bytes that are not Base64"),
        ("invalid rfc3339", "a timestamp that is not RFC 3339"),
        ("unrecognized enum", "no value of the enumeration"),
        ("invalid field mask", "a field mask that names no fields"),
    ];
    let kind = kinds.iter().find(|(begin, _)| text.starts_with(begin));
    kind.map_or("a value that its field cannot hold", |(_, kind)| kind)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, body: &str, expected: &str) {
        let message = descriptor::message(&format!("google.pubsub.v1.{name}")).unwrap();
        let rejected = read(&message, body.as_bytes()).unwrap_err();
        let expected = format!("Invalid JSON payload received: {expected}");
        assert_eq!(rejected.message(), expected, "{body}");
    }

    #[test]
    fn rejections_say_what_is_wrong_with_json() {
        let end = "EOF while parsing an object at line 1 column 1";
        check("Topic", "{", end);
        let more = "trailing characters at line 1 column 4";
        check("Topic", "{} secret", more);
        check("Topic", "[]", "expected a map at line 1 column 0");
        let unknown = "unknown name \"nme\", there is no such field at line 1 column 6";
        check("Topic", r#"{"nme": "secret"}"#, unknown);
        let both = r#"{"time": "2030-01-02T03:04:05Z", "snapshot": "x"}"#;
        let oneof = "multiple fields provided for oneof 'target' at line 1 column 49";
        check("SeekRequest", both, oneof);
    }

    #[test]
    fn a_field_that_is_given_twice_is_rejected() {
        for (name, body, field) in [
            ("Topic", r#"{"name": "a", "name": "a"}"#, "name"),
            (
                "Subscription",
                r#"{"ackDeadlineSeconds": 10, "ack_deadline_seconds": 10}"#,
                "ack_deadline_seconds",
            ),
            (
                "PublishRequest",
                r#"{"messages": [{"data": "", "attributes": {"k": "1", "k": "2"}}]}"#,
                "k",
            ),
            (
                "Subscription",
                r#"{"pushConfig": {"pushEndpoint": "a", "pushEndpoint": "b"}}"#,
                "pushEndpoint",
            ),
        ] {
            let message = descriptor::message(&format!("google.pubsub.v1.{name}")).unwrap();
            let rejected = read(&message, body.as_bytes()).unwrap_err();
            let expected =
                format!("Invalid JSON payload received: {field:?} is given twice at line 1 ");
            assert!(rejected.message().starts_with(&expected), "{rejected}");
        }
        let different = r#"{"attributes": {"a_b": "1", "aB": "2"}}"#;
        let message = descriptor::message("google.pubsub.v1.PubsubMessage").unwrap();
        assert!(read(&message, different.as_bytes()).is_ok());
    }

    #[test]
    fn an_array_is_no_message() {
        for (name, body) in [
            ("PublishRequest", r#"["projects/p/topics/t", []]"#),
            ("PublishRequest", r#"{"messages": [["aGk="]]}"#),
            ("PubsubMessage", r#"{"attributes": [["k", "v"]]}"#),
            ("Subscription", r#"{"pushConfig": ["http://a/"]}"#),
        ] {
            let message = descriptor::message(&format!("google.pubsub.v1.{name}")).unwrap();
            let rejected = read(&message, body.as_bytes()).unwrap_err();
            assert!(rejected.message().contains("expected a map"), "{rejected}");
        }
    }

    #[test]
    fn rejections_of_a_value_do_not_repeat_it() {
        let check = |name: &str, field: &str, value: &str, expected: &str| {
            let body = format!("{{\"{field}\":\n{value}}}");
            // The error is at the end of the value.
            let place = format!(" at line 2 column {}", value.len());
            check(name, &body, &format!("{expected}{place}"));
        };
        check("Topic", "name", "7777777", "expected a string");
        let number = "expected a 32-bit signed integer";
        check("Subscription", "ackDeadlineSeconds", "true", number);
        let number = "a value that its field cannot hold";
        check("Subscription", "ackDeadlineSeconds", "\"secret\"", number);
        let data = "\"not base64, expected secret\"";
        check("PubsubMessage", "data", data, "bytes that are not Base64");
        let time = "a timestamp that is not RFC 3339";
        check("PubsubMessage", "publishTime", "\"secret\"", time);
        let encoding = "no value of the enumeration";
        check("SchemaSettings", "encoding", "\"secret\"", encoding);
    }

    #[test]
    fn masks_are_read_in_either_spelling() {
        let message = descriptor::message("google.pubsub.v1.UpdateTopicRequest").unwrap();
        for body in [
            r#"{"updateMask": "labels,push_config.push_endpoint"}"#,
            r#"{"update_mask": "labels,pushConfig.pushEndpoint"}"#,
        ] {
            let read = read(&message, body.as_bytes()).unwrap();
            let request: googleapis_tonic_google_pubsub_v1::google::pubsub::v1::UpdateTopicRequest =
                read.transcode_to().unwrap();
            let paths = request.update_mask.unwrap().paths;
            assert_eq!(paths, ["labels", "push_config.push_endpoint"], "{body}");
        }
    }
}
