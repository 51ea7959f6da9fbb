//! The cause of a dead letter.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::origin::dead_letter_of;
use crate::console::attempt;
use crate::console::source::Source;
use crate::history::{Content, MessageRecord, source_subscription};
use crate::messages::storage::StoredMessage;

/// The prefix of attributes that a service may add to its own dead letters.
const REASON: &str = "pushgate-dead-letter-";

/// The cause of a dead letter, as far as it is known.
pub(super) struct Cause {
    /// The subscription that dead-lettered it.
    pub(super) source: Option<String>,
    /// The reason of the service that published it.
    reason: Option<String>,
    /// The reply to the last delivery.
    reply: Option<String>,
    /// The service's error, or the outcome and the reason of the last delivery.
    detail: Option<String>,
}

impl Cause {
    /// Returns the key of its group: equal for causes that differ in numbers only, such as line and column.
    pub(super) fn key(&self) -> String {
        let mut hasher = DefaultHasher::new();
        let detail = self.detail.as_deref().map(without_numbers);
        (&self.source, &self.reason, &self.reply, detail).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    pub(super) fn view(&self) -> Value {
        json!({"reason": self.reason, "reply": self.reply, "detail": self.detail})
    }
}

/// Returns the cause of a dead letter.
pub(super) fn cause(source: &Source, dead_letter: &StoredMessage) -> Cause {
    let attribute = |name: &str| {
        dead_letter
            .attributes
            .get(&format!("{REASON}{name}"))
            .cloned()
    };
    let (reason, error) = (attribute("reason"), attribute("error"));
    let by = source_subscription(dead_letter);
    if reason.is_some() || error.is_some() {
        return Cause {
            source: by,
            reason,
            reply: None,
            detail: error,
        };
    }
    let of = dead_letter_of(source, dead_letter);
    let last = |record: &MessageRecord| last_failure(record, by.as_deref());
    let detail = of.and_then(|of| source.history().look(of.sequence, last).flatten());
    Cause {
        source: by,
        reason: None,
        reply: of.and_then(|of| of.reply).map(attempt::reply),
        detail,
    }
}

/// Returns the cause of the dead letter with this sequence, if the history has it with its content.
pub(in crate::console) fn cause_of(source: &Source, sequence: u64) -> Value {
    let content = |record: &MessageRecord| record.content.clone();
    match source.history().look(sequence, content) {
        Some(Content::Kept(dead_letter)) => cause(source, &dead_letter).view(),
        _ => Value::Null,
    }
}

/// Returns the outcome and the reason of the last delivery to a subscription.
fn last_failure(record: &MessageRecord, subscription: Option<&str>) -> Option<String> {
    let mut entries = record.subscriptions.iter();
    let entry = entries.find(|entry| Some(entry.subscription.as_str()) == subscription)?;
    let ended = entry.attempts.back()?.end.as_ref()?;
    let outcome = attempt::outcome(&ended.1);
    let parts = [outcome.map(str::to_owned), attempt::reason(&ended.1)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// Replaces each number by `0`.
fn without_numbers(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_ascii_digit() {
            result.push(character);
        } else if !result.ends_with('0') {
            result.push('0');
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: &str, reason: &str, detail: &str) -> String {
        let cause = Cause {
            source: Some(source.to_owned()),
            reason: Some(reason.to_owned()),
            reply: None,
            detail: Some(detail.to_owned()),
        };
        cause.key()
    }

    #[test]
    fn causes_that_differ_in_numbers_only_are_one_group() {
        let one = key("billing", "payload", "line 1, column 105: missing `id`");
        assert_eq!(
            one,
            key("billing", "payload", "line 12, column 7: missing `id`")
        );
        assert_ne!(
            one,
            key("billing", "payload", "line 1, column 5: missing `name`")
        );
        assert_ne!(
            one,
            key("audit", "payload", "line 1, column 5: missing `id`")
        );
        assert_ne!(
            one,
            key("billing", "rejected", "line 1, column 5: missing `id`")
        );
    }
}
