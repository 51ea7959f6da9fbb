//! The settings and figures of a subscription for the console.

use std::sync::Arc;
use std::time::Duration;

use super::Delivery;
use crate::messages::storage::StoredMessage;
use crate::resources::subscription::SubscriptionConfig;

/// The settings and the current figures of a subscription.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) config: SubscriptionConfig,
    /// Unacknowledged messages.
    pub(crate) backlog: usize,
    /// Messages that are being delivered.
    pub(crate) outstanding: usize,
    /// Messages that wait after a failure.
    pub(crate) delayed: usize,
    pub(crate) oldest_unacked: Option<Duration>,
    /// The number of allowed concurrent pushes.
    pub(crate) window: usize,
    /// The rest of the pause after failures.
    pub(crate) paused_for: Option<Duration>,
}

impl Delivery {
    pub(crate) fn unacked_messages(&self) -> Vec<Arc<StoredMessage>> {
        self.state().backlog.unacked_messages().cloned().collect()
    }

    /// Returns the first unacknowledged messages, up to a number of messages and until their size reaches a number of
    /// bytes.
    pub(crate) fn first_unacked(&self, messages: usize, bytes: usize) -> Vec<Arc<StoredMessage>> {
        let state = self.state();
        let mut size_bytes = 0;
        let first = state.backlog.unacked_messages().take(messages);
        first
            .take_while(|message| {
                let is_room = size_bytes < bytes;
                size_bytes += message.content_bytes();
                is_room
            })
            .cloned()
            .collect()
    }

    pub(crate) fn view(&self) -> View {
        let state = self.state();
        let now = self.clock.now();
        let utc = self.clock.utc();
        let (backlog, delayed) = state.backlog.counts();
        let oldest = state.backlog.unacked_messages().next();
        let age = oldest.map(|message| utc - message.publish_time);
        View {
            config: state.config.clone(),
            backlog,
            outstanding: state.backlog.outstanding(),
            delayed,
            oldest_unacked: age.map(|age| age.try_into().unwrap_or_default()),
            window: state.throttle.window(),
            paused_for: state.throttle.back_off(now),
        }
    }
}
