//! Saves resources in the data folder.

use googleapis_tonic_google_iam_v1::google::iam::v1::Policy;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::ListSchemasResponse;
use prost::Message;

use super::Broker;
use super::records::{OriginRecord, SnapshotRecord, SubscriptionRecord, TopicRecord};
use super::snapshot::Snapshot;
use super::topics::Topic as OpenTopic;
use crate::convert::{snapshot_to, subscription_to, topic_to};
use crate::delivery::Delivery;
use crate::faults::Faults;
use crate::journal::{JournalError, Kind};
use crate::resources::name::ResourceName;
use crate::schema::Schemas;

impl Broker {
    /// Waits until all changes are on the disk, if there is a data folder.
    ///
    /// # Errors
    /// If they could not be written.
    pub(crate) async fn saved(&self) -> Result<(), JournalError> {
        match &self.data_folder {
            Some(folder) => folder.saved().await,
            None => Ok(()),
        }
    }

    /// Waits until the data folder has room for a large write.
    ///
    /// # Errors
    /// If the data folder has failed.
    pub(crate) async fn room_to_save(&self) -> Result<(), JournalError> {
        match &self.data_folder {
            Some(folder) => folder.room().await,
            None => Ok(()),
        }
    }

    pub(super) fn save_topic(&self, topic: &OpenTopic) {
        if let Some(folder) = &self.data_folder {
            let record = TopicRecord {
                topic: Some(topic_to(topic.config.clone())),
                since: topic.since,
            };
            folder.put(Kind::Topic, &topic.config.name, record.encode_to_vec());
        }
    }

    pub(super) fn save_subscription(&self, delivery: &Delivery) {
        if let Some(folder) = &self.data_folder {
            let mut value = subscription_to(delivery.config(), None).encode_to_vec();
            value.extend(SubscriptionRecord::of(delivery).encode_to_vec());
            folder.put(Kind::Subscription, delivery.name().as_str(), value);
        }
    }

    pub(super) fn save_snapshot(&self, snapshot: &Snapshot) {
        if let Some(folder) = &self.data_folder {
            let record = SnapshotRecord {
                snapshot: Some(snapshot_to(snapshot.config())),
                since: snapshot.since,
                unacked: snapshot.unacked().keys().copied().collect(),
                origin: snapshot.origin.clone().map(OriginRecord::from),
            };
            folder.put(
                Kind::Snapshot,
                snapshot.name.as_str(),
                record.encode_to_vec(),
            );
        }
    }

    /// Saves a schema. The caller holds the lock of the schemas, so the last saved value is the current one.
    pub(super) fn save_schema(&self, schemas: &Schemas, name: &ResourceName) {
        if let Some(folder) = &self.data_folder {
            let revisions = ListSchemasResponse {
                schemas: schemas.snapshot(name.as_str()),
                ..ListSchemasResponse::default()
            };
            folder.put(Kind::Schema, name.as_str(), revisions.encode_to_vec());
        }
    }

    pub(super) fn save_policy(&self, resource: &str, policy: &Policy) {
        if let Some(folder) = &self.data_folder {
            folder.put(Kind::Policy, resource, policy.encode_to_vec());
        }
    }

    pub(super) fn save_faults(&self, subscription: &ResourceName, faults: &Faults) {
        if let Some(folder) = &self.data_folder {
            // Numbers and text always serialize.
            let value = serde_json::to_vec(faults).unwrap_or_default();
            folder.put(Kind::Faults, subscription.as_str(), value);
        }
    }

    /// Deletes a value of this kind of a resource.
    pub(super) fn delete_saved(&self, kind: Kind, name: &ResourceName) {
        if let Some(folder) = &self.data_folder {
            folder.delete(kind, name.as_str());
        }
    }

    /// Deletes a resource with its policy and its faults.
    pub(super) fn save_deletion(&self, kind: Kind, name: &ResourceName) {
        self.policies.forget(name.as_str());
        for kind in [kind, Kind::Policy, Kind::Faults] {
            self.delete_saved(kind, name);
        }
    }
}
