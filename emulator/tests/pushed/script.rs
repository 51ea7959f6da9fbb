//! The answers of an endpoint, in the order of pushes.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// The declaration of the subscription, and its pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub(super) is_ordered: bool,
    pub(super) has_dead_letters: bool,
    pub(super) has_backoff: bool,
    pub(super) is_eager: bool,
}

/// The reaction of the endpoint to one push.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Status(u16),
    /// The connection is closed without an answer.
    Nothing,
    /// The connection is closed within the status line.
    Fragment,
    /// No answer until the push times out.
    Silence,
}

/// One message, with the answers to its first pushes. Later pushes are acked.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    /// The ordering key; 0 for none.
    pub(super) key: u8,
    pub(super) answers: Vec<Answer>,
}

/// A change of the subscription while it pushes, with its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interference {
    pub(super) after_seconds: u64,
    /// True for a purge; otherwise all messages are replayed.
    pub(super) is_purge: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) declared: Declared,
    pub(super) messages: Vec<Scripted>,
}

impl Answer {
    /// The acknowledging statuses, copied independently from Google's documentation (Google, *Push subscriptions*, "Receive
    /// messages").
    pub(super) fn is_ack(self) -> bool {
        [102, 200, 201, 202, 204].map(Self::Status).contains(&self)
    }
}

impl Scripted {
    /// Returns the answer to an attempt, starting with 1.
    pub(super) fn answer(&self, attempt: usize) -> Answer {
        let answer = self.answers.get(attempt - 1).copied();
        answer.unwrap_or(Answer::Status(204))
    }
}

pub(super) fn script() -> impl Strategy<Value = Script> {
    (declared(), vec(scripted(), 1..12))
        .prop_map(|(declared, messages)| Script { declared, messages })
}

pub(super) fn interference() -> impl Strategy<Value = Interference> {
    (0..600_u64, any::<bool>()).prop_map(|(after_seconds, is_purge)| Interference {
        after_seconds,
        is_purge,
    })
}

fn declared() -> impl Strategy<Value = Declared> {
    any::<[bool; 4]>().prop_map(|[ordered, dead_letters, backoff, eager]| Declared {
        is_ordered: ordered,
        has_dead_letters: dead_letters,
        has_backoff: backoff,
        is_eager: eager,
    })
}

fn scripted() -> impl Strategy<Value = Scripted> {
    (0..3_u8, vec(answer(), 0..8)).prop_map(|(key, answers)| Scripted { key, answers })
}

/// Generates answers. The case that shrinks best is first.
fn answer() -> impl Strategy<Value = Answer> {
    let acks = select(vec![204, 200, 201, 202, 102]);
    let nacks = select(vec![
        500, 203, 206, 301, 304, 400, 401, 403, 404, 409, 410, 429, 502, 503, 504,
    ]);
    prop_oneof![
        2 => acks.prop_map(Answer::Status),
        10 => nacks.prop_map(Answer::Status),
        2 => Just(Answer::Nothing),
        1 => Just(Answer::Fragment),
        2 => Just(Answer::Silence),
    ]
}
