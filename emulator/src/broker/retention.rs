//! Expiration: of messages after their retention, of snapshots, and of unused subscriptions.

use std::sync::{Arc, Weak};
use std::time::Duration;

use time::OffsetDateTime;

use super::{Broker, Resources};
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::journal::Kind;
use crate::resources::name::ResourceName;

/// The interval of sweeps. The shortest retention is minutes.
const PERIOD: Duration = Duration::from_secs(5);

impl Broker {
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.utc()
    }

    /// Advances the clock, and deletes everything that has expired.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.sweep();
        let resources = self.resources();
        let subscriptions = resources.subscriptions.values();
        let deliveries: Vec<Arc<Delivery>> = subscriptions.cloned().collect();
        drop(resources);
        for delivery in deliveries {
            delivery.end_leases(&|topic, message| self.forward(topic, message));
        }
    }

    /// Deletes all expired messages, snapshots and subscriptions.
    pub(crate) fn sweep(&self) {
        let now = self.clock.utc();
        let mut resources = self.resources();
        let ended = resources
            .snapshots
            .extract_if(.., |_, each| each.expire_time <= now);
        ended.for_each(|(name, _)| self.save_deletion(Kind::Snapshot, &name));
        resources.trim_topics(now);
        let mut expired: Vec<ResourceName> = Vec::new();
        for (name, delivery) in &resources.subscriptions {
            let topic_retention = resources.topic_retention(&delivery.config());
            delivery.expire_messages(now, topic_retention);
            if delivery.is_expired(now) {
                expired.push(name.clone());
            }
        }
        for name in expired {
            tracing::info!(subscription = %name, "deleted, since it was unused for the time of its expiration policy");
            self.remove_subscription(&mut resources, &name).ok();
        }
    }

    /// Sweeps periodically, as long as there is a broker.
    pub(crate) async fn keep_sweeping(broker: Weak<Self>, clock: Clock) {
        loop {
            clock.reached(clock.now() + PERIOD).await;
            let Some(broker) = Weak::upgrade(&broker) else {
                return;
            };
            Arc::clone(&broker).sweep();
        }
    }
}

impl Resources {
    /// Drops messages that neither the retention of a topic nor its snapshots need.
    pub(super) fn trim_topics(&mut self, now: OffsetDateTime) {
        let Self {
            topics, snapshots, ..
        } = self;
        for (name, topic) in topics {
            if topic.log().is_empty() {
                continue;
            }
            let of_topic = snapshots
                .values()
                .filter(|each| each.topic == name.as_str());
            let since = of_topic.map(|snapshot| snapshot.since).min();
            topic.trim(now, since);
        }
    }
}
