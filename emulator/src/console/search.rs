//! The search in the content of messages.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::messages::message::ReceivedMessage;
use crate::messages::storage::StoredMessage;

/// The longest text that is searched for.
const MAX_BYTES: usize = 256;

/// A text that is searched for in data, attributes and ordering keys, in lower case: it matches in either case.
pub(super) struct Search(String);

impl Search {
    /// Returns `None` for an empty text.
    pub(super) fn new(text: &str) -> Option<Self> {
        let end = text.floor_char_boundary(MAX_BYTES);
        let text = text.get(..end)?.trim();
        (!text.is_empty()).then(|| Self(text.to_lowercase()))
    }

    /// Returns the sequences of the messages that contain the text. It runs beside the tasks that push, which it would hold up.
    pub(super) async fn find(self, messages: Vec<Arc<StoredMessage>>) -> HashSet<u64> {
        let search = move || {
            let found = messages.iter().filter(|message| self.is_in(message));
            found.map(|message| message.sequence).collect()
        };
        spawn_blocking(search).await.unwrap_or_default()
    }

    /// Returns true if the data, an attribute as `key=value`, or the ordering key contains the text.
    fn is_in(&self, message: &ReceivedMessage) -> bool {
        let mut attributes = message.attributes.iter();
        self.is_in_text(&String::from_utf8_lossy(&message.data))
            || self.is_in_text(&message.ordering_key)
            || attributes.any(|(key, value)| self.is_in_text(&format!("{key}={value}")))
    }

    fn is_in_text(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::message::Message;
    use time::OffsetDateTime;

    fn check(text: &str, expected: bool) {
        let message = Message::new(r#"{"name": "Ada Öberg"}"#)
            .with_attribute("kind", "order")
            .with_ordering_key("customer-7");
        let message = ReceivedMessage::new(1, message, OffsetDateTime::UNIX_EPOCH);
        let found = Search::new(text).is_some_and(|search| search.is_in(&message));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_text_is_found_in_every_part_of_a_message() {
        for text in [
            "\"ada ", " ADA ", "öBERG", "kind", "order", "kind=ord", "mer-7", "{",
        ] {
            check(text, true);
        }
        for text in ["", "  ", "ada lovelace", "kindorder", "order=kind"] {
            check(text, false);
        }
    }

    #[test]
    fn a_search_has_a_bound() {
        let Search(text) = Search::new(&"é".repeat(1_000)).unwrap();
        assert_eq!(text.len(), MAX_BYTES);
    }
}
