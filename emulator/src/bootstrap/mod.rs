//! Schemas, topics, subscriptions and messages from files, created when the emulator starts.
//!
//! A file is YAML, which includes JSON. `document` is its format, `collect` and `references` convert and check it,
//! `described` does so with the output of `pushgate describe`, and `place` locates errors. The library creates the
//! resources if all files are valid.

mod collect;
mod described;
mod document;
mod file;
mod json;
mod message;
mod place;
mod references;
mod subscription;
mod without_effect;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use self::collect::Collection;
pub use self::place::{BootstrapError, BootstrapFault};
use self::place::{Source, read_text};
use crate::faults::Faults;
use crate::messages::message::Message;
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::topic::TopicConfig;
use crate::schema::SchemaDeclaration;

/// The checked content of bootstrap files. Every name is full, and every reference is declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bootstrap {
    /// Schemas, created first.
    pub schemas: Vec<SchemaDeclaration>,
    /// Topics, including dead-letter topics that no file declares.
    pub topics: Vec<TopicConfig>,
    /// Subscriptions, including one for each of these dead-letter topics, which keeps its messages.
    pub subscriptions: Vec<SubscriptionConfig>,
    /// Faults by the full names of their subscriptions.
    pub faults: BTreeMap<String, Faults>,
    /// Messages with the full names of their topics, published last.
    pub messages: Vec<(String, Message)>,
    /// Notes for the operator, one sentence each.
    pub notes: Vec<String>,
}

/// Defaults for settings that files do not set.
#[derive(Clone, Debug)]
pub struct BootstrapDefaults {
    /// The project of short names.
    pub project: String,
    /// The URL of the described service, such as `http://127.0.0.1:8080`.
    pub push_to: Option<String>,
}

impl BootstrapDefaults {
    /// Creates defaults for a project, without a service.
    pub fn new(project: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            push_to: None,
        }
    }
}

impl Bootstrap {
    /// Reads files as one declaration. Each may refer to resources of the others.
    ///
    /// # Errors
    /// All errors with their places. If the format of a file is invalid, this is its only error.
    pub fn read(
        files: &[impl AsRef<Path>],
        defaults: &BootstrapDefaults,
    ) -> Result<Self, BootstrapError> {
        let mut collection = Collection::new(defaults);
        // Declarations of services come last, since they only name a topic, and another file may declare its settings.
        let mut described = Vec::new();
        for file in files {
            let file = file.as_ref();
            let name = file.display().to_string();
            let folder = file.parent().map(Path::to_owned).unwrap_or_default();
            let source = Source { name, folder };
            match read_text(file) {
                Ok(text) if is_described(&text) => described.push((source, text)),
                Ok(text) => collection.document(&source, &text),
                Err(why) => collection.unreadable(source.name, why),
            }
        }
        for (source, text) in described {
            described::collect(&mut collection, &source, &text);
        }
        collection.finish()
    }

    /// Returns the project of all declarations, if there is only one.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        let schemas = self.schemas.iter().map(|schema| &schema.name);
        let topics = self.topics.iter().map(|topic| &topic.name);
        let subscriptions = self.subscriptions.iter().map(|config| &config.name);
        let names = schemas.chain(topics).chain(subscriptions);
        let mut projects = names.filter_map(|name| name.split('/').nth(1));
        let first = projects.next()?;
        projects.all(|project| project == first).then_some(first)
    }

    /// Reads one text. Errors call it `name`, and its files are relative to the working directory.
    ///
    /// # Errors
    /// All errors with their places.
    pub fn parse(
        name: &str,
        text: &str,
        defaults: &BootstrapDefaults,
    ) -> Result<Self, BootstrapError> {
        let mut collection = Collection::new(defaults);
        let source = Source {
            name: name.to_owned(),
            folder: PathBuf::new(),
        };
        if is_described(text) {
            described::collect(&mut collection, &source, text);
        } else {
            collection.document(&source, text);
        }
        collection.finish()
    }
}

/// Returns true for the output of `pushgate describe`.
fn is_described(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Mark {
        pushgate_describe: Option<IgnoredAny>,
    }
    let mark: Option<Mark> = yaml::read(text).ok();
    mark.is_some_and(|mark| mark.pushgate_describe.is_some())
}
