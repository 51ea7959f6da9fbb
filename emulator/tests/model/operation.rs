//! What a script does.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};

/// How the subscription is declared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub(super) is_ordered: bool,
    pub(super) is_strict: bool,
    pub(super) retains_acked: bool,
    pub(super) has_dead_letters: bool,
    pub(super) has_backoff: bool,
}

/// One thing that is done. Places are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Publish a message under one of three keys, or none.
    Publish(u8),
    Pull(usize),
    /// Acknowledge one of the handings out so far, whether its lease has ended or not.
    Ack(usize),
    Nack(usize),
    Extend(usize),
    /// Let seconds pass.
    Pass(u16),
    /// Go back, or forward, to the time of a message.
    Seek(usize),
    Purge,
    Snapshot,
    SeekSnapshot(usize),
    /// Deliver a message once more.
    Again(usize),
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
    any::<[bool; 5]>().prop_map(
        |[ordered, strict, retains, dead_letters, backoff]| Declared {
            is_ordered: ordered,
            is_strict: strict,
            retains_acked: retains,
            has_dead_letters: dead_letters,
            has_backoff: backoff,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    let place = 0..100_usize;
    prop_oneof![
        6 => (0..4_u8).prop_map(Operation::Publish),
        6 => (1..5_usize).prop_map(Operation::Pull),
        5 => place.clone().prop_map(Operation::Ack),
        6 => place.clone().prop_map(Operation::Nack),
        1 => place.clone().prop_map(Operation::Extend),
        3 => (1..30_u16).prop_map(Operation::Pass),
        1 => (100..700_u16).prop_map(Operation::Pass),
        1 => place.clone().prop_map(Operation::Seek),
        1 => proptest::strategy::Just(Operation::Purge),
        1 => proptest::strategy::Just(Operation::Snapshot),
        1 => place.clone().prop_map(Operation::SeekSnapshot),
        1 => place.prop_map(Operation::Again),
    ]
}
