//! Changes of a running subscription.

use std::collections::BTreeMap;

use super::Delivery;
use crate::error::ApiError;
use crate::push::Destination;
use crate::resources::name::DELETED_TOPIC;
use crate::resources::subscription::{PushConfig, SubscriptionConfig};

impl Delivery {
    /// Changes the push settings. Undelivered messages stay (Google, *ModifyPushConfig*). The window and the back-off are
    /// reset for the new endpoint.
    ///
    /// # Errors
    /// If the endpoint is invalid.
    pub(crate) fn set_push_config(&self, push_config: Option<PushConfig>) -> Result<(), ApiError> {
        let mut config = self.config();
        config.push_config = push_config;
        self.update(config)?;
        self.state().throttle.reset();
        Ok(())
    }

    /// Changes the settings. Name, topic, filter, ordering and `detached` are immutable and keep their values.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub(crate) fn update(&self, mut config: SubscriptionConfig) -> Result<(), ApiError> {
        config.check()?;
        let destination = Destination::of(&config)?;
        let mut state = self.state();
        config.topic.clone_from(&state.config.topic);
        config.filter.clone_from(&state.config.filter);
        config.enable_message_ordering = state.config.enable_message_ordering;
        config.detached = state.config.detached;
        if state.config.push_config != config.push_config {
            state.throttle.reset();
        }
        state.destination = destination;
        state
            .backlog
            .set_retains_acked(config.retain_acked_messages);
        if config.without_effect.export().is_some() {
            // Whatever it holds counts as exported.
            state.backlog.seek(&BTreeMap::new(), |_| false, None);
            state.count_withheld();
        }
        state.config = config;
        state.last_active = self.clock.utc();
        drop(state);
        self.wake();
        Ok(())
    }

    /// Marks the topic as deleted. The subscription keeps its messages (Google, *DeleteTopic*).
    pub(crate) fn forget_topic(&self) {
        DELETED_TOPIC.clone_into(&mut self.state().config.topic);
    }

    /// Detaches the subscription from its topic, and drops its messages (Google, *DetachSubscription*).
    pub(crate) fn detach(&self) {
        let mut state = self.state();
        state.config.detached = true;
        state.backlog.clear();
        state.count_withheld();
        drop(state);
        self.wake();
    }
}
