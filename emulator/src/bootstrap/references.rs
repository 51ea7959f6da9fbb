//! Checks references: some file must declare every name that a file mentions.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::Bootstrap;
use super::collect::{Collection, Reference};
use super::place::{BootstrapError, BootstrapFault, unknown};
use crate::resources::name::ResourceName;
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::topic::{SchemaSettings, TopicConfig};
use crate::schema::Schemas;

impl Collection<'_> {
    /// Returns the complete content, if nothing is wrong.
    pub(super) fn finish(mut self) -> Result<Bootstrap, BootstrapError> {
        self.add_dead_letter_topics();
        for reference in std::mem::take(&mut self.references) {
            if !self.declared.contains_key(&reference.name) {
                self.faults.push(self.undeclared(reference));
            }
        }
        self.check_messages();
        if self.faults.is_empty() {
            return Ok(self.found);
        }
        Err(BootstrapError(self.faults))
    }

    /// Checks messages against the schemas of their topics, like a publish.
    fn check_messages(&mut self) {
        let mut schemas = Schemas::default();
        for declared in &self.found.schemas {
            let name = ResourceName::schema(&declared.name);
            let (now, schema) = (OffsetDateTime::UNIX_EPOCH, declared.to_schema());
            // An invalid schema was reported at its declaration.
            name.and_then(|name| schemas.create(name.project(), name.id(), schema, now))
                .ok();
        }
        let settings: BTreeMap<&str, &SchemaSettings> = self
            .found
            .topics
            .iter()
            .filter_map(|topic| Some((topic.name.as_str(), topic.schema.as_ref()?)))
            .collect();
        for ((topic, message), place) in self.found.messages.iter().zip(&self.message_places) {
            let Some(settings) = settings.get(topic.as_str()) else {
                continue;
            };
            if !schemas.exists(&settings.schema) {
                continue;
            }
            if let Err(error) = schemas.check(settings, &message.data) {
                self.faults.push(BootstrapFault {
                    text: error.to_string(),
                    ..place.clone()
                });
            }
        }
    }

    /// Adds a topic and a subscription for dead letters, which keeps them.
    fn add_dead_letter_topics(&mut self) {
        let policies = self.found.subscriptions.iter();
        let topics = policies.filter_map(|config| config.dead_letter_policy.as_ref());
        let mut topics: Vec<String> = topics
            .map(|policy| policy.dead_letter_topic.clone())
            .collect();
        topics.sort_unstable();
        topics.dedup();
        for topic in topics {
            if self.is_declared(&topic) {
                continue;
            }
            let data_folder = topic.replacen("/topics/", "/subscriptions/", 1);
            if !self.is_declared(&data_folder) {
                self.add_subscription(SubscriptionConfig::new(
                    data_folder.as_str(),
                    topic.as_str(),
                ));
            }
            let id = topic.rsplit('/').next().unwrap_or_default();
            let note = format!(
                "topic {id} is in no file: it is added for dead letters, with a subscription of this name that keeps them"
            );
            self.note(note);
            self.declared.insert(topic.clone(), String::new());
            self.add_topic(TopicConfig::new(topic));
        }
    }

    fn undeclared(&self, reference: Reference) -> BootstrapFault {
        let mut parts = reference.name.rsplitn(3, '/');
        let id = parts.next().unwrap_or_default();
        let kind = parts.next().unwrap_or_default();
        let of_kind = self.declared.keys().filter_map(|name| {
            let (above, id) = name.rsplit_once('/')?;
            above.ends_with(kind).then_some(id)
        });
        let known: Vec<&str> = of_kind.collect();
        let kind = kind.trim_end_matches('s');
        let text = if known.is_empty() {
            format!("unknown {kind} {id:?}: no {kind} is declared")
        } else if known.contains(&id) {
            format!("{} is declared in no file", reference.name)
        } else {
            unknown(kind, id, &known)
        };
        BootstrapFault {
            text,
            ..reference.place
        }
    }
}
