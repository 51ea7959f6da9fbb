//! The messages that enter a subscription: those that were just published, and those that are delivered once more.

use std::sync::Arc;

use super::{Delivery, State};
use crate::error::ApiError;
use crate::messages::storage::StoredMessage;

impl Delivery {
    pub(crate) fn has_room(&self, messages: usize, bytes: usize) -> bool {
        self.state().backlog.has_room(messages, bytes)
    }

    pub(crate) fn exhausted(&self) -> ApiError {
        ApiError::ResourceExhausted(format!(
            "The backlog of the subscription is full (resource={})",
            self.name.id()
        ))
    }

    /// Returns true if the message matches the filter, and is not exported.
    pub(crate) fn wants(&self, message: &StoredMessage) -> bool {
        self.state().takes(message)
    }

    /// Adds newly published messages that match the filter. Of an export each counts as exported, and none is kept.
    pub(crate) fn add(&self, messages: &[Arc<StoredMessage>]) {
        let mut state = self.state();
        let taken = messages.iter().filter(|message| state.takes(message));
        let taken: Vec<_> = taken.collect();
        let State {
            backlog,
            active_faults,
            ..
        } = &mut *state;
        let now = self.clock.now();
        for message in taken {
            if active_faults
                .as_mut()
                .is_some_and(|active_faults| active_faults.withholds(now))
            {
                backlog.add_withheld(Arc::clone(message));
            } else {
                backlog.add(Arc::clone(message));
            }
        }
        drop(state);
        self.wake();
    }

    /// Delivers a message once more, even if it was acknowledged.
    ///
    /// # Errors
    /// If the message is unknown, if the backlog is full, or if the subscription exports its messages.
    pub(crate) fn redeliver(&self, message_id: &str) -> Result<(), ApiError> {
        let mut state = self.state();
        state.check_exported()?;
        if !state.backlog.has_room(1, 0) {
            return Err(self.exhausted());
        }
        let sequence = message_id.parse();
        if !sequence.is_ok_and(|sequence| state.backlog.redeliver(sequence)) {
            return Err(ApiError::NotFound(message_id.to_owned()));
        }
        drop(state);
        self.wake();
        Ok(())
    }
}

impl State {
    /// Returns true for a message that the subscription delivers.
    pub(super) fn takes(&self, message: &StoredMessage) -> bool {
        self.config.without_effect.export().is_none() && self.filter.matches(&message.attributes)
    }

    /// # Errors
    /// If the subscription exports its messages.
    pub(super) fn check_exported(&self) -> Result<(), ApiError> {
        match self.config.without_effect.export() {
            Some(system) => Err(ApiError::precondition(format!(
                "This method is not supported for {system} subscriptions."
            ))),
            None => Ok(()),
        }
    }
}
