//! The steps of a script.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

/// The declarations of the topic and the subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub(super) is_ordered: bool,
    pub(super) is_strict: bool,
    pub(super) retains_acked: bool,
    pub(super) has_dead_letters: bool,
    pub(super) has_backoff: bool,
    /// True if the subscription retains messages for ten minutes instead of seven days.
    pub(super) is_short: bool,
    /// True if the topic retains messages for an hour.
    pub(super) topic_retains: bool,
}

/// A time near the publish time of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Moment {
    /// The exact time before the publish request.
    Before,
    /// The publish time of the message, in whole milliseconds.
    Shown,
    /// The exact time after the response.
    After,
}

/// One operation. Indices are taken modulo the length of their list.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Publish a message under one of three keys, or none.
    Publish(u8),
    Pull(usize),
    /// Acknowledge one of the leases so far, even an expired one.
    Ack(usize),
    Nack(usize),
    Extend(usize),
    /// Advance the clock by seconds.
    Pass(u32),
    /// Seek to a time at a message.
    Seek(usize, Moment),
    Purge,
    Snapshot,
    SeekSnapshot(usize),
    /// Deliver a message once more.
    Again(usize),
    /// Acknowledge this number of messages in another subscription of the topic.
    OtherAck(usize),
    /// Create a snapshot of the other subscription.
    OtherSnapshot,
    /// Seek to the snapshot of a subscription of another topic.
    SeekForeign,
    /// Delete both topics.
    DeleteTopics,
    /// Restart with the data folder, if there is one.
    Restart,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) declared: Declared,
    pub(super) operations: Vec<Operation>,
}

pub(super) fn script() -> impl Strategy<Value = Script> {
    (declared(), vec(operation(), 1..60)).prop_map(|(declared, operations)| Script {
        declared,
        operations,
    })
}

fn declared() -> impl Strategy<Value = Declared> {
    any::<[bool; 7]>().prop_map(
        |[
            ordered,
            strict,
            retains,
            dead_letters,
            backoff,
            short,
            topic_retains,
        ]| Declared {
            is_ordered: ordered,
            is_strict: strict,
            retains_acked: retains,
            has_dead_letters: dead_letters,
            has_backoff: backoff,
            is_short: short,
            topic_retains,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![20 => handling(), 8 => passing(), 10 => replaying()]
}

/// Generates the most common steps of clients.
fn handling() -> impl Strategy<Value = Operation> {
    let place = 0..100_usize;
    prop_oneof![
        6 => (0..4_u8).prop_map(Operation::Publish),
        6 => (1..5_usize).prop_map(Operation::Pull),
        5 => place.clone().prop_map(Operation::Ack),
        6 => place.clone().prop_map(Operation::Nack),
        1 => place.clone().prop_map(Operation::Extend),
        3 => place.prop_map(Operation::Again),
    ]
}

/// Generates advances after which leases end, messages expire, and snapshots end.
fn passing() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (1..30_u32).prop_map(Operation::Pass),
        4 => (100..700_u32).prop_map(Operation::Pass),
        2 => (1_000..4_000_u32).prop_map(Operation::Pass),
        1 => (300_000..700_000_u32).prop_map(Operation::Pass),
    ]
}

fn replaying() -> impl Strategy<Value = Operation> {
    let place = 0..100_usize;
    let moment = prop_oneof![
        Just(Moment::Before),
        Just(Moment::Shown),
        Just(Moment::After)
    ];
    prop_oneof![
        4 => (place.clone(), moment).prop_map(|(place, moment)| Operation::Seek(place, moment)),
        2 => Just(Operation::Purge),
        3 => Just(Operation::Snapshot),
        5 => place.clone().prop_map(Operation::SeekSnapshot),
        2 => (1..5_usize).prop_map(Operation::OtherAck),
        2 => Just(Operation::OtherSnapshot),
        1 => Just(Operation::SeekForeign),
        1 => Just(Operation::DeleteTopics),
        2 => Just(Operation::Restart),
    ]
}
