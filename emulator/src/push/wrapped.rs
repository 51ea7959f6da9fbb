//! The body of a wrapped push: JSON, written from Google's documentation.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::messages::message::ReceivedMessage;

/// RFC 3339 with milliseconds, as in Google's samples (Google, *Push subscriptions*, "Receive messages").
const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    message: WrappedMessage<'a>,
    subscription: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_attempt: Option<u32>,
}

/// Id and time are sent in both spellings (Google, *Push subscriptions*, "Receive messages").
#[derive(Serialize)]
struct WrappedMessage<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    data: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    #[serde(rename = "messageId")]
    id: &'a str,
    #[serde(rename = "message_id")]
    id_again: &'a str,
    #[serde(rename = "publishTime")]
    time: &'a str,
    #[serde(rename = "publish_time")]
    time_again: &'a str,
    #[serde(rename = "orderingKey", skip_serializing_if = "str::is_empty")]
    ordering_key: &'a str,
}

/// Returns the body of one push. `attempt` is set only with a dead-letter policy.
///
/// Empty data is left out, as proto3 JSON leaves out defaults. Google's behaviour is not documented.
pub(crate) fn write(
    subscription: &str,
    message: &ReceivedMessage,
    attempt: Option<u32>,
) -> serde_json::Result<Vec<u8>> {
    let time = timestamp(message.publish_time);
    let mut body = Vec::with_capacity(likely_bytes(message));
    let envelope = Envelope {
        message: WrappedMessage {
            data: STANDARD.encode(&message.data),
            attributes: &message.attributes,
            id: &message.id,
            id_again: &message.id,
            time: &time,
            time_again: &time,
            ordering_key: &message.ordering_key,
        },
        subscription,
        delivery_attempt: attempt,
    };
    serde_json::to_writer(&mut body, &envelope)?;
    Ok(body)
}

/// Estimates the size of a body: Base64 takes four bytes for three. Names and punctuation of most messages take less than this.
fn likely_bytes(message: &ReceivedMessage) -> usize {
    512 + message.content_bytes() / 3 * 4 + 8 * message.attributes.len()
}

/// Formats a time like Pub/Sub, for pushes and for the attributes of dead letters.
pub(crate) fn timestamp(time: OffsetDateTime) -> String {
    // This format fails only for years beyond 9999, which no clock shows.
    time.format(MILLISECONDS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::message::Message;
    use serde_json::{Value, json};
    use time::macros::datetime;

    fn written(message: Message, attempt: Option<u32>) -> Value {
        let message = ReceivedMessage::new(77, message, datetime!(2030-01-02 03:04:05.678 UTC));
        let body = write("projects/shop/subscriptions/orders", &message, attempt).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_full_message_has_every_field() {
        let message = Message::new("hi")
            .with_attribute("kind", "order")
            .with_ordering_key("customer-9");
        assert_eq!(
            written(message, Some(2)),
            json!({
                "message": {
                    "data": "aGk=", "attributes": {"kind": "order"}, "orderingKey": "customer-9",
                    "messageId": "77", "message_id": "77",
                    "publishTime": "2030-01-02T03:04:05.678Z", "publish_time": "2030-01-02T03:04:05.678Z",
                },
                "subscription": "projects/shop/subscriptions/orders", "deliveryAttempt": 2,
            })
        );
    }

    #[test]
    fn what_is_not_set_is_not_written() {
        let body = written(Message::new("hi"), None);
        assert_eq!(body.get("deliveryAttempt"), None);
        assert_eq!(body["message"].get("attributes"), None);
        assert_eq!(body["message"].get("orderingKey"), None);
        let body = written(Message::default().with_attribute("kind", "order"), None);
        assert_eq!(body["message"].get("data"), None);
    }
}
