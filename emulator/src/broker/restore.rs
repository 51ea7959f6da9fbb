//! Restores the resources of the data folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use googleapis_tonic_google_iam_v1::google::iam::v1::Policy;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    ListSchemasResponse, PubsubMessage, Subscription,
};
use prost::Message;

use super::records::{OriginRecord, SnapshotRecord, SubscriptionRecord, TopicRecord};
use super::snapshot::Snapshot;
use super::topics::Topic as OpenTopic;
use super::{Broker, Resources};
use crate::convert::{snapshot_from, subscription_from, timestamp, topic_from};
use crate::delivery::{Delivery, SnapshotSeek};
use crate::error::ApiError;
use crate::faults::Faults;
use crate::journal::data_folder::AckChange;
use crate::journal::{AckState, Kind, Saved, SavedMessage, SavedResource};
use crate::messages::message::{Message as PublishedMessage, ReceivedMessage};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;
use crate::resources::topic::Origin;
use crate::strict_json::Object;

type Messages = BTreeMap<u64, (String, Arc<StoredMessage>)>;

impl Broker {
    /// Restores the content of a data folder, and starts the subscriptions.
    ///
    /// # Errors
    /// If a record cannot be read, or if there is no room for the messages. Then the folder keeps its content, for an
    /// emulator that can read it.
    pub(crate) fn restore(self: &Arc<Self>, saved: Saved) -> Result<(), ApiError> {
        let mut messages = Messages::new();
        let restored = self.restore_all(saved, &mut messages);
        if restored.is_err() {
            // This precedes the drop of messages, so that they remain in the folder.
            self.stopping.cancel();
        }
        restored?;
        let mut resources = self.resources();
        resources.restore_logs(&messages);
        resources.trim_topics(self.clock.utc());
        // The tasks start last, since a dead letter needs all subscriptions of its topic.
        for delivery in resources.subscriptions.values() {
            self.start(delivery);
        }
        Ok(())
    }

    fn restore_all(&self, saved: Saved, messages: &mut Messages) -> Result<(), ApiError> {
        self.restore_messages(saved.messages, messages)?;
        for resource in saved.resources {
            let ack_states = saved.ack_states.get(&resource.name);
            self.restore_resource(resource, ack_states.map_or(&[], Vec::as_slice), messages)?;
        }
        Ok(())
    }

    fn restore_messages(
        &self,
        saved: Vec<SavedMessage>,
        messages: &mut Messages,
    ) -> Result<(), ApiError> {
        let mut resources = self.resources();
        for SavedMessage {
            sequence,
            topic,
            value,
        } in saved
        {
            let message = received(sequence, &value)?;
            let stored = resources.storage.store(vec![message])?.pop();
            messages.extend(stored.map(|stored| (sequence, (topic, stored))));
            resources.next_sequence = resources.next_sequence.max(sequence.saturating_add(1));
        }
        Ok(())
    }

    fn restore_resource(
        &self,
        resource: SavedResource,
        ack_states: &[(u64, AckState)],
        messages: &Messages,
    ) -> Result<(), ApiError> {
        let SavedResource { kind, name, value } = resource;
        let broken = |_| ApiError::invalid(format!("the record of {name} cannot be read"));
        match kind {
            Kind::Topic => {
                let record = TopicRecord::decode(&value[..]).map_err(broken)?;
                let config = topic_from(record.topic.unwrap_or_default())?;
                self.check_effect("Topic", &config.without_effect)?;
                let name = ResourceName::topic(&config.name)?;
                let topic = OpenTopic::new(config, record.since);
                let mut resources = self.resources();
                let next = record.since.saturating_add(1);
                resources.next_sequence = resources.next_sequence.max(next);
                resources.topics.insert(name, topic);
            }
            Kind::Subscription => {
                let subscription = Subscription::decode(&value[..]).map_err(broken)?;
                let record = SubscriptionRecord::decode(&value[..]).map_err(broken)?;
                self.restore_subscription((subscription, record), ack_states, messages)?;
            }
            Kind::Snapshot => {
                let record = SnapshotRecord::decode(&value[..]).map_err(broken)?;
                self.restore_snapshot(record, messages)?;
            }
            Kind::Schema => {
                let revisions = ListSchemasResponse::decode(&value[..]).map_err(broken)?;
                self.schemas().restore(revisions.schemas)?;
            }
            Kind::Policy => {
                let policy = Policy::decode(&value[..]).map_err(broken)?;
                self.policies.restore(&name, policy);
            }
            Kind::Faults => {
                let Object(faults): Object<Faults> =
                    serde_json::from_slice(&value).map_err(|_| {
                        ApiError::invalid(format!("the faults of {name} cannot be read"))
                    })?;
                // Faults without a subscription have no use, and do not prevent a start.
                if let Ok(delivery) = self.subscription(&ResourceName::subscription(&name)?) {
                    delivery.set_faults(faults);
                }
            }
        }
        Ok(())
    }

    fn restore_subscription(
        &self,
        (subscription, record): (Subscription, SubscriptionRecord),
        ack_states: &[(u64, AckState)],
        messages: &Messages,
    ) -> Result<(), ApiError> {
        let is_detached = subscription.detached;
        let mut config = subscription_from(subscription)?;
        self.check_effect("Subscription", &config.without_effect)?;
        config.detached = is_detached;
        let topic = ResourceName::topic(&config.topic).ok();
        let origin = self.origin(&config.topic, record.origin);
        let delivery = self.open(config, origin)?;
        let known = ack_states
            .iter()
            .filter_map(|(sequence, state)| Some((Arc::clone(&messages.get(sequence)?.1), *state)));
        let snapshot_seek = record
            .snapshot_seek
            .map(SnapshotSeek::try_from)
            .transpose()?;
        delivery.restore(known, snapshot_seek);
        self.forget_lost(&delivery, ack_states, messages);
        let mut resources = self.resources();
        let topic = topic.filter(|_| !is_detached);
        if let Some(topic) = topic.and_then(|name| resources.topics.get_mut(&name)) {
            topic.deliveries.push(Arc::clone(&delivery));
        }
        resources
            .subscriptions
            .insert(delivery.name().clone(), delivery);
        Ok(())
    }

    /// Returns the topic of a subscription or a snapshot. Folders of earlier emulators only have its name.
    fn origin(&self, topic: &str, noted: Option<OriginRecord>) -> Option<Origin> {
        if let Some(noted) = noted {
            return Some(noted.into());
        }
        let name = ResourceName::topic(topic).ok()?;
        let resources = self.resources();
        resources.topics.get(&name).map(OpenTopic::origin)
    }

    /// Deletes states without a message. A crash between the two deletions would leave them in the folder forever.
    fn forget_lost(
        &self,
        delivery: &Delivery,
        ack_states: &[(u64, AckState)],
        messages: &Messages,
    ) {
        let sequences = ack_states.iter().map(|(sequence, _)| *sequence);
        let lost = sequences.filter(|sequence| !messages.contains_key(sequence));
        let lost: Vec<AckChange> = lost
            .map(|sequence| AckChange::Removed { sequence })
            .collect();
        if let Some(folder) = &self.data_folder
            && !lost.is_empty()
        {
            folder.change_ack_states(delivery.name(), lost);
        }
    }

    fn restore_snapshot(
        &self,
        record: SnapshotRecord,
        messages: &Messages,
    ) -> Result<(), ApiError> {
        let config = snapshot_from(record.snapshot.unwrap_or_default())?;
        let unacked = record.unacked.into_iter();
        let unacked = unacked
            .filter_map(|sequence| Some((sequence, Arc::clone(&messages.get(&sequence)?.1))));
        let origin = self.origin(&config.topic, record.origin);
        let snapshot = Snapshot::restore(config, origin, record.since, unacked.collect())?;
        let mut resources = self.resources();
        // If the clock was set back, new messages must still follow the snapshot.
        resources.next_sequence = resources.next_sequence.max(snapshot.since);
        resources.snapshots.insert(snapshot.name.clone(), snapshot);
        Ok(())
    }
}

impl Resources {
    /// Restores the messages of every topic, without those that it need not keep.
    fn restore_logs(&mut self, messages: &Messages) {
        for (sequence, (topic, message)) in messages {
            let topic = ResourceName::topic(topic).ok();
            let topic = topic.and_then(|name| self.topics.get_mut(&name));
            // Earlier messages belong to an earlier topic of the same name.
            if let Some(topic) = topic.filter(|topic| *sequence >= topic.since) {
                topic.keep(message);
            }
        }
    }
}

fn received(sequence: u64, value: &[u8]) -> Result<ReceivedMessage, ApiError> {
    let message = PubsubMessage::decode(value).map_err(|_| {
        ApiError::invalid(format!("the record of message {sequence} cannot be read"))
    })?;
    let published = message.publish_time.unwrap_or_default();
    let published = timestamp("publishTime", published)?;
    Ok(ReceivedMessage::new(
        sequence,
        PublishedMessage::from(message),
        published,
    ))
}
