//! The declarations of a pushgate service, as `pushgate describe` prints them.
//!
//! This is the emulator's own reader of that JSON. It reads the parts of Google's resources and ignores the rest.

use std::time::Duration;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::collect::Collection;
use super::document::Seconds;
use super::place::{BootstrapFault, Source, rejected};
use super::yaml;
use crate::error::ApiError;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{
    DeadLetterPolicy, PushConfig, RetryPolicy, SubscriptionConfig,
};
use crate::resources::topic::{Encoding, SchemaSettings, TopicConfig};
use crate::schema::{SchemaDeclaration, SchemaLanguage, Schemas};

/// The supported version.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    version: Spanned<u32>,
    #[serde(default)]
    topics: Vec<Spanned<DescribedTopic>>,
    #[serde(default)]
    subscriptions: Vec<Spanned<Declared>>,
}

#[derive(Deserialize)]
struct DescribedTopic {
    id: String,
    #[serde(default)]
    schema: Option<DescribedSchema>,
}

#[derive(Deserialize)]
struct DescribedSchema {
    name: String,
    r#type: SchemaLanguage,
    encoding: DescribedEncoding,
    definition: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum DescribedEncoding {
    Json,
    Binary,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    id: String,
    topic: String,
    dead_letter_topic: String,
    ack_deadline_seconds: u64,
    retry_policy: DeclaredRetries,
    attempts: u32,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    callers: Vec<String>,
    form: DeclaredForm,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    enable_message_ordering: bool,
    #[serde(default)]
    message_retention_duration: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeclaredRetries {
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum DeclaredForm {
    Evident,
    Unwrapped,
    Eventarc,
}

/// Adds the topics and subscriptions of a service.
pub(super) fn collect(collection: &mut Collection<'_>, source: &Source, text: &str) {
    let described: Described = match yaml::read(text) {
        Ok(described) => described,
        Err(error) => return collection.fault(BootstrapFault::of_form(source, text, &error)),
    };
    if described.version.value != VERSION {
        let text = format!(
            "version is {}, expected {VERSION}: use a pushgate of the same release as this emulator",
            described.version.value
        );
        let fault = BootstrapFault::new(source, described.version.referenced, text);
        return collection.fault(fault);
    }
    let Some(base) = collection.defaults.push_to.clone() else {
        let text = "declarations of a service do not contain its URL: add --push-to URL";
        return collection.fault(BootstrapFault::new(source, Location::UNKNOWN, text));
    };
    for topic in described.topics {
        let added = add_topic(collection, source, &topic);
        if let Err(error) = added {
            collection.fault(error);
        }
    }
    for declared in described.subscriptions {
        let added = add(collection, source, &declared, base.trim_end_matches('/'));
        if let Err(error) = added {
            collection.fault(error);
        }
    }
}

fn add_topic(
    collection: &mut Collection<'_>,
    source: &Source,
    described: &Spanned<DescribedTopic>,
) -> Result<(), BootstrapFault> {
    let reject = |error: ApiError| rejected(source, described.referenced, &error);
    let project = collection.defaults.project.clone();
    let DescribedTopic { id, schema } = &described.value;
    let topic = ResourceName::topic(&format!("projects/{project}/topics/{id}")).map_err(reject)?;
    // Another file may declare more of it.
    if collection.is_declared(topic.as_str()) {
        return Ok(());
    }
    collection.declare(source, described.referenced, &topic)?;
    let mut config = TopicConfig::new(topic.as_str());
    if let Some(DescribedSchema {
        name,
        r#type,
        encoding,
        definition,
    }) = schema
    {
        let name =
            ResourceName::schema(&format!("projects/{project}/schemas/{name}")).map_err(reject)?;
        config.schema = Some(SchemaSettings {
            schema: name.to_string(),
            encoding: match encoding {
                DescribedEncoding::Json => Encoding::Json,
                DescribedEncoding::Binary => Encoding::Binary,
            },
            first_revision_id: String::new(),
            last_revision_id: String::new(),
        });
        if !collection.is_declared(name.as_str()) {
            collection.declare(source, described.referenced, &name)?;
            let declared = SchemaDeclaration {
                name: name.to_string(),
                language: *r#type,
                definition: definition.clone(),
            };
            Schemas::validate_schema(&declared.to_schema()).map_err(reject)?;
            collection.add_schema(declared);
        }
    }
    collection.add_topic(config);
    Ok(())
}

fn add(
    collection: &mut Collection<'_>,
    source: &Source,
    declared: &Spanned<Declared>,
    base: &str,
) -> Result<(), BootstrapFault> {
    let reject = |error: ApiError| rejected(source, declared.referenced, &error);
    let project = collection.defaults.project.clone();
    let full = |kind: &str, id: &str| format!("projects/{project}/{kind}/{id}");
    let Declared { id, topic, .. } = &declared.value;
    let topic = ResourceName::topic(&full("topics", topic)).map_err(reject)?;
    // Subscriptions may share a topic, and another file may declare more of it.
    if !collection.is_declared(topic.as_str()) {
        collection.declare(source, declared.referenced, &topic)?;
        collection.add_topic(TopicConfig::new(topic.as_str()));
    }
    let name = ResourceName::subscription(&full("subscriptions", id)).map_err(reject)?;
    collection.declare(source, declared.referenced, &name)?;
    let dead_letters = full("topics", &declared.value.dead_letter_topic);
    let mut config = SubscriptionConfig::new(name.as_str(), topic.as_str());
    declared.value.apply(&mut config, dead_letters);
    config.push_config = Some(declared.value.push_config(&project, base));
    config.check().map_err(reject)?;
    collection.add_subscription(config);
    Ok(())
}

impl Declared {
    fn apply(&self, config: &mut SubscriptionConfig, dead_letter_topic: String) {
        config.ack_deadline = Duration::from_secs(self.ack_deadline_seconds);
        config.retry_policy = Some(RetryPolicy {
            minimum_backoff: self.retry_policy.minimum_backoff.0,
            maximum_backoff: self.retry_policy.maximum_backoff.0,
        });
        config.dead_letter_policy = Some(DeadLetterPolicy {
            dead_letter_topic,
            max_delivery_attempts: self.attempts,
        });
        config.filter = self.filter.clone().unwrap_or_default();
        config.enable_message_ordering = self.enable_message_ordering;
        if let Some(retention) = &self.message_retention_duration {
            config.message_retention = retention.0;
        }
    }

    /// Returns the service's URL, its expected caller and its audience: the declared values, or else those that
    /// `pushgate dev` sets.
    fn push_config(&self, project: &str, base: &str) -> PushConfig {
        let default = format!("push@{project}.iam.gserviceaccount.com");
        let caller = self.callers.first().cloned().unwrap_or(default);
        let audience = self.audiences.first().map_or(base, String::as_str);
        let push_config = PushConfig::new(format!("{base}/push/{}", self.id));
        let push_config = push_config.signed_as(caller, Some(audience));
        match self.form {
            DeclaredForm::Unwrapped => push_config.unwrapped(true),
            DeclaredForm::Eventarc => push_config.eventarc(),
            DeclaredForm::Evident => push_config,
        }
    }
}
