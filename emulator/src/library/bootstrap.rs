//! Creates the resources of bootstrap files; existing ones stay as they are.

use super::Emulator;
use crate::bootstrap::Bootstrap;
use crate::error::ApiError;

/// The result of a bootstrap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bootstrapped {
    /// The full names of created resources, in the order of creation.
    pub created: Vec<String>,
    /// The full names of existing resources, which keep their settings.
    pub kept: Vec<String>,
    /// The number of published messages.
    pub published: usize,
}

impl Emulator {
    /// Creates the declared resources. Existing resources, from a data folder, stay as they are. Messages are published
    /// only to new topics, or each start would publish them again. The console offers them as examples.
    ///
    /// # Errors
    /// If a resource cannot be created. This is rare, since the declaration was checked. Resources that were created before
    /// stay.
    pub fn bootstrap(&self, declared: &Bootstrap) -> Result<Bootstrapped, ApiError> {
        let mut done = Bootstrapped::default();
        for schema in &declared.schemas {
            done.note(&schema.name, self.create_schema(schema))?;
        }
        for topic in &declared.topics {
            done.note(&topic.name, self.create_topic_with(topic.clone()).map(drop))?;
        }
        for subscription in &declared.subscriptions {
            let created = self.create_subscription(subscription.clone()).map(drop);
            done.note(&subscription.name, created)?;
        }
        for (subscription, faults) in &declared.faults {
            let subscription = self.subscription(subscription)?;
            subscription.set_faults(faults.clone())?;
        }
        for (place, (topic, message)) in declared.messages.iter().enumerate() {
            let title = format!("bootstrap message {}", place + 1);
            self.topic(topic)?.add_example(&title, message.clone())?;
            if done.created.contains(topic) {
                self.publish(topic, message.clone())?;
                done.published += 1;
            }
        }
        Ok(done)
    }
}

impl Bootstrapped {
    fn note(&mut self, name: &str, created: Result<(), ApiError>) -> Result<(), ApiError> {
        match created {
            Ok(()) => self.created.push(name.to_owned()),
            Err(ApiError::AlreadyExists(_)) => self.kept.push(name.to_owned()),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
