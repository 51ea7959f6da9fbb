//! `m2m/asyncapi.yaml`: the topics and messages for tools of any language (AsyncAPI 3.0.0, with its Google Pub/Sub bindings 0.2.0).
//!
//! It is written from the side of this service, which receives from subscriptions. The operations of publishers are listed,
//! too, since most readers are publishers.

mod messages;
mod operations;
mod reference;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use self::messages::Message;
use self::operations::Operation;
use self::reference::{Reference, key};
use super::error::DeriveError;
use super::paths::link;
use super::project::Project;
use super::schemas::Schemas;
use super::topics::{Topic, dead_letter_topics, topics};
use crate::subscriber::{Subscriber, TopicSchema};

const BINDING_VERSION: &str = "0.2.0";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    asyncapi: &'static str,
    info: Value,
    default_content_type: &'static str,
    servers: Value,
    channels: BTreeMap<String, Channel<'a>>,
    operations: BTreeMap<String, Operation<'a>>,
    components: Components<'a>,
}

#[derive(Serialize)]
struct Channel<'a> {
    address: String,
    title: &'a str,
    description: String,
    servers: [Reference; 1],
    parameters: Value,
    messages: BTreeMap<&'a str, Reference>,
    /// Bindings of a topic with a Pub/Sub schema: the binding requires `schemaSettings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    bindings: Option<Value>,
}

#[derive(Serialize)]
struct Components<'a> {
    messages: BTreeMap<String, Message<'a>>,
}

/// Returns the whole file.
///
/// # Errors
/// If it cannot be written as YAML, which is a bug.
pub(super) fn write(
    subscribers: &[Subscriber],
    schemas: &Schemas<'_>,
    project: &Project,
    sources: &str,
) -> Result<String, DeriveError> {
    let document = Document::of(subscribers, schemas, project);
    let yaml = serde_saphyr::to_string(&document)
        .map_err(DeriveError::serialize("the AsyncAPI document"))?;
    Ok(format!(
        "# Written by the command `generate` from the declarations in {sources}.\n{}\n",
        yaml.trim_end()
    ))
}

impl<'a> Document<'a> {
    fn of(subscribers: &'a [Subscriber], schemas: &'a Schemas<'_>, project: &Project) -> Self {
        let paths = &project.paths;
        let folder = link(&paths.asyncapi, &paths.schemas);
        let topics = topics(subscribers);
        let dead_letters = dead_letter_topics(subscribers);
        let mut channels = BTreeMap::new();
        let mut operations = BTreeMap::new();
        let mut messages = BTreeMap::new();
        for topic in &topics {
            channels.insert(key(topic.id), Channel::of(topic, schemas));
            operations.extend(operations::of_topic(topic));
            messages.extend(messages::of_topic(topic, schemas, &folder));
        }
        for topic in &dead_letters {
            // It may be a topic with subscribers, too.
            let channel = channels.entry(key(topic.id));
            let channel = channel.or_insert_with(|| Channel::of_dead_letters(topic));
            channel
                .messages
                .extend(messages::dead_letter_references(topic.id));
            operations.extend(operations::of_dead_letters(topic));
            messages.insert(messages::dead_letter_key(topic.id), Message::dead_letter());
        }
        Self {
            asyncapi: "3.0.0",
            // The version is that of the service. Contracts have none, since fields are only ever added.
            info: object(json!({
                "title": "Asynchronous components",
                "version": project.version,
                "description": format!("Topics, messages and subscriptions of this service. {} says the same for people.", link(&paths.asyncapi, &paths.documents)),
            })),
            default_content_type: "application/json",
            servers: object(json!({"pubsub": {
                "host": "pubsub.googleapis.com",
                "protocol": "googlepubsub",
                "description": "Google Cloud Pub/Sub.",
            }})),
            channels,
            operations,
            components: Components { messages },
        }
    }
}

impl<'a> Channel<'a> {
    fn of(topic: &Topic<'a>, schemas: &Schemas<'_>) -> Self {
        let described = topic
            .types()
            .into_iter()
            .filter_map(|name| schemas.description(name));
        let mut description = described.collect::<Vec<_>>().join(" ");
        if description.is_empty() {
            description = "Messages whose payload has no JSON type.".into();
        }
        Self {
            description,
            messages: messages::references(topic),
            bindings: topic.schema().map(|schema| {
                let settings = json!({
                    "encoding": schema.encoding.name(),
                    "name": schema_name(schema),
                    "x-type": schema.language.name(),
                    "x-definition": schema.definition,
                });
                let version = json!(BINDING_VERSION);
                object(json!({"googlepubsub": {"schemaSettings": settings, "bindingVersion": version}}))
            }),
            ..Self::named(topic.id)
        }
    }

    fn of_dead_letters(topic: &Topic<'a>) -> Self {
        Self {
            description:
                "Dead-lettered messages with the reason, kept until a person decides about them."
                    .into(),
            ..Self::named(topic.id)
        }
    }

    fn named(id: &'a str) -> Self {
        Self {
            address: format!("projects/{{project}}/topics/{id}"),
            title: id,
            description: String::new(),
            servers: [Reference::to(["servers", "pubsub"])],
            parameters: json!({"project": {"description": "The id of the Google Cloud project."}}),
            messages: BTreeMap::new(),
            bindings: None,
        }
    }
}

/// Returns an object without its empty fields, and in the order of the names whatever the features of the JSON library are.
fn object(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !(value.is_null() || *value == json!([]) || *value == json!({})));
    }
    object.sort_all_objects();
    object
}

fn schema_name(schema: &TopicSchema) -> String {
    format!("projects/{{project}}/schemas/{}", schema.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attributes, Idempotency, Message as Read, Raw, Schedule};

    fn subscriber(subscriber: Subscriber) -> Subscriber {
        subscriber
            .topic("orders~new")
            .purpose("Says: \"yes\",\n- and: more # than that.")
            .producers(["checkout"])
            .idempotency(Idempotency::by_attribute("event-id"))
    }

    fn written(subscribers: &[Subscriber]) -> Value {
        let schemas = Schemas::of(subscribers).expect("schemas");
        let project = Project::with_defaults("/nowhere".as_ref());
        let yaml = write(subscribers, &schemas, &project, "src/").expect("YAML");
        serde_saphyr::from_str(&yaml).expect("YAML that can be read")
    }

    /// Returns the document of one ordered subscriber whose topic has a schema.
    fn ordered() -> Value {
        let handler = async |_: Read<Raw>| ();
        let declared = subscriber(Subscriber::new("orders-mail", handler))
            .topic_schema(TopicSchema::avro("mails", "{\n  \"type\": \"string\"\n}\n").binary())
            .ordered();
        written(&[declared])
    }

    #[test]
    fn texts_of_declarations_survive_yaml() {
        let written = ordered();
        assert_eq!(
            written["operations"]["receive-orders-mail"]["summary"],
            "Says: \"yes\",\n- and: more # than that."
        );
        let channel = &written["channels"]["orders_7Enew"];
        let settings = &channel["bindings"]["googlepubsub"]["schemaSettings"];
        assert_eq!(settings["x-definition"], "{\n  \"type\": \"string\"\n}\n");
    }

    #[test]
    fn names_make_valid_keys() {
        let written = ordered();
        let operation = &written["operations"]["receive-orders-mail"];
        assert_eq!(operation["channel"]["$ref"], "#/channels/orders_7Enew");
        let channel = &written["channels"]["orders_7Enew"];
        assert_eq!(channel["address"], "projects/{project}/topics/orders~new");
    }

    #[test]
    fn the_form_of_messages_is_described() {
        let written = ordered();
        let channel = &written["channels"]["orders_7Enew"];
        let settings = &channel["bindings"]["googlepubsub"]["schemaSettings"];
        assert_eq!(settings["encoding"], "BINARY");
        let message = &written["components"]["messages"]["orders_7Enew.bytes"];
        assert_eq!(message["contentType"], "application/octet-stream");
        assert_eq!(
            message["headers"]["required"],
            serde_json::json!(["event-id"])
        );
        assert!(message["bindings"]["googlepubsub"]["orderingKey"].is_string());
    }

    /// Returns the document of two subscribers, of which one reads the other's dead letters.
    fn with_dead_letters() -> Value {
        let handler = async |_: Read<Attributes>| ();
        let one = subscriber(Subscriber::new("orders-mail", handler)).dead_letter_topic("given-up");
        let two = subscriber(Subscriber::new("watch-dead", handler))
            .topic("given-up")
            .schedule(Schedule::cron("0 6 * * *").attribute("event-id", "1"));
        written(&[one, two])
    }

    #[test]
    fn a_topic_of_dead_letters_may_have_messages_of_its_own() {
        let written = with_dead_letters();
        let messages = &written["channels"]["given-up"]["messages"];
        assert!(messages["attributes"]["$ref"].is_string(), "{messages}");
    }

    #[test]
    fn a_schedule_is_an_operation_that_sends() {
        let written = with_dead_letters();
        let sends = &written["operations"]["send-schedule-watch-dead"];
        assert_eq!(sends["action"], "send");
        assert_eq!(sends["x-schedule"]["cron"], "0 6 * * *");
    }

    #[test]
    fn dead_letters_are_an_operation_with_their_sources() {
        let written = with_dead_letters();
        assert_eq!(
            written["operations"]["send-dead-letters-given-up"]["x-from"],
            serde_json::json!(["orders-mail"])
        );
    }
}
