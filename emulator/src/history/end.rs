//! What the delivering code tells the history.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::delivery::{Reply, Settlement};

/// The most of an answer's body that is kept.
pub(crate) const MAX_EXCERPT_BYTES: usize = 2 * 1024;
const MAX_HEADERS: usize = 32;
const MAX_HEADER_BYTES: usize = 512;
const MAX_REASON_BYTES: usize = 1_024;

/// How a message reaches its subscriber.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// The emulator sends it.
    Push,
    /// The subscriber fetched it.
    #[expect(dead_code, reason = "messages cannot be pulled yet")]
    Pull,
}

/// How one delivery of a message ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// What the endpoint answered; nothing for a pulled message.
    pub(crate) reply: Option<Reply>,
    /// What became of the lease of a pulled message; nothing for a push.
    pub(crate) verdict: Option<Verdict>,
    /// Why there was no answer, as far as is known.
    pub(crate) reason: Option<String>,
    /// From the start to the answer, the acknowledgement, or to giving up.
    pub(crate) latency: Duration,
    /// The answer, if there was one and it is known.
    pub(crate) answer: Option<Answer>,
    /// What becomes of the message.
    pub(crate) settlement: Settlement,
}

/// What a subscriber said about a message that it pulled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It acknowledged it.
    #[expect(dead_code, reason = "messages cannot be pulled yet")]
    Acked,
    /// It gave it back, by an ack deadline of zero.
    #[expect(dead_code, reason = "messages cannot be pulled yet")]
    Nacked,
    /// Nothing before the ack deadline.
    #[expect(dead_code, reason = "messages cannot be pulled yet")]
    LeaseExpired,
}

/// What an endpoint answered to a push.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The first bytes of the body.
    pub(crate) body_excerpt: Bytes,
}

/// Something that was done to a whole subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Note {
    /// What was published before this time counts as acknowledged, the rest as not.
    #[cfg_attr(not(test), expect(dead_code, reason = "subscriptions cannot seek yet"))]
    Seek { to: OffsetDateTime },
    /// It took back the acknowledgements of a snapshot.
    #[expect(dead_code, reason = "there are no snapshots yet")]
    SeekToSnapshot { snapshot: String },
    /// All its messages were thrown away.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "subscriptions cannot be purged yet")
    )]
    Purged,
    /// It is pushed elsewhere, or otherwise, or not at all.
    PushConfigChanged,
    /// Faults were switched on, changed or switched off; the text says which.
    #[expect(dead_code, reason = "there are no faults yet")]
    FaultsChanged { faults: String },
    /// Somebody asked for a message again.
    Redelivered { message_id: String },
}

impl End {
    /// The same within the bounds of what is kept.
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
            // A slice would keep all of the body it was cut from.
            let excerpt = answer.body_excerpt.iter().take(MAX_EXCERPT_BYTES);
            answer.body_excerpt = excerpt.copied().collect();
        }
        self
    }

    /// What its texts take, roughly.
    pub(super) fn text_bytes(&self) -> usize {
        let answer = self.answer.as_ref().map_or(0, |answer| {
            let headers = answer.headers.iter();
            let headers: usize = headers
                .map(|(name, value)| 64 + name.len() + value.len())
                .sum();
            headers + answer.body_excerpt.len()
        });
        answer + self.reason.as_ref().map_or(0, String::len)
    }
}

fn shorten(text: &mut String, limit: usize) {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.shrink_to_fit();
    }
}
