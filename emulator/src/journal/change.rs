//! The changes that the journal writes, and the records that it returns.

use std::collections::BTreeMap;

/// A change of the emulator's state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// The current value of a resource.
    Put {
        kind: Kind,
        name: String,
        value: Vec<u8>,
    },
    Delete {
        kind: Kind,
        name: String,
    },
    /// A message, stored once for all its subscriptions. `value` is Google's `PubsubMessage` in binary form.
    Message {
        sequence: u64,
        topic: String,
        value: Vec<u8>,
    },
    ForgetMessage {
        sequence: u64,
    },
    /// The new state of a message in a subscription.
    AckState {
        subscription: String,
        sequence: u64,
        state: AckState,
    },
    ForgetAckState {
        subscription: String,
        sequence: u64,
    },
    /// The deletion of all states of a subscription. Otherwise a deleted subscription would leave them behind.
    ForgetAckStates {
        subscription: String,
    },
}

/// The kind of a resource.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Topic,
    Subscription,
    Snapshot,
    Schema,
    Policy,
    Faults,
}

/// The acknowledgement state of a message in a subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckState {
    /// Unacknowledged, after this number of failed deliveries.
    Unacked { failures: u32 },
    /// Acknowledged, and retained for a later seek.
    Acked,
}

/// The whole content of a journal.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Saved {
    /// Resources by kind and name.
    pub(crate) resources: Vec<SavedResource>,
    /// Messages by sequence.
    pub(crate) messages: Vec<SavedMessage>,
    /// States by subscription and sequence. A subscription without messages is absent.
    pub(crate) ack_states: BTreeMap<String, Vec<(u64, AckState)>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SavedResource {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SavedMessage {
    pub(crate) sequence: u64,
    pub(crate) topic: String,
    pub(crate) value: Vec<u8>,
}

impl Change {
    /// Returns the approximate memory of this change while it waits.
    pub(super) fn size_bytes(&self) -> usize {
        let content = match self {
            Self::Put { name, value, .. } => name.len() + value.len(),
            Self::Message { topic, value, .. } => topic.len() + value.len(),
            Self::Delete { name, .. } => name.len(),
            Self::AckState { subscription, .. }
            | Self::ForgetAckState { subscription, .. }
            | Self::ForgetAckStates { subscription } => subscription.len(),
            Self::ForgetMessage { .. } => 0,
        };
        size_of::<Self>() + content
    }
}

/// Returns the number of a kind in files, which never changes its meaning.
impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Topic => 1,
            Self::Subscription => 2,
            Self::Snapshot => 3,
            Self::Schema => 4,
            Self::Policy => 5,
            Self::Faults => 6,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Topic),
            2 => Some(Self::Subscription),
            3 => Some(Self::Snapshot),
            4 => Some(Self::Schema),
            5 => Some(Self::Policy),
            6 => Some(Self::Faults),
            _ => None,
        }
    }
}

impl AckState {
    const ACKED: u32 = u32::MAX;

    pub(super) fn code(self) -> u32 {
        match self {
            Self::Unacked { failures } => failures.min(Self::ACKED - 1),
            Self::Acked => Self::ACKED,
        }
    }

    pub(super) fn from_code(code: u32) -> Self {
        match code {
            Self::ACKED => Self::Acked,
            failures => Self::Unacked { failures },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_from_its_number() {
        let read = (0..=u8::MAX).filter_map(|code| Some((code, Kind::from_code(code)?)));
        assert!(read.clone().all(|(code, kind)| kind.code() == code));
        assert_eq!(read.count(), 6);
    }

    #[test]
    fn states_come_back_from_their_numbers() {
        let states = [
            AckState::Acked,
            AckState::Unacked { failures: 0 },
            AckState::Unacked { failures: 7 },
        ];
        assert_eq!(
            states.map(|state| AckState::from_code(state.code())),
            states
        );
        let many = AckState::Unacked { failures: u32::MAX };
        assert_ne!(AckState::from_code(many.code()), AckState::Acked);
    }
}
