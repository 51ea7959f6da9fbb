//! Converts the entries of files to Google's resources, with full names and resolved references.

use std::collections::BTreeMap;

use serde_saphyr::{Location, Spanned};

use super::document::{
    Document, MessageEntry, SchemaEntry, SchemaSettingsEntry, SubscriptionEntry, TopicEntry,
};
use super::file::{Checked, File};
use super::place::{BootstrapFault, Source, rejected};
use super::{Bootstrap, BootstrapDefaults, message, subscription, without_effect, yaml};
use crate::resources::name::{ResourceName, check_project};
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::topic::{SchemaSettings, TopicConfig};
use crate::schema::{SchemaDeclaration, Schemas};

/// The resources found so far.
pub(super) struct Collection<'a> {
    pub(super) defaults: &'a BootstrapDefaults,
    pub(super) found: Bootstrap,
    pub(super) faults: Vec<BootstrapFault>,
    /// The place of each declaration, by name.
    pub(super) declared: BTreeMap<String, String>,
    pub(super) references: Vec<Reference>,
    /// The place of each message.
    pub(super) message_places: Vec<BootstrapFault>,
}

/// A name that a file must declare.
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) place: BootstrapFault,
}

impl<'a> Collection<'a> {
    pub(super) fn new(defaults: &'a BootstrapDefaults) -> Self {
        Self {
            defaults,
            found: Bootstrap::default(),
            faults: Vec::new(),
            declared: BTreeMap::new(),
            references: Vec::new(),
            message_places: Vec::new(),
        }
    }

    pub(super) fn unreadable(&mut self, file: String, text: String) {
        self.faults.push(BootstrapFault {
            file,
            place: None,
            text,
        });
    }

    pub(super) fn fault(&mut self, fault: BootstrapFault) {
        self.faults.push(fault);
    }

    pub(super) fn note(&mut self, note: String) {
        self.found.notes.push(note);
    }

    /// Adds the declarations of a file in the emulator's own format.
    pub(super) fn document(&mut self, source: &Source, text: &str) {
        let document: Document = match yaml::read(text) {
            Ok(document) => document,
            Err(error) => return self.fault(BootstrapFault::of_form(source, text, &error)),
        };
        let default = || self.defaults.project.clone();
        let default = || Spanned::new(default(), Location::UNKNOWN, Location::UNKNOWN);
        let project = document.project.unwrap_or_else(default);
        if let Err(error) = check_project(&project.value) {
            return self.fault(rejected(source, project.referenced, &error));
        }
        let file = File {
            source,
            text,
            project: project.value,
        };
        for (name, entry) in document.schemas.0 {
            let schema = self.schema(&file, &name, entry);
            self.keep(schema);
        }
        for (name, entry) in document.topics.0 {
            let topic = self.topic(&file, &name, entry);
            self.keep(topic);
        }
        for (name, entry) in document.subscriptions.0 {
            let subscription = self.subscription(&file, &name, entry, None);
            self.keep(subscription);
        }
    }

    /// Records the place of a declaration.
    pub(super) fn declare(
        &mut self,
        source: &Source,
        location: Location,
        name: &ResourceName,
    ) -> Checked<()> {
        let fault = |text| BootstrapFault::new(source, location, text);
        if let Some(before) = self.declared.get(name.as_str()) {
            return Err(fault(format!("{name} is declared at {before} already")));
        }
        let place = fault(String::new()).to_string();
        let place = place.trim_end_matches([':', ' ']).to_owned();
        self.declared.insert(name.to_string(), place);
        Ok(())
    }

    /// Returns true if a file declares this name.
    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.declared.contains_key(name)
    }

    pub(super) fn add_schema(&mut self, schema: SchemaDeclaration) {
        self.found.schemas.push(schema);
    }

    pub(super) fn add_topic(&mut self, topic: TopicConfig) {
        self.found.topics.push(topic);
    }

    pub(super) fn add_subscription(&mut self, config: SubscriptionConfig) {
        self.found.subscriptions.push(config);
    }

    fn keep(&mut self, checked: Checked<()>) {
        self.faults.extend(checked.err());
    }

    fn schema(
        &mut self,
        file: &File<'_>,
        name: &Spanned<String>,
        entry: SchemaEntry,
    ) -> Checked<()> {
        let fault = |location, text: &str| BootstrapFault::new(file.source, location, text);
        let full = file.name(name, "schemas", ResourceName::schema)?;
        self.declare(file.source, name.referenced, &full)?;
        let language = entry.r#type.ok_or_else(|| {
            let text = "the schema has no type, expected AVRO or PROTOCOL_BUFFER";
            fault(name.referenced, text)
        })?;
        let definition = match (entry.definition, entry.definition_file) {
            (Some(definition), None) => definition,
            (None, Some(path)) => file.read(&path)?,
            _ => {
                let text = "the schema needs either a definition or a definitionFile";
                return Err(fault(name.referenced, text));
            }
        };
        let declared = SchemaDeclaration {
            name: full.to_string(),
            language,
            definition,
        };
        let checked = Schemas::validate_schema(&declared.to_schema());
        self.keep(checked.map_err(|error| rejected(file.source, name.referenced, &error)));
        self.found.schemas.push(declared);
        Ok(())
    }

    fn topic(&mut self, file: &File<'_>, name: &Spanned<String>, entry: TopicEntry) -> Checked<()> {
        let full = file.name(name, "topics", ResourceName::topic)?;
        self.declare(file.source, name.referenced, &full)?;
        let mut topic = TopicConfig::new(full.as_str());
        let without_effect = without_effect::of_topic(&entry, file.text);
        let without_effect = without_effect
            .map_err(|(place, text)| BootstrapFault::new(file.source, place, text))?;
        topic.without_effect = without_effect;
        topic.labels = entry.labels;
        let settings = entry.schema_settings;
        topic.schema = settings.map(|settings| self.schema_settings(file, settings));
        let retention = entry.message_retention_duration;
        topic.message_retention = retention.as_ref().map(|retention| retention.value.0);
        let checked = topic.check().map(drop);
        self.keep(checked.map_err(|error| {
            let is_retention = error.to_string().starts_with("messageRetentionDuration");
            let retention = retention.filter(|_| is_retention);
            let place = retention.map_or(name.referenced, |retention| retention.referenced);
            rejected(file.source, place, &error)
        }));
        self.found.topics.push(topic);
        for (name, entry) in entry.subscriptions.0 {
            let subscription = self.subscription(file, &name, entry, Some(&full));
            self.keep(subscription);
        }
        for entry in entry.messages {
            let message = self.message(file, entry, &full);
            self.keep(message);
        }
        Ok(())
    }

    fn schema_settings(&mut self, file: &File<'_>, entry: SchemaSettingsEntry) -> SchemaSettings {
        let schema = file.full("schemas", &entry.schema.value);
        self.refer(file, entry.schema.referenced, schema.clone());
        SchemaSettings {
            schema,
            encoding: entry.encoding.into(),
            first_revision_id: String::new(),
            last_revision_id: String::new(),
        }
    }

    fn message(
        &mut self,
        file: &File<'_>,
        entry: Spanned<MessageEntry>,
        topic: &ResourceName,
    ) -> Checked<()> {
        let place = entry.referenced;
        let message = message::read(entry.value, file.text)
            .map_err(|(own, text)| BootstrapFault::new(file.source, own.unwrap_or(place), text))?;
        self.found.messages.push((topic.to_string(), message));
        let place = BootstrapFault::new(file.source, place, "");
        self.message_places.push(place);
        Ok(())
    }

    fn subscription(
        &mut self,
        file: &File<'_>,
        name: &Spanned<String>,
        mut entry: SubscriptionEntry,
        topic: Option<&ResourceName>,
    ) -> Checked<()> {
        let full = file.name(name, "subscriptions", ResourceName::subscription)?;
        self.declare(file.source, name.referenced, &full)?;
        let topic = self.topic_of(file, name, entry.topic.take(), topic)?;
        if let Some(faults) = entry.faults.take() {
            let checked = faults.value.check();
            checked.map_err(|error| {
                BootstrapFault::new(file.source, faults.referenced, error.to_string())
            })?;
            self.found.faults.insert(full.to_string(), faults.value);
        }
        let without_effect = without_effect::of_subscription(&entry, file.text)
            .map_err(|(place, text)| BootstrapFault::new(file.source, place, text))?;
        let full_topic = |written: &str| file.full("topics", written);
        let (mut config, places) =
            subscription::read(name, full.to_string(), topic, entry, full_topic)
                .map_err(|(place, text)| BootstrapFault::new(file.source, place, text))?;
        config.without_effect = without_effect;
        config
            .check()
            .map_err(|error| rejected(file.source, places.find(&error.to_string()), &error))?;
        self.found.subscriptions.push(config);
        Ok(())
    }

    /// Returns the topic of a subscription: the topic that contains it, or else the one that it names.
    fn topic_of(
        &mut self,
        file: &File<'_>,
        name: &Spanned<String>,
        named: Option<Spanned<String>>,
        above: Option<&ResourceName>,
    ) -> Checked<String> {
        let fault = |location, text: &str| BootstrapFault::new(file.source, location, text);
        match (named, above) {
            (None, Some(topic)) => Ok(topic.to_string()),
            (Some(named), Some(_)) => {
                let text =
                    "found topic, expected none, since the subscription is listed under its topic";
                Err(fault(named.referenced, text))
            }
            (Some(named), None) => {
                let topic = file.full("topics", &named.value);
                self.refer(file, named.referenced, topic.clone());
                Ok(topic)
            }
            (None, None) => {
                let text = "the subscription has no topic: name the topic, or list the subscription under it";
                Err(fault(name.referenced, text))
            }
        }
    }

    fn refer(&mut self, file: &File<'_>, location: Location, name: String) {
        self.references.push(Reference {
            name,
            place: BootstrapFault::new(file.source, location, ""),
        });
    }
}
