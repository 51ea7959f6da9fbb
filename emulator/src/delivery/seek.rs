//! Changes what a subscription has yet to deliver: a seek, a snapshot, age.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use super::{Delivery, State};
use crate::storage::StoredMessage;

impl Delivery {
    /// Makes exactly the `wanted` messages unacknowledged, of those that the subscription has and those in `more`.
    pub(crate) fn seek(
        &self,
        more: &BTreeMap<u64, Arc<StoredMessage>>,
        wanted: impl Fn(&StoredMessage) -> bool,
    ) {
        let mut state = self.state();
        let State {
            filter, backlog, ..
        } = &mut *state;
        backlog.seek(more, |message| {
            filter.matches(&message.attributes) && wanted(message)
        });
        state.count_held();
        state.last_active = self.clock.utc();
        drop(state);
        self.wake();
    }

    /// What is unacknowledged, for a snapshot.
    pub(crate) fn unacknowledged(&self) -> BTreeMap<u64, Arc<StoredMessage>> {
        let state = self.state();
        let held = state.backlog.held();
        held.map(|message| (message.sequence, Arc::clone(message)))
            .collect()
    }

    /// Forgets what is older than the subscription's retention.
    pub(crate) fn expire_messages(&self, now: OffsetDateTime) {
        let mut state = self.state();
        let oldest = now - state.config.message_retention;
        let expired = state
            .backlog
            .expire(|message| message.publish_time < oldest);
        state.count_held();
        drop(state);
        if expired > 0 {
            tracing::info!(subscription = %self.name, expired, "messages outlived their retention");
            self.wake();
        }
    }
}
