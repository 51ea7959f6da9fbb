//! Whether a message fits what the topic's subscribers read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::subscriber::Subscriber;

/// The subscribers of a topic that every message must fit; none if nothing is checked.
pub(super) struct Fit<'a> {
    subscribers: Vec<&'a Subscriber>,
}

/// The topic has no subscriber here, so nothing is known of its messages.
#[derive(Debug, thiserror::Error)]
#[error("no subscriber of this program is declared for topic {topic:?}, only for: {}. Publish from the program that declares it, or with --unchecked", .known.join(", "))]
pub(super) struct UnknownTopic {
    topic: String,
    known: Vec<String>,
}

impl<'a> Fit<'a> {
    pub(super) fn new(
        declared: &'a [Subscriber],
        topic: &str,
        is_unchecked: bool,
    ) -> Result<Self, UnknownTopic> {
        if is_unchecked {
            return Ok(Self {
                subscribers: Vec::new(),
            });
        }
        let subscribers: Vec<_> = declared
            .iter()
            .filter(|subscriber| subscriber.topic == topic)
            .collect();
        if subscribers.is_empty() {
            let known: BTreeSet<_> = declared
                .iter()
                .map(|declared| declared.topic.clone())
                .collect();
            return Err(UnknownTopic {
                topic: topic.to_owned(),
                known: known.into_iter().collect(),
            });
        }
        Ok(Self { subscribers })
    }

    /// All that is wrong for any subscriber, each with its name; never a value.
    pub(super) fn check(
        &self,
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<(), Vec<String>> {
        check(&self.subscribers, data, attributes)
    }
}

fn check(
    subscribers: &[&Subscriber],
    data: &Bytes,
    attributes: &Arc<BTreeMap<String, String>>,
) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    let all = subscribers.iter();
    let receivers: Vec<_> = all.filter(|each| each.gets(attributes)).collect();
    if receivers.is_empty() {
        faults.extend(subscribers.iter().filter_map(left_out));
    }
    for subscriber in receivers {
        let violations = subscriber.violations(data, attributes);
        let named = violations
            .into_iter()
            .map(|violation| format!("subscriber {:?}: {violation}", subscriber.id));
        faults.extend(named);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// A message that no subscriber gets is a mistake, or for another program.
fn left_out(subscriber: &&Subscriber) -> Option<String> {
    let filter = subscriber.filter.as_ref()?;
    Some(format!(
        "subscriber {:?}: its filter {filter:?} leaves this message out, and nobody else here gets it: add the attribute, or --unchecked",
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
    fn a_message_need_not_fit_whom_it_does_not_reach_but_must_reach_somebody() {
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
        let misfit = check("paid").expect_err("no order");
        assert!(
            misfit[0].starts_with("subscriber \"fulfilment\": "),
            "{misfit:?}"
        );
        let lost = check("new").expect_err("nobody gets it");
        assert_eq!(lost.len(), 2);
        assert!(
            lost[1].contains("\"attributes:old\" leaves this message out"),
            "{lost:?}"
        );
    }

    #[test]
    fn an_unknown_topic_is_refused_with_the_known_ones_unless_nothing_is_checked() {
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
