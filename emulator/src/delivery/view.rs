//! A subscription as an operator sees it.

use std::sync::Arc;
use std::time::Duration;

use super::Delivery;
use crate::messages::storage::StoredMessage;
use crate::resources::subscription::SubscriptionConfig;

/// What a subscription has to do, and how it goes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) config: SubscriptionConfig,
    /// Unacknowledged messages.
    pub(crate) backlog: usize,
    /// Being delivered.
    pub(crate) outstanding: usize,
    /// Waiting for their time.
    pub(crate) delayed: usize,
    pub(crate) oldest_unacked: Option<Duration>,
    /// Pushes that may be under way at once.
    pub(crate) window: usize,
    /// How long the whole subscription still pauses.
    pub(crate) paused_for: Option<Duration>,
}

impl Delivery {
    pub(crate) fn unacked_messages(&self) -> Vec<Arc<StoredMessage>> {
        self.state().backlog.unacked_messages().cloned().collect()
    }

    /// The first messages of those held, so many at most, and no further one once there are as many bytes.
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
            paused_for: state.throttle.paused_until(now).map(|until| until - now),
        }
    }
}
