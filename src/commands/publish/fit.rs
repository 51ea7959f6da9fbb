//! Checks messages against the types that the topic's subscribers read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::subscriber::Subscriber;

/// The subscribers of a topic, or none if nothing is checked.
pub(super) struct Fit<'a>(Vec<&'a Subscriber>);

#[derive(Debug, thiserror::Error)]
#[error(
    "no subscriber of this program is declared for topic {topic:?}, only for: {known}. Publish from the program that declares it, or with --unchecked"
)]
pub(super) struct UnknownTopic {
    topic: String,
    known: String,
}

impl<'a> Fit<'a> {
    pub(super) fn new(
        declared: &'a [Subscriber],
        topic: &str,
        is_unchecked: bool,
    ) -> Result<Self, UnknownTopic> {
        let of_topic = declared
            .iter()
            .filter(|subscriber| !is_unchecked && subscriber.topic == topic);
        let subscribers: Vec<_> = of_topic.collect();
        if subscribers.is_empty() && !is_unchecked {
            let known: BTreeSet<&str> = declared.iter().map(|one| &*one.topic).collect();
            return Err(UnknownTopic {
                topic: topic.to_owned(),
                known: Vec::from_iter(known).join(", "),
            });
        }
        Ok(Self(subscribers))
    }

    /// Checks a message against all subscribers that receive it. Each fault names its subscriber, and no value.
    pub(super) fn check(
        &self,
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        let mut is_received = false;
        for subscriber in &self.0 {
            if !subscriber.gets(attributes) {
                continue;
            }
            is_received = true;
            for violation in subscriber.violations(data, attributes) {
                faults.push(format!("subscriber {:?}: {violation}", subscriber.id));
            }
        }
        if !is_received {
            faults.extend(self.0.iter().filter_map(|subscriber| excluded(subscriber)));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults),
        }
    }
}

/// Explains a filter that excludes the message. A message that no subscriber receives is probably a mistake.
fn excluded(subscriber: &Subscriber) -> Option<String> {
    let filter = subscriber.cloud.filter.as_ref()?;
    Some(format!(
        "subscriber {:?}: its filter {filter:?} excludes this message, and no other subscriber here receives it: add the attribute, or use --unchecked",
        subscriber.id
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Idempotency, Message, Raw};

    #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
    struct Order {
        #[validate(length(min = 1))]
        id: String,
    }

    async fn fulfil(_: Message<Order>) {}
    async fn archive(_: Message<Raw>) {}

    fn declared() -> [Subscriber; 3] {
        [
            Subscriber::new("fulfilment", fulfil)
                .topic("orders")
                .idempotency(Idempotency::by_attribute("order")),
            Subscriber::new("archive", archive)
                .topic("orders")
                .idempotency(Idempotency::by_payload("/id")),
            Subscriber::new("refunds", archive).topic("refunds"),
        ]
    }

    fn faults(data: &'static str, attribute: &str) -> Vec<String> {
        let declared = declared();
        let fit = Fit::new(&declared, "orders", false).expect("a topic");
        let attributes = Arc::new(BTreeMap::from([(attribute.to_owned(), "hush".to_owned())]));
        fit.check(&data.into(), &attributes)
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn a_message_must_fit_each_subscriber_of_its_topic() {
        let none: [&str; 0] = [];
        assert_eq!(faults(r#"{"id":"A-1"}"#, "order"), none);
        assert_eq!(
            faults(r#"{"id":""}"#, "other"),
            [
                "subscriber \"fulfilment\": `id` breaks the rule length (min 1)",
                "subscriber \"fulfilment\": the idempotency key is missing: no attribute \"order\", or an empty one",
                "subscriber \"archive\": the idempotency key is missing: no string, integer of 64 bits or boolean at \"/id\" in the payload, or an empty one",
            ]
        );
    }

    #[test]
    fn a_message_must_fit_only_the_subscribers_that_receive_it() {
        let declared = [
            Subscriber::new("fulfilment", fulfil)
                .topic("orders")
                .filter("attributes:paid"),
            Subscriber::new("archive", archive)
                .topic("orders")
                .filter("attributes:old"),
        ];
        let fit = Fit::new(&declared, "orders", false).expect("a topic");
        let check = |attribute: &str| {
            let attributes = BTreeMap::from([(attribute.to_owned(), String::new())]);
            fit.check(&"hush".into(), &Arc::new(attributes))
        };
        assert_eq!(check("old"), Ok(()));
        let faults = check("paid").expect_err("no order");
        assert!(
            faults[0].starts_with("subscriber \"fulfilment\": "),
            "{faults:?}"
        );
        let lost = check("new").expect_err("no receiver");
        assert_eq!(lost.len(), 2);
        assert!(
            lost[1].contains("\"attributes:old\" excludes this message"),
            "{lost:?}"
        );
    }

    #[test]
    fn an_unknown_topic_is_rejected_with_the_known_ones() {
        let declared = declared();
        let error = Fit::new(&declared, "ordrs", false)
            .err()
            .expect("unknown")
            .to_string();
        assert!(
            error.contains("\"ordrs\", only for: orders, refunds."),
            "{error}"
        );
        let fit = Fit::new(&declared, "ordrs", true).expect("anything");
        assert!(fit.check(&"hush".into(), &Arc::default()).is_ok());
    }
}
