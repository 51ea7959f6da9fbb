//! The expected content of a journal, kept in the simplest form.

use std::collections::BTreeMap;

use crate::journal::{AckState, Change, Kind, Saved, SavedMessage, SavedResource};

#[derive(Clone, Default)]
pub(super) struct Model {
    resources: BTreeMap<(Kind, String), Vec<u8>>,
    messages: BTreeMap<u64, (String, Vec<u8>)>,
    ack_states: BTreeMap<(String, u64), AckState>,
}

impl Model {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Put { kind, name, value } => {
                self.resources.insert((kind, name), value);
            }
            Change::Delete { kind, name } => {
                self.resources.remove(&(kind, name));
            }
            Change::Message {
                sequence,
                topic,
                value,
            } => {
                self.messages.insert(sequence, (topic, value));
            }
            Change::ForgetMessage { sequence } => {
                self.messages.remove(&sequence);
            }
            Change::AckState {
                subscription,
                sequence,
                state,
            } => {
                self.ack_states.insert((subscription, sequence), state);
            }
            Change::ForgetAckState {
                subscription,
                sequence,
            } => {
                self.ack_states.remove(&(subscription, sequence));
            }
            Change::ForgetAckStates { subscription } => {
                self.ack_states.retain(|(of, _), _| *of != subscription);
            }
        }
    }

    pub(super) fn saved(&self) -> Saved {
        let mut saved = Saved::default();
        for ((kind, name), value) in self.resources.clone() {
            saved.resources.push(SavedResource { kind, name, value });
        }
        for (sequence, (topic, value)) in self.messages.clone() {
            saved.messages.push(SavedMessage {
                sequence,
                topic,
                value,
            });
        }
        for ((subscription, sequence), state) in self.ack_states.clone() {
            let states = saved.ack_states.entry(subscription).or_default();
            states.push((sequence, state));
        }
        saved
    }
}
