//! Deletes all resources of a project.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::SchemaView;

use super::Broker;
use crate::error::ApiError;
use crate::resources::name::{ResourceName, project};

impl Broker {
    /// Deletes every subscription, snapshot, topic and schema of a project, with all messages. Message ids continue.
    ///
    /// # Errors
    /// If the name of the project is invalid.
    pub(crate) fn clear_project(&self, id: &str) -> Result<(), ApiError> {
        project(&format!("projects/{id}"))?;
        // Resources may be deleted concurrently, which is no error.
        for delivery in self.subscriptions(id) {
            self.delete_subscription(delivery.name()).ok();
        }
        for snapshot in self.snapshots(id) {
            self.delete_snapshot(&ResourceName::snapshot(&snapshot.name)?)
                .ok();
        }
        for topic in self.topics(id) {
            self.delete_topic(&ResourceName::topic(&topic.name)?).ok();
        }
        let schemas = self.schemas().list(id, SchemaView::Basic)?;
        for schema in schemas {
            self.delete_schema(&schema.name).ok();
        }
        Ok(())
    }
}
