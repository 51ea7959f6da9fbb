//! Turns lines into messages, and checks these against the types that the topic's subscribers read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Arguments;
use crate::loggable::decoding::decode;
use crate::publisher::{Draft, short_name};
use crate::subscriber::Subscriber;
use crate::trace::Trace;

/// A line that is a whole message.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Whole {
    data: Option<Box<RawValue>>,
    attributes: BTreeMap<String, String>,
    ordering_key: String,
    event_id: Option<String>,
}

/// Returns the message of a line, within Pub/Sub's limits, and its event id. `prefix` begins all event ids of the run that are not
/// given.
pub(super) fn draft(
    arguments: &Arguments,
    prefix: &str,
    line: Option<u64>,
    text: Vec<u8>,
) -> Result<(Draft, String), String> {
    let mut attributes: BTreeMap<_, _> = arguments.attributes.iter().cloned().collect();
    let mut data = Bytes::from(text);
    let mut whole = Whole::default();
    if arguments.messages {
        whole = decode_line(line, &data)?;
        attributes.extend(whole.attributes);
        let text = whole.data.as_ref().map_or("", |data| data.get());
        data = Bytes::copy_from_slice(text.as_bytes());
        if data.is_empty() && attributes.is_empty() {
            return Err("neither data nor attributes".into());
        }
    } else if !arguments.unchecked {
        decode_line::<IgnoredAny>(line, &data)?;
    }
    let ordering_key = match &arguments.ordering_key_from {
        _ if !whole.ordering_key.is_empty() => whole.ordering_key,
        Some(pointer) => at(&data, pointer, "the ordering key")?,
        None => arguments.ordering_key.clone().unwrap_or_default(),
    };
    let given = whole.event_id.or_else(|| arguments.event_id.clone());
    let event_id = match (given, &arguments.event_id_from, line) {
        (Some(event_id), ..) => event_id,
        (None, Some(pointer), _) => at(&data, pointer, "the event id")?,
        (None, None, Some(line)) => format!("{prefix}-{line}"),
        (None, None, None) => prefix.to_owned(),
    };
    let trace = arguments.traceparent.clone().unwrap_or_else(Trace::begin);
    Draft {
        data,
        attributes,
        ordering_key,
    }
    .with_event((&arguments.event_id_attribute, &event_id), &trace)
    .and_then(|draft| draft.check().map(|_| (draft, event_id)))
    .map_err(|error| error.to_string())
}

/// Decodes a line, which must hold the whole JSON document.
fn decode_line<T: DeserializeOwned>(line: Option<u64>, text: &[u8]) -> Result<T, String> {
    decode(text).map_err(|fault| match serde_json::from_slice::<IgnoredAny>(text) {
        Err(error) if line.is_some() && error.is_eof() => "the JSON document does not end in this line, expected one whole document in each line: jq -c . FILE writes such lines".into(),
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

/// Returns the subscribers that must be able to read the messages of a topic, or none if nothing is checked.
///
/// # Errors
/// The topic has none.
pub(super) fn subscribers<'a>(
    declared: &'a [Subscriber],
    topic: &str,
    is_unchecked: bool,
) -> Result<Vec<&'a Subscriber>, String> {
    if is_unchecked {
        return Ok(Vec::new());
    }
    let topic = short_name(topic).unwrap_or(topic);
    let of_topic = declared.iter().filter(|one| one.topic == topic);
    let of_topic: Vec<_> = of_topic.collect();
    if !of_topic.is_empty() {
        return Ok(of_topic);
    }
    let known: BTreeSet<&str> = declared.iter().map(|one| &*one.topic).collect();
    Err(format!(
        "no subscriber of this program is declared for topic {topic:?}, only for: {}. Publish from the program that declares it, or with --unchecked",
        Vec::from_iter(known).join(", ")
    ))
}

/// Checks a message against all subscribers that receive it. Each fault names its subscriber, and no value. A message that no
/// subscriber receives is probably a mistake.
pub(super) fn faults(subscribers: &[&Subscriber], draft: &Draft) -> Vec<String> {
    let attributes = Arc::new(draft.attributes.clone());
    let (receiving, excluding): (Vec<&Subscriber>, Vec<_>) = subscribers
        .iter()
        .partition(|subscriber| subscriber.gets(&attributes));
    let mut faults = Vec::new();
    for subscriber in &receiving {
        for violation in subscriber.violations(&draft.data, &attributes) {
            faults.push(format!("subscriber {:?}: {violation}", subscriber.id));
        }
    }
    if receiving.is_empty() {
        faults.extend(excluding.iter().map(|subscriber| format!(
            "subscriber {:?}: its filter {:?} excludes this message, and no other subscriber here receives it: add the attribute, or use --unchecked",
            subscriber.id,
            subscriber.cloud.filter.as_deref().unwrap_or_default()
        )));
    }
    faults
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{Idempotency, Message, Raw};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// Checks data, ordering key and event id of the message that line 7 of a file becomes with these flags.
    fn check(flags: &[&str], text: &str, expected: Result<(&str, &str, &str), &str>) {
        let command = ["publish", "orders", "--file=f"];
        let command = Command::try_parse_from(command.iter().chain(flags)).expect("flags");
        let found = super::draft(&command.arguments, "run", Some(7), text.into()).map(
            |(draft, event_id)| {
                assert_eq!(draft.attributes["event-id"], event_id);
                let data = String::from_utf8_lossy(&draft.data).into_owned();
                (data, draft.ordering_key, event_id)
            },
        );
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

    #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
    struct Order {
        #[validate(length(min = 1))]
        id: String,
    }

    async fn fulfil(_: Message<Order>) {}
    async fn archive(_: Message<Raw>) {}

    fn declared() -> [Subscriber; 3] {
        [
            Subscriber::new("fulfilment", fulfil)
                .topic("orders")
                .idempotency(Idempotency::by_attribute("order")),
            Subscriber::new("archive", archive)
                .topic("orders")
                .idempotency(Idempotency::by_payload("/id")),
            Subscriber::new("refunds", archive).topic("refunds"),
        ]
    }

    /// Checks a message with one attribute against the subscribers of the topic `orders`.
    fn faults(declared: &[Subscriber], data: &'static str, attribute: &str) -> Vec<String> {
        let subscribers = subscribers(declared, "orders", false).expect("a topic");
        super::faults(&subscribers, &draft(data, attribute))
    }

    fn draft(data: &'static str, attribute: &str) -> Draft {
        Draft {
            data: data.into(),
            attributes: BTreeMap::from([(attribute.to_owned(), "hush".to_owned())]),
            ordering_key: String::new(),
        }
    }

    #[test]
    fn a_message_must_fit_each_subscriber_of_its_topic() {
        let none: [&str; 0] = [];
        assert_eq!(faults(&declared(), r#"{"id":"A-1"}"#, "order"), none);
        assert_eq!(
            faults(&declared(), r#"{"id":""}"#, "other"),
            [
                "subscriber \"fulfilment\": `id` breaks the rule length (min 1)",
                "subscriber \"fulfilment\": the idempotency key is missing: no attribute \"order\", or an empty one",
                "subscriber \"archive\": the idempotency key is missing: no string, integer of 64 bits or boolean at \"/id\" in the payload, or an empty one",
            ]
        );
    }

    #[test]
    fn a_message_must_fit_only_the_subscribers_that_receive_it() {
        let declared = [
            Subscriber::new("fulfilment", fulfil)
                .topic("orders")
                .filter("attributes:paid"),
            Subscriber::new("archive", archive)
                .topic("orders")
                .filter("attributes:old"),
        ];
        let check = |attribute: &str| faults(&declared, "hush", attribute);
        assert!(check("old").is_empty());
        let faults = check("paid");
        assert!(
            faults[0].starts_with("subscriber \"fulfilment\": "),
            "{faults:?}"
        );
        let lost = check("new");
        assert_eq!(lost.len(), 2);
        assert!(
            lost[1].contains("\"attributes:old\" excludes this message"),
            "{lost:?}"
        );
    }

    #[test]
    fn an_unknown_topic_is_rejected_with_the_known_ones() {
        let declared = declared();
        let error = subscribers(&declared, "ordrs", false)
            .err()
            .expect("unknown");
        assert!(
            error.contains("\"ordrs\", only for: orders, refunds."),
            "{error}"
        );
        let unchecked = subscribers(&declared, "ordrs", true).expect("anything");
        assert!(super::faults(&unchecked, &draft("hush", "any")).is_empty());
    }
}
