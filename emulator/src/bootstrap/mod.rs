//! Schemas, topics, subscriptions and messages from files, created when the emulator starts.
//!
//! A file is YAML, of which JSON is a part. `document` is its shape, `collect` and `references` convert and check it,
//! `described` does the same with the output of `pushgate describe`, and `place` names the places of faults. The library
//! creates the resources, and only if all files are valid.

mod collect;
mod described;
mod document;
mod file;
mod json;
mod message;
mod place;
mod references;
mod subscription;
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

/// The content of bootstrap files, checked and complete: every name is full, and every name that is referred to
/// is declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bootstrap {
    /// To be created first.
    pub schemas: Vec<SchemaDeclaration>,
    /// With the dead-letter topics that no file declares.
    pub topics: Vec<TopicConfig>,
    /// With one for each of these dead-letter topics, which holds what comes there.
    pub subscriptions: Vec<SubscriptionConfig>,
    /// By the full names of their subscriptions.
    pub faults: BTreeMap<String, Faults>,
    /// To be published last, each to the topic of this full name.
    pub messages: Vec<(String, Message)>,
    /// Notes for the reader of the files, a sentence each.
    pub notes: Vec<String>,
}

/// Defaults that files do not set.
#[derive(Clone, Debug)]
pub struct BootstrapDefaults {
    /// The project of names that are short.
    pub project: String,
    /// The URL of the service that pushgate's declarations belong to, such as `http://127.0.0.1:8080`.
    pub push_to: Option<String>,
}

impl BootstrapDefaults {
    /// Of a project, without a service.
    pub fn new(project: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            push_to: None,
        }
    }
}

impl Bootstrap {
    /// Reads files, which together are one declaration: each may refer to what another declares.
    ///
    /// # Errors
    /// All that is wrong, each with its place: but of a file whose form is wrong, that alone.
    pub fn read(
        files: &[impl AsRef<Path>],
        defaults: &BootstrapDefaults,
    ) -> Result<Self, BootstrapError> {
        let mut collection = Collection::new(defaults);
        // Declarations of services come last: of a topic they say no more than its name, and another file may say the rest.
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

    /// Reads one text; `name` is what errors call it, and its files are sought in the working directory.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
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

/// Returns true if it has the mark of what `pushgate describe` prints.
fn is_described(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Mark {
        pushgate_describe: Option<IgnoredAny>,
    }
    let mark: Option<Mark> = yaml::read(text).ok();
    mark.is_some_and(|mark| mark.pushgate_describe.is_some())
}
