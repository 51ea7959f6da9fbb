//! The ends of deliveries, and notes on subscriptions, as they are recorded.

use std::time::Duration;

use time::OffsetDateTime;

use crate::event::{Reply, Settlement};
use crate::push::{Answer, MAX_KEPT_BYTES};

const MAX_HEADERS: usize = 32;
const MAX_HEADER_BYTES: usize = 512;
const MAX_REASON_BYTES: usize = 1_024;

/// The two ways in which a message reaches its subscriber.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeliveryType {
    /// The emulator sends it.
    Push,
    /// The subscriber fetched it.
    Pull,
}

/// The end of one delivery of a message.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The answer of the endpoint, or the action of the client that pulled.
    pub(crate) reply: Reply,
    /// The reason for a missing answer, if it is known.
    pub(crate) reason: Option<String>,
    /// The time from the start to the answer or the time-out. If unset, it is computed from the recorded start.
    pub(crate) latency: Option<Duration>,
    /// The answer, if there was one and it is known.
    pub(crate) answer: Option<Answer>,
    /// The settlement of the message.
    pub(crate) settlement: Settlement,
}

/// An operation on a whole subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Note {
    /// Messages published before this time count as acknowledged, the others as not.
    Seek { to: OffsetDateTime },
    /// It was reset to a snapshot.
    SeekToSnapshot { snapshot: String },
    /// All its messages were purged.
    Purged,
    /// All its messages count as exported.
    Exported,
    /// Its push settings changed.
    PushConfigChanged,
    /// Faults were switched on, changed or switched off; `faults` describes them.
    FaultsChanged { faults: String },
    /// A client requested another delivery of a message.
    Redelivered { message_id: String },
    /// Messages were acknowledged in the console.
    Removed { messages: usize },
}

impl End {
    /// Shortens its texts to the limits of the history.
    pub(super) fn bounded(mut self) -> Self {
        if let Some(reason) = &mut self.reason {
            shorten(reason, MAX_REASON_BYTES);
        }
        if let Some(answer) = &mut self.answer {
            answer.headers.truncate(MAX_HEADERS);
            for (name, value) in &mut answer.headers {
                shorten(name, MAX_HEADER_BYTES);
                shorten(value, MAX_HEADER_BYTES);
            }
            answer.body.truncate(MAX_KEPT_BYTES);
            if let Some(reason) = &mut answer.reason {
                shorten(reason, MAX_REASON_BYTES);
            }
        }
        self
    }

    /// Returns the approximate size of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        let answer = self.answer.as_ref().map_or(0, |answer| {
            let headers = answer.headers.iter();
            let headers: usize = headers
                .map(|(name, value)| 64 + name.len() + value.len())
                .sum();
            let words = length(answer.outcome.as_ref()) + length(answer.reason.as_ref());
            headers + answer.body.len() + words
        });
        answer + length(self.reason.as_ref())
    }
}

fn length(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

fn shorten(text: &mut String, limit: usize) {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.shrink_to_fit();
    }
}
