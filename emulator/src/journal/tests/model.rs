//! The expected content of a journal, kept in the simplest form.

use std::collections::BTreeMap;

use crate::journal::{Change, Held, Kind, Saved, SavedMessage, SavedResource};

#[derive(Clone, Default)]
pub(super) struct Model {
    resources: BTreeMap<(Kind, String), Vec<u8>>,
    messages: BTreeMap<u64, (String, Vec<u8>)>,
    holds: BTreeMap<(String, u64), Held>,
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
            Change::Hold {
                subscription,
                sequence,
                state,
            } => {
                self.holds.insert((subscription, sequence), state);
            }
            Change::Release {
                subscription,
                sequence,
            } => {
                self.holds.remove(&(subscription, sequence));
            }
            Change::ReleaseAll { subscription } => {
                self.holds.retain(|(holder, _), _| *holder != subscription);
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
        for ((subscription, sequence), state) in self.holds.clone() {
            let held = saved.holds.entry(subscription).or_default();
            held.push((sequence, state));
        }
        saved
    }
}
