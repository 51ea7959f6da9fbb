//! Turns lines into messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Arguments;
use crate::loggable::decoding::decode;
use crate::publisher::{Draft, new_event_id};
use crate::trace::Trace;

/// The form of each line, and the parts that all messages share.
pub(super) struct Form<'a> {
    pub(super) arguments: &'a Arguments,
    /// The prefix of event ids, the same in every run with one checkpoint.
    pub(super) run: String,
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

impl Form<'_> {
    /// Returns the message of a line, within Pub/Sub's limits, and its event id.
    pub(super) fn write(
        &self,
        line: Option<u64>,
        text: Vec<u8>,
    ) -> Result<(Draft, String), String> {
        let (mut draft, event_id) = self.read(line, text)?;
        if draft.ordering_key.is_empty() {
            draft.ordering_key = self.ordering_key(&draft.data)?;
        }
        let event_id = match event_id {
            Some(event_id) => event_id,
            None => self.event_id(line, &draft.data)?,
        };
        let trace = self.arguments.traceparent.clone();
        let event = (&*self.arguments.event_id_attribute, &*event_id);
        let draft = draft
            .with_event(event, &trace.unwrap_or_else(Trace::begin))
            .map_err(|error| error.to_string())?;
        draft.check().map_err(|error| error.to_string())?;
        Ok((draft, event_id))
    }

    fn read(&self, line: Option<u64>, text: Vec<u8>) -> Result<(Draft, Option<String>), String> {
        let attributes = self.arguments.attributes.iter().cloned().collect();
        let mut draft = Draft {
            data: Bytes::new(),
            attributes,
            ordering_key: String::new(),
        };
        if !self.arguments.messages {
            if !self.arguments.unchecked {
                decode_line::<IgnoredAny>(line, &text)?;
            }
            draft.data = text.into();
            return Ok((draft, None));
        }
        let whole: Whole = decode_line(line, &text)?;
        draft.attributes.extend(whole.attributes);
        draft.ordering_key = whole.ordering_key;
        if let Some(data) = whole.data {
            draft.data = Bytes::copy_from_slice(data.get().as_bytes());
        }
        if draft.data.is_empty() && draft.attributes.is_empty() {
            return Err("neither data nor attributes".into());
        }
        Ok((draft, whole.event_id))
    }

    fn ordering_key(&self, data: &[u8]) -> Result<String, String> {
        match &self.arguments.ordering_key_from {
            Some(pointer) => at(data, pointer, "the ordering key"),
            None => Ok(self.arguments.ordering_key.clone().unwrap_or_default()),
        }
    }

    fn event_id(&self, line: Option<u64>, data: &[u8]) -> Result<String, String> {
        match (&self.arguments.event_id, &self.arguments.event_id_from) {
            (Some(event_id), _) => Ok(event_id.clone()),
            (None, Some(pointer)) => at(data, pointer, "the event id"),
            (None, None) => {
                Ok(line.map_or_else(new_event_id, |line| format!("{}-{line}", self.run)))
            }
        }
    }
}

/// Decodes a line, which must hold the whole JSON document.
fn decode_line<T: serde::de::DeserializeOwned>(
    line: Option<u64>,
    text: &[u8],
) -> Result<T, String> {
    decode(text).map_err(|fault| match serde_json::from_slice::<IgnoredAny>(text) {
        Err(error) if line.is_some() && error.is_eof() => "the JSON document does not end in this line, expected a whole one in each line, as jq -c . FILE writes them".into(),
        _ => fault,
    })
}

/// Returns the text or the whole number at a place in the data.
fn at(data: &[u8], pointer: &str, name: &str) -> Result<String, String> {
    let data: Value = decode(data)?;
    match data.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        _ => Err(format!(
            "{name} is missing: no text or whole number at {pointer:?}"
        )),
    }
}

/// Parses `NAME=VALUE`.
pub(super) fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a JSON Pointer to a place within the data.
pub(super) fn pointer(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("expected a JSON Pointer that begins with a slash, such as /order/id".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// Checks data, ordering key and event id of the message that line 7 of a file becomes with these flags.
    fn check(flags: &[&str], text: &str, expected: Result<(&str, &str, &str), &str>) {
        let command = ["publish", "orders", "--file=f"];
        let command = Command::try_parse_from(command.iter().chain(flags)).expect("flags");
        let form = Form {
            arguments: &command.arguments,
            run: "run".into(),
        };
        let found = form.write(Some(7), text.into()).map(|(draft, event_id)| {
            assert_eq!(draft.attributes["event-id"], event_id);
            let data = String::from_utf8_lossy(&draft.data).into_owned();
            (data, draft.ordering_key, event_id)
        });
        let found = found
            .as_ref()
            .map(|(data, key, id)| (&**data, &**key, &**id));
        assert_eq!(found.map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn a_line_of_data_is_published_as_it_is() {
        let number = r#"{"n": 1.50}"#;
        check(&[], number, Ok((number, "", "run-7")));
        let fault = "the document (line 1, column 1): not valid JSON";
        check(&[], "hush", Err(fault));
        let fault = "more data after the JSON document (line 1, column 4)";
        check(&[], "{} hush", Err(fault));
        check(&["--unchecked"], "hush", Ok(("hush", "", "run-7")));
    }

    #[test]
    fn metadata_is_read_from_the_named_places_in_the_data() {
        let order = r#"{"n":1,"id":"e"}"#;
        let flags = ["--event-id-from=/id", "--ordering-key-from=/n"];
        check(&flags, order, Ok((order, "1", "e")));
    }

    #[test]
    fn a_missing_ordering_key_is_a_fault() {
        let order = r#"{"n":1,"id":"e"}"#;
        let fault = "the ordering key is missing: no text or whole number at \"/m\"";
        check(&["--ordering-key-from=/m"], order, Err(fault));
    }

    #[test]
    fn a_line_can_be_a_whole_message() {
        let flags = ["--messages", "--ordering-key=all", "--attribute=source=s"];
        let whole =
            r#"{"data":{"n": 1.50},"attributes":{"source":"x"},"orderingKey":"k","eventId":"e"}"#;
        check(&flags, whole, Ok((r#"{"n": 1.50}"#, "k", "e")));
        check(&flags, r#"{"data":1}"#, Ok(("1", "all", "run-7")));
        let without_data = r#"{"attributes":{"a":"b"}}"#;
        check(&flags, without_data, Ok(("", "all", "run-7")));
    }

    #[test]
    fn a_whole_message_of_another_form_is_rejected() {
        for (text, fault) in [
            (
                r#"{"attributes":{"a":["hush"]}}"#,
                "`attributes.a` (line 1, column 20): expected a string",
            ),
            (
                r#"{"datum":"hush"}"#,
                "`datum` (line 1, column 8): expected one of `data`, `attributes`, `orderingKey`, `eventId`",
            ),
            ("{}", "neither data nor attributes"),
            (
                r#"{"data":1,"attributes":{"goog":"hush"}}"#,
                "attribute \"goog\" begins with \"goog\", which is reserved",
            ),
        ] {
            check(&["--messages"], text, Err(fault));
        }
    }
}
