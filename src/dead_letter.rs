//! Dead-lettering at once what can never succeed: published as Google would after the last attempt, with the reason beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use google_cloud_pubsub::client::BasePublisher;
use google_cloud_pubsub::model::Message;
use time::format_description::well_known::Rfc3339;
use tokio::sync::OnceCell;

use crate::handler::Delivery;
use crate::publisher::connect;
use crate::registered::Registered;

/// The kind of trouble: `handler`, `payload`, `idempotency key` or `outcome unknown`.
pub const REASON_ATTRIBUTE: &str = "pushgate-dead-letter-reason";
/// What the handler or the payload's check said.
pub const ERROR_ATTRIBUTE: &str = "pushgate-dead-letter-error";
/// Before the names of attributes that only Google and its clients may set, so that nothing is lost.
pub const KEPT_PREFIX: &str = "pushgate-source-";

/// Limits of a message (Google, *Quotas and limits*).
const VALUE_LIMIT_BYTES: usize = 1024;
const KEY_LIMIT_BYTES: usize = 256;
const ATTRIBUTE_LIMIT: usize = 100;

/// The client's own default goes on for 10 minutes, long after the message was given back; this is less than the shortest
/// hard limit there is by default.
const RETRY_LIMIT: Duration = Duration::from_secs(8);

/// Why a message is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Reason {
    /// The message's idempotency key is missing, or belongs to another message.
    pub(crate) fn idempotency(text: String) -> Self {
        Self {
            kind: "idempotency key",
            text,
        }
    }

    /// For subscribers that declare `AfterCrash::Hold`.
    pub(crate) fn outcome_unknown() -> Self {
        Self {
            kind: "outcome unknown",
            text: "outcome unknown: an earlier run began, and its instance vanished before it could record the end".into(),
        }
    }
}

/// Why a message could not be dead-lettered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeadLetterError {
    #[error("no Pub/Sub client: check the service's credentials, or PUBSUB_EMULATOR_HOST")]
    Client(#[source] google_cloud_gax::client_builder::Error),
    #[error("cannot publish to {topic}: does it exist, and may the service publish to it?")]
    Publish {
        topic: String,
        source: google_cloud_pubsub::error::PublishError,
    },
}

/// Publishes to dead-letter topics. The client is made when first needed: most services never need it.
pub(crate) struct DeadLetters {
    emulator: Option<String>,
    client: OnceCell<BasePublisher>,
}

impl DeadLetters {
    /// `emulator` is the `HOST:PORT` of `PUBSUB_EMULATOR_HOST`, which Google's Rust client does not read by itself.
    pub(crate) fn new(emulator: Option<String>) -> Self {
        Self {
            emulator,
            client: OnceCell::new(),
        }
    }

    /// Publishes the message; when this returns, Pub/Sub has taken it.
    pub(crate) async fn publish(
        &self,
        subscriber: &Registered,
        delivery: &Delivery,
        reason: &Reason,
    ) -> Result<(), DeadLetterError> {
        let topic = &subscriber.dead_letter_topic;
        let client = self
            .client
            .get_or_try_init(|| connect(self.emulator.as_deref(), RETRY_LIMIT))
            .await
            .map_err(DeadLetterError::Client)?;
        // One publisher a letter: a kept one would keep a task for every ordering key it has seen, and refuse a key after a
        // failure. Letters are rare, and the connection is the client's.
        let publisher = client
            .publisher(topic)
            .set_message_count_threshold(1)
            .build();
        let message = Message::new()
            .set_data(delivery.data.clone())
            .set_attributes(attributes(delivery, reason))
            .set_ordering_key(delivery.context.ordering_key.as_deref().unwrap_or_default());
        let published = publisher.publish(message).await;
        published
            .map(drop)
            .map_err(|source| DeadLetterError::Publish {
                topic: topic.clone(),
                source,
            })
    }
}

/// Google's four attributes of a dead letter, the reason, and the original ones as far as the limits allow.
fn attributes(delivery: &Delivery, reason: &Reason) -> BTreeMap<String, String> {
    let context = &delivery.context;
    let name: Vec<&str> = context.subscription.split('/').collect();
    let part = |index: usize| name.get(index).copied().unwrap_or_default().to_owned();
    let mut attributes = BTreeMap::from([
        (
            "CloudPubSubDeadLetterSourceDeliveryCount".to_owned(),
            context.delivery_attempt.unwrap_or(1).to_string(),
        ),
        (
            "CloudPubSubDeadLetterSourceSubscription".to_owned(),
            part(3),
        ),
        (
            "CloudPubSubDeadLetterSourceSubscriptionProject".to_owned(),
            part(1),
        ),
        (
            "CloudPubSubDeadLetterSourceTopicPublishTime".to_owned(),
            context.publish_time.format(&Rfc3339).unwrap_or_default(),
        ),
        (REASON_ATTRIBUTE.to_owned(), reason.kind.to_owned()),
        (ERROR_ATTRIBUTE.to_owned(), reason.text.clone()),
    ]);
    for (name, value) in context.attributes.iter() {
        if attributes.len() == ATTRIBUTE_LIMIT {
            tracing::warn!(subscription = %context.subscription, message.id = %context.message_id, attribute = name, "a dead letter has no room for all attributes of its message");
            break;
        }
        attributes
            .entry(publishable(name))
            .or_insert_with(|| value.clone());
    }
    attributes
        .values_mut()
        .for_each(|value| cut(value, VALUE_LIMIT_BYTES));
    attributes
}

/// A name that may be published: those beginning with `goog` are reserved.
fn publishable(name: &str) -> String {
    let mut name = if name.starts_with("goog") {
        format!("{KEPT_PREFIX}{name}")
    } else {
        name.to_owned()
    };
    cut(&mut name, KEY_LIMIT_BYTES);
    name
}

/// Cuts at the last character that fits.
fn cut(text: &mut String, limit_bytes: usize) {
    text.truncate(text.floor_char_boundary(limit_bytes));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::context::Context;
    use crate::state::States;

    fn attributes_of(
        original: impl IntoIterator<Item = (String, String)>,
        error: &str,
    ) -> BTreeMap<String, String> {
        let mut context = Context::for_test("7");
        context.subscription = "projects/shop/subscriptions/orders".into();
        context.delivery_attempt = Some(3);
        context.attributes = Arc::new(original.into_iter().collect());
        let delivery = Delivery {
            data: "x".into(),
            context,
            states: States::default(),
        };
        attributes(
            &delivery,
            &Reason {
                kind: "handler",
                text: error.into(),
            },
        )
    }

    #[test]
    fn a_dead_letter_says_where_it_comes_from_and_why() {
        let found = attributes_of(
            [
                ("region".into(), "eu".into()),
                ("googclient_traceparent".into(), "00-1-2-01".into()),
            ],
            "no such article",
        );
        let expected = [
            ("CloudPubSubDeadLetterSourceDeliveryCount", "3"),
            ("CloudPubSubDeadLetterSourceSubscription", "orders"),
            ("CloudPubSubDeadLetterSourceSubscriptionProject", "shop"),
            (
                "CloudPubSubDeadLetterSourceTopicPublishTime",
                "1970-01-01T00:00:00Z",
            ),
            ("pushgate-dead-letter-error", "no such article"),
            ("pushgate-dead-letter-reason", "handler"),
            ("pushgate-source-googclient_traceparent", "00-1-2-01"),
            ("region", "eu"),
        ];
        assert_eq!(
            found,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
    }

    #[test]
    fn too_long_and_too_many_attributes_are_cut_at_a_character() {
        let found = attributes_of(
            [(format!("goog{}", "k".repeat(252)), "v".into())],
            &"ü".repeat(1000),
        );
        assert_eq!(found["pushgate-dead-letter-error"].len(), 1024);
        assert!(found.keys().all(|name| name.len() <= 256));
        let many = attributes_of(
            (0..100).map(|number| (format!("a{number}"), String::new())),
            &"€".repeat(342),
        );
        assert_eq!(many.len(), 100);
        assert_eq!(
            many["pushgate-dead-letter-error"].len(),
            1023,
            "a character of three bytes is not cut in two"
        );
    }

    #[test]
    fn a_publisher_cannot_forge_the_reason() {
        let found = attributes_of(
            [("pushgate-dead-letter-reason".into(), "none".into())],
            "real",
        );
        assert_eq!(found["pushgate-dead-letter-reason"], "handler");
    }
}
