//! An emulator in this process, with the declared topics and subscriptions.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use emulator::{
    ApiError, DeadLetterPolicy, Emulator, Encoding, Message, Options, PushConfig,
    SchemaDeclaration, SchemaLanguage, SchemaSettings, StartError, SubscriptionConfig, TopicConfig,
};

use crate::config::Config;
use crate::environment::Environment;
use crate::subscriber::{self, Form, SchemaEncoding, Subscriber, TopicSchema};

/// The local Pub/Sub of one project.
pub(crate) struct Cloud {
    pub(crate) emulator: Emulator,
    project: String,
}

/// A declared subscription, and its resources in the emulator.
pub(crate) struct Subscription {
    pub(crate) declared: Subscriber,
    pub(crate) name: String,
    pub(crate) topic: String,
    /// The e-mail and the audience of its push tokens.
    pub(crate) caller: (String, String),
}

impl Cloud {
    /// Starts it; with a folder, in the state that it had before.
    pub(crate) fn start(
        port: u16,
        project: &str,
        data_folder: Option<PathBuf>,
    ) -> Result<Self, StartError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let emulator = Emulator::start_with(Options {
            address,
            data_folder,
            ..Options::default()
        })?;
        Ok(Self {
            emulator,
            project: project.to_owned(),
        })
    }

    /// Returns the settings of a service that this cloud pushes to. The environment only chooses the store.
    pub(crate) fn settings(
        &self,
        environment: &Environment,
        port: u16,
        status_port: u16,
    ) -> Environment {
        let issuer = self.emulator.issuer();
        let defaults = environment.with_defaults([
            ("PUSHGATE_STORE", "memory:on one machine".to_owned()),
            ("OTEL_METRICS_EXPORTER", "prometheus".to_owned()),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", status_port.to_string()),
        ]);
        defaults.with([
            ("GOOGLE_CLOUD_PROJECT", self.project.clone()),
            ("PUSHGATE_AUDIENCE", format!("http://127.0.0.1:{port}")),
            ("PUSHGATE_CALLERS", push_account(&self.project)),
            ("PUSHGATE_OPERATORS", push_account(&self.project)),
            ("PUSHGATE_ISSUER", issuer.url().to_owned()),
            ("PUSHGATE_KEYS_URL", issuer.keys_url()),
            ("PUBSUB_EMULATOR_HOST", self.emulator.address().to_string()),
            ("PORT", port.to_string()),
        ])
    }

    /// Creates the topics, the declared subscriptions, and dead-letter topics with a subscription that keeps their messages.
    pub(crate) fn subscribe(
        &self,
        declared: Vec<Subscriber>,
        service: SocketAddr,
        config: &Config,
    ) -> Result<Vec<Subscription>, ApiError> {
        let subscriptions: Vec<Subscription> = declared
            .into_iter()
            .map(|declared| self.subscription(declared, config))
            .collect();
        for subscription in &subscriptions {
            let dead_letters = &subscription.declared.dead_letter_topic;
            let dead_letter_topic = self.topic(dead_letters);
            if self.create_topic(&dead_letter_topic, None)? {
                let name = format!("projects/{}/subscriptions/{dead_letters}", self.project);
                self.emulator
                    .create_subscription(SubscriptionConfig::new(name, &dead_letter_topic))?;
            }
            let schema = schema_of(&subscription.topic, &subscriptions);
            self.create_topic(&subscription.topic, schema)?;
            self.offer_examples(subscription)?;
            let config = subscription.config(service, &dead_letter_topic);
            match self.emulator.create_subscription(config.clone()) {
                Err(ApiError::AlreadyExists(_)) => self.emulator.update_subscription(config)?,
                created => drop(created?),
            }
        }
        Ok(subscriptions)
    }

    /// Deletes the subscriptions of an earlier run that these declarations do not have, or whose topic, filter or ordering is another
    /// one now. Returns the reason for each.
    pub(super) fn forget_others(&self, declared: &[Subscriber]) -> Result<Vec<String>, ApiError> {
        let mut forgotten = Vec::new();
        for found in self.emulator.subscriptions(&self.project) {
            let config = found.config();
            let id = config
                .name
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned();
            let path = format!("/push/{id}");
            let push = config.push_config.as_ref();
            if !push.is_some_and(|push| push.endpoint.ends_with(&path)) {
                continue; // a dead-letter subscription, or one that somebody made
            }
            let reason = match declared.iter().find(|subscriber| subscriber.id == id) {
                None => "is not declared any more",
                Some(subscriber) if self.is_as_declared(&config, subscriber) => continue,
                Some(_) => "has another topic, filter or ordering now, which never change",
            };
            found.delete()?;
            forgotten.push(format!("{id} {reason}: deleted with its backlog"));
        }
        Ok(forgotten)
    }

    /// Returns true if a subscription has the declared values of everything that never changes.
    fn is_as_declared(&self, found: &SubscriptionConfig, declared: &Subscriber) -> bool {
        let cloud = &declared.cloud;
        found.topic == self.topic(&declared.topic)
            && found.filter == cloud.filter.as_deref().unwrap_or_default()
            && found.enable_message_ordering == cloud.is_ordered
    }

    /// Offers the declared examples in the console's form for publishing.
    fn offer_examples(&self, subscription: &Subscription) -> Result<(), ApiError> {
        let topic = self.emulator.topic(&subscription.topic)?;
        for example in &subscription.declared.examples {
            let mut message = Message::new(example.data.clone());
            message.attributes.clone_from(&example.attributes);
            topic.add_example(&example.title, message)?;
        }
        Ok(())
    }

    fn subscription(&self, declared: Subscriber, config: &Config) -> Subscription {
        let first = |declared: &[String], configured: &[String]| {
            let first = declared.first().or(configured.first());
            first.cloned().unwrap_or_default()
        };
        let email = first(&declared.pushes.callers, &config.callers);
        let audience = first(&declared.pushes.audiences, &config.audiences);
        let name = format!("projects/{}/subscriptions/{}", self.project, declared.id);
        Subscription {
            topic: self.topic(&declared.topic),
            name,
            caller: (email, audience),
            declared,
        }
    }

    fn topic(&self, id: &str) -> String {
        format!("projects/{}/topics/{id}", self.project)
    }

    /// Returns true if the topic is new: subscriptions may share it.
    fn create_topic(&self, name: &str, schema: Option<&TopicSchema>) -> Result<bool, ApiError> {
        let mut config = TopicConfig::new(name);
        config.schema = schema
            .map(|schema| self.create_schema(schema))
            .transpose()?;
        match self.emulator.create_topic_with(config) {
            Ok(_) => Ok(true),
            Err(ApiError::AlreadyExists(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn create_schema(&self, schema: &TopicSchema) -> Result<SchemaSettings, ApiError> {
        let name = format!("projects/{}/schemas/{}", self.project, schema.name);
        let created = self.emulator.create_schema(&SchemaDeclaration {
            name: name.clone(),
            language: match schema.language {
                subscriber::SchemaLanguage::Avro => SchemaLanguage::Avro,
                subscriber::SchemaLanguage::ProtocolBuffer => SchemaLanguage::ProtocolBuffer,
            },
            definition: schema.definition.clone(),
        });
        match created {
            // Topics may share a schema.
            Ok(()) | Err(ApiError::AlreadyExists(_)) => Ok(SchemaSettings {
                schema: name,
                encoding: match schema.encoding {
                    SchemaEncoding::Json => Encoding::Json,
                    SchemaEncoding::Binary => Encoding::Binary,
                },
                first_revision_id: String::new(),
                last_revision_id: String::new(),
            }),
            Err(error) => Err(error),
        }
    }
}

/// Returns the e-mail of a service account of this project. The domain of an old project follows its id there.
fn push_account(project: &str) -> String {
    let project = project.to_ascii_lowercase();
    let project = match project.split_once(':') {
        Some((domain, id)) => format!("{id}.{domain}"),
        None => project,
    };
    format!("push@{project}.iam.gserviceaccount.com")
}

/// Returns the schema that a subscriber of this topic declares.
fn schema_of<'a>(topic: &str, subscriptions: &'a [Subscription]) -> Option<&'a TopicSchema> {
    let of_topic = subscriptions
        .iter()
        .filter(|subscription| subscription.topic == topic);
    of_topic
        .filter_map(|subscription| subscription.declared.topic_schema.as_ref())
        .next()
}

impl Subscription {
    fn config(&self, service: SocketAddr, dead_letter_topic: &str) -> SubscriptionConfig {
        let (email, audience) = &self.caller;
        let endpoint = format!("http://{service}/push/{}", self.declared.id);
        let policy = DeadLetterPolicy {
            dead_letter_topic: dead_letter_topic.to_owned(),
            max_delivery_attempts: self.declared.cloud.attempts,
        };
        let mut config = SubscriptionConfig::new(&self.name, &self.topic);
        let push = PushConfig::new(endpoint).signed_as(email, Some(audience));
        config.push_config = Some(match self.declared.pushes.form {
            // With metadata, since most idempotency keys come from it.
            Form::Unwrapped => push.unwrapped(true),
            Form::Eventarc => push.eventarc(),
            Form::Evident => push,
        });
        config.ack_deadline = self.declared.cloud.ack_deadline;
        config.retry_policy = Some(super::shortened(self.declared.cloud.backoff));
        config.dead_letter_policy = Some(policy);
        config.filter = self.declared.cloud.filter.clone().unwrap_or_default();
        config.enable_message_ordering = self.declared.cloud.is_ordered;
        config.message_retention = self.declared.cloud.retention;
        config.retain_acked_messages = self.declared.cloud.retains_handled;
        config.expiration = None;
        config
    }
}
