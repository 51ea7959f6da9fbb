//! Example messages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Subscriber;
use super::collector::Faults;

/// An example message: `pushgate dev` publishes it and shows its settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub(crate) title: String,
    pub(crate) data: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The reason why the payload could not be serialized.
    pub(crate) fault: Option<String>,
}

impl Example {
    /// Returns a message with a JSON payload. One that cannot be serialized is rejected at start.
    pub fn json(title: impl Into<String>, payload: &impl Serialize) -> Self {
        match serde_json::to_vec(payload) {
            Ok(data) => Self::raw(title, data),
            Err(error) => Self {
                fault: Some(error.to_string()),
                ..Self::raw(title, [])
            },
        }
    }

    /// Returns a message with a payload of bytes.
    pub fn raw(title: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            title: title.into(),
            data: data.into(),
            attributes: BTreeMap::new(),
            fault: None,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        let is_empty = self.data.is_empty() && self.attributes.is_empty();
        let title = &self.title;
        if let Some(fault) = &self.fault {
            faults.add(format!("example {title:?} cannot be serialized: {fault}"));
        } else if is_empty {
            faults.add(format!("example {title:?} is empty"));
        }
    }
}

impl Subscriber {
    /// Sets the messages that `pushgate dev` publishes to show what the handler does.
    #[must_use]
    pub fn examples(mut self, examples: impl IntoIterator<Item = Example>) -> Self {
        self.examples = examples.into_iter().collect();
        self
    }
}
