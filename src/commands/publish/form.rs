//! From a line to a message.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::source::Line;
use crate::loggable::decoding::decode;
use crate::publisher::{Draft, new_event_id};
use crate::trace::Trace;

/// What each line is, and what all messages have.
pub(super) struct Form {
    pub(super) is_message: bool,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) ordering_key: Option<String>,
    pub(super) ordering_key_from: Option<String>,
    pub(super) event_id: Option<String>,
    pub(super) event_id_from: Option<String>,
    pub(super) event_id_attribute: String,
    pub(super) trace: Option<Trace>,
    /// With a line's number its event id, in each run that resumes this one.
    pub(super) run: String,
    pub(super) is_many: bool,
    /// Whether data must be JSON.
    pub(super) is_checked: bool,
}

/// A line that is a whole message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Whole {
    data: Option<Box<RawValue>>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    ordering_key: String,
    event_id: Option<String>,
}

/// A message, and which event it is.
pub(super) struct Written {
    pub(super) draft: Draft,
    pub(super) event_id: String,
}

impl Form {
    /// The message of a line, within Pub/Sub's limits.
    pub(super) fn write(&self, line: Line) -> Result<Written, String> {
        let number = line.number;
        let (mut draft, own_event_id) = self.read(line.text)?;
        if draft.ordering_key.is_empty() {
            draft.ordering_key = self.ordering_key(&draft.data)?;
        }
        let event_id = match own_event_id {
            Some(event_id) => event_id,
            None => self.event_id(number, &draft.data)?,
        };
        let trace = self.trace.clone().unwrap_or_else(Trace::begin);
        let draft = draft
            .with_event((&self.event_id_attribute, &event_id), &trace)
            .map_err(|error| error.to_string())?;
        draft.check().map_err(|error| error.to_string())?;
        Ok(Written { draft, event_id })
    }

    fn read(&self, text: Vec<u8>) -> Result<(Draft, Option<String>), String> {
        let mut attributes = self.attributes.clone();
        if !self.is_message {
            if self.is_checked {
                self.decode::<IgnoredAny>(&text)?;
            }
            let draft = Draft {
                data: text.into(),
                attributes,
                ordering_key: String::new(),
            };
            return Ok((draft, None));
        }
        let whole: Whole = self.decode(&text)?;
        attributes.extend(whole.attributes);
        let data = whole.data.map_or_else(Bytes::new, |data| {
            Bytes::copy_from_slice(data.get().as_bytes())
        });
        if data.is_empty() && attributes.is_empty() {
            return Err("neither data nor attributes".into());
        }
        Ok((
            Draft {
                data,
                attributes,
                ordering_key: whole.ordering_key,
            },
            whole.event_id,
        ))
    }

    /// Decodes a line, which must hold the whole document.
    fn decode<T: serde::de::DeserializeOwned>(&self, text: &[u8]) -> Result<T, String> {
        let ends_later = |_: &String| {
            self.is_many
                && serde_json::from_slice::<IgnoredAny>(text).is_err_and(|error| error.is_eof())
        };
        decode(text).map_err(|error| match ends_later(&error) {
            true => "the JSON document does not end in this line, expected a whole one in each line, as jq -c . FILE writes them".into(),
            false => error,
        })
    }

    fn ordering_key(&self, data: &[u8]) -> Result<String, String> {
        match &self.ordering_key_from {
            Some(pointer) => at(data, pointer, "the ordering key"),
            None => Ok(self.ordering_key.clone().unwrap_or_default()),
        }
    }

    fn event_id(&self, number: u64, data: &[u8]) -> Result<String, String> {
        match (&self.event_id, &self.event_id_from) {
            (Some(event_id), _) => Ok(event_id.clone()),
            (None, Some(pointer)) => at(data, pointer, "the event id"),
            (None, None) if self.is_many => Ok(format!("{}-{number}", self.run)),
            (None, None) => Ok(new_event_id()),
        }
    }
}

/// The text or whole number at a place in the data.
fn at(data: &[u8], pointer: &str, what: &str) -> Result<String, String> {
    let data: Value = decode(data)?;
    match data.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        _ => Err(format!(
            "{what} is missing: no text or whole number at {pointer:?}"
        )),
    }
}

/// `NAME=VALUE`.
pub(super) fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A JSON Pointer to something within the data.
pub(super) fn pointer(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("expected a JSON Pointer that begins with a slash, such as /order/id".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form {
            is_message: false,
            attributes: BTreeMap::from([("source".into(), "shop".into())]),
            ordering_key: None,
            ordering_key_from: None,
            event_id: None,
            event_id_from: None,
            event_id_attribute: "event-id".into(),
            trace: None,
            run: "run".into(),
            is_many: true,
            is_checked: true,
        }
    }

    fn check(form: &Form, text: &str, expected: Result<(&str, &str, &str), &str>) {
        let line = Line {
            number: 7,
            text: text.into(),
        };
        let found = form.write(line).map(|written| {
            assert_eq!(written.draft.attributes["event-id"], written.event_id);
            let data = String::from_utf8_lossy(&written.draft.data).into_owned();
            (data, written.draft.ordering_key, written.event_id)
        });
        let found = found
            .as_ref()
            .map(|(data, key, id)| (&**data, &**key, &**id));
        assert_eq!(found.map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn a_line_of_data_is_published_as_it_is() {
        check(
            &form(),
            r#"{"n": 1.50}"#,
            Ok((r#"{"n": 1.50}"#, "", "run-7")),
        );
        let from = |pointer: &str| Form {
            ordering_key_from: Some(pointer.into()),
            event_id_from: Some("/id".into()),
            ..form()
        };
        check(
            &from("/n"),
            r#"{"n":1,"id":"e"}"#,
            Ok((r#"{"n":1,"id":"e"}"#, "1", "e")),
        );
        check(
            &from("/m"),
            r#"{"n":1,"id":"e"}"#,
            Err("the ordering key is missing: no text or whole number at \"/m\""),
        );
        check(
            &form(),
            "hush",
            Err("the document (line 1, column 1): not valid JSON"),
        );
        check(
            &form(),
            "{} hush",
            Err("more data after the JSON document (line 1, column 4)"),
        );
        let unchecked = Form {
            is_checked: false,
            ..form()
        };
        check(&unchecked, "hush", Ok(("hush", "", "run-7")));
    }

    #[test]
    fn a_line_can_be_a_whole_message() {
        let form = Form {
            is_message: true,
            ordering_key: Some("all".into()),
            ..form()
        };
        let whole =
            r#"{"data":{"n": 1.50},"attributes":{"source":"x"},"orderingKey":"k","eventId":"e"}"#;
        check(&form, whole, Ok((r#"{"n": 1.50}"#, "k", "e")));
        check(&form, r#"{"data":1}"#, Ok(("1", "all", "run-7")));
        check(
            &form,
            r#"{"attributes":{"a":"b"}}"#,
            Ok(("", "all", "run-7")),
        );
        check(
            &form,
            r#"{"attributes":{"a":["hush"]}}"#,
            Err("`attributes.a` (line 1, column 20): expected a string"),
        );
        check(
            &form,
            r#"{"datum":"hush"}"#,
            Err(
                "`datum` (line 1, column 8): expected one of `data`, `attributes`, `orderingKey`, `eventId`",
            ),
        );
        let bare = Form {
            attributes: BTreeMap::new(),
            ..form
        };
        check(&bare, "{}", Err("neither data nor attributes"));
        let google = r#"{"data":1,"attributes":{"goog":"hush"}}"#;
        check(
            &bare,
            google,
            Err("attribute \"goog\" begins with \"goog\", which is reserved"),
        );
    }
}
