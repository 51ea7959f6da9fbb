//! The content of a dead letter.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::format_description::well_known::Rfc3339;

use crate::handler::Input;
use crate::handler::context::Context;
use crate::loggable::hash;
use crate::subscriber::Identity;
use crate::trace::Trace;

/// The kind of the reason: `handler`, `payload`, `idempotency key` or `outcome unknown`.
pub const REASON_ATTRIBUTE: &str = "pushgate-dead-letter-reason";
/// The reason in words, from the handler or from the check of the payload.
pub const ERROR_ATTRIBUTE: &str = "pushgate-dead-letter-error";
/// The id under which the message was delivered: Pub/Sub gives the dead letter another id.
pub const MESSAGE_ID_ATTRIBUTE: &str = "pushgate-source-message-id";
/// The time at which the message was published, in RFC 3339.
pub const PUBLISH_TIME_ATTRIBUTE: &str = "pushgate-source-publish-time";
/// The name of a replay, made of the message's id and the number of its replays, or of the dead letter's id: it runs once, however
/// often it is sent.
pub const REPLAY_OF_ATTRIBUTE: &str = "pushgate-replay-of";
/// The number of replays of the message, this one included.
pub const REPLAY_COUNT_ATTRIBUTE: &str = "pushgate-replay-count";
/// The prefix of attributes whose names only Google and its clients may use, so that nothing is lost. Their names begin with
/// `goog`, so no prefixed name equals one of the attributes above.
pub const KEPT_PREFIX: &str = "pushgate-source-";

const SOURCE_COUNT: &str = "CloudPubSubDeadLetterSourceDeliveryCount";
pub(crate) const SOURCE_SUBSCRIPTION: &str = "CloudPubSubDeadLetterSourceSubscription";
pub(crate) const SOURCE_PROJECT: &str = "CloudPubSubDeadLetterSourceSubscriptionProject";
const SOURCE_TIME: &str = "CloudPubSubDeadLetterSourceTopicPublishTime";
/// The attributes that are removed, in this order, if the request would be too large.
const EXPENDABLE: [&str; 5] = [
    ERROR_ATTRIBUTE,
    SOURCE_TIME,
    SOURCE_COUNT,
    SOURCE_PROJECT,
    SOURCE_SUBSCRIPTION,
];

/// Limits of a message and of a publish request (Google, *Quotas and limits*).
const VALUE_LIMIT_BYTES: usize = 1024;
const KEY_LIMIT_BYTES: usize = 256;
const ATTRIBUTE_LIMIT: usize = 100;
const REQUEST_LIMIT_BYTES: usize = 10_000_000;
/// The most that tags and lengths add to one attribute, and to the rest of a request.
const ATTRIBUTE_FRAMING_BYTES: usize = 10;
const REQUEST_FRAMING_BYTES: usize = 24;

/// The kinds of reasons: the handler's outcome, or an invalid payload.
pub(crate) const HANDLER: &str = "handler";
pub(crate) const PAYLOAD: &str = "payload";

/// The reason for a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// One of a few kinds, for filters.
    pub(crate) kind: &'static str,
    /// The reason in words.
    pub(crate) text: String,
}

impl Reason {
    /// Creates the reason of a message whose idempotency key is missing, or belongs to another message.
    pub(crate) fn idempotency(text: String) -> Self {
        Self {
            kind: "idempotency key",
            text,
        }
    }

    /// Creates the reason of a message that an operator parked.
    pub(crate) fn parked() -> Self {
        Self {
            kind: "parked",
            text: "parked by an operator".into(),
        }
    }

    /// Creates the reason of a message whose run was lost.
    pub(crate) fn outcome_unknown() -> Self {
        Self {
            kind: "outcome unknown",
            text: "outcome unknown: an earlier run began, and its instance ended before it recorded the result".into(),
        }
    }
}

/// A message as it is published to a dead-letter topic.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// The data of the message.
    pub(crate) data: Bytes,
    /// The attributes of the message, and the added ones.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The ordering key, or the empty string.
    pub(crate) ordering_key: String,
}

/// The error of a message whose publish request would be too large.
#[derive(Debug, thiserror::Error)]
#[error(
    "the publish request would have {bytes} bytes, at most {REQUEST_LIMIT_BYTES} are allowed; Pub/Sub forwards the message after its last delivery attempt"
)]
pub(crate) struct TooLarge {
    bytes: usize,
}

/// Returns the dead letter of a message, with as many added attributes as the limits allow.
pub(super) fn dead_letter(
    topic: &str,
    input: &Input,
    reason: &Reason,
) -> Result<DeadLetter, TooLarge> {
    let key = input.context.ordering_key.as_deref().unwrap_or_default();
    let mut attributes = attributes(input, reason);
    let fixed = topic.len() + input.data.len() + key.len() + REQUEST_FRAMING_BYTES;
    let size = |attributes: &BTreeMap<String, String>| {
        attributes.iter().fold(fixed, |bytes, (name, value)| {
            bytes + name.len() + value.len() + ATTRIBUTE_FRAMING_BYTES
        })
    };
    let excess = size(&attributes).saturating_sub(REQUEST_LIMIT_BYTES);
    if let Some(error) = attributes.get_mut(ERROR_ATTRIBUTE) {
        cut(error, error.len().saturating_sub(excess));
    }
    let mut expendable = EXPENDABLE.into_iter();
    while size(&attributes) > REQUEST_LIMIT_BYTES {
        let Some(name) = expendable.next() else {
            let bytes = size(&attributes);
            return Err(TooLarge { bytes });
        };
        attributes.remove(name);
    }
    Ok(DeadLetter {
        data: input.data.clone(),
        attributes,
        ordering_key: key.to_owned(),
    })
}

/// Returns Google's four attributes of a dead letter, the reason, the message's id and time, and the original attributes as far as
/// the limits allow. An original attribute never replaces an added one.
fn attributes(input: &Input, reason: &Reason) -> BTreeMap<String, String> {
    let context = &input.context;
    let name: Vec<&str> = context.subscription.split('/').collect();
    let part = |index: usize| name.get(index).copied().unwrap_or_default().to_owned();
    let published = context.publish_time.format(&Rfc3339).unwrap_or_default();
    let mut attributes = BTreeMap::from(
        [
            (
                SOURCE_COUNT,
                context.delivery_attempt.unwrap_or(1).to_string(),
            ),
            (SOURCE_SUBSCRIPTION, part(3)),
            (SOURCE_PROJECT, part(1)),
            (SOURCE_TIME, published.clone()),
            (REASON_ATTRIBUTE, reason.kind.to_owned()),
            (ERROR_ATTRIBUTE, reason.text.clone()),
            (MESSAGE_ID_ATTRIBUTE, context.message_id.to_string()),
            (PUBLISH_TIME_ATTRIBUTE, published),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    // Google's names cannot be published, so that the trace continues under those of W3C.
    for (name, value) in Trace::of(&context.attributes)
        .iter()
        .flat_map(Trace::attributes)
    {
        if !name.starts_with("goog") {
            attributes.insert(name, value);
        }
    }
    for (name, value) in context.attributes.iter() {
        if name == REPLAY_OF_ATTRIBUTE {
            continue; // it names the replay that has just failed
        }
        if attributes.len() == ATTRIBUTE_LIMIT {
            tracing::warn!(subscription = %context.subscription, message_id = %context.message_id, attribute = name, "a dead letter has no room for all attributes of its message");
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

/// Sets the id under which the replay of a dead letter is recorded, if this is one, and of this subscription. The message itself may
/// be recorded as done. Other subscriptions do not trust the attributes: a handler may have copied them to messages of its own,
/// each of which must run.
pub(crate) fn identify_replay(context: &Context, identity: &mut Identity) {
    let attribute = |name| context.attributes.get(name).map(String::as_str);
    let source = attribute(SOURCE_PROJECT).zip(attribute(SOURCE_SUBSCRIPTION));
    let source = source.map(|(project, id)| format!("projects/{project}/subscriptions/{id}"));
    if source.as_deref() != Some(&*context.subscription) {
        return;
    }
    let letter = attribute(REPLAY_OF_ATTRIBUTE).map(str::to_owned);
    let replay = letter.clone().or_else(|| {
        let count = attribute(REPLAY_COUNT_ATTRIBUTE).unwrap_or("0");
        attribute(MESSAGE_ID_ATTRIBUTE).map(|id| format!("{id}:{count}"))
    });
    let Some(digits) = replay.map(|id| hash::digits(id.as_bytes())) else {
        return;
    };
    if identity.fingerprint.is_some() {
        identity.id += &format!(":replay:{digits}");
    } else if letter.is_some() {
        // A replay that is sent twice by the topic has two message ids.
        identity.id = format!("replay:{digits}");
    }
}

/// Returns a name that may be published: names beginning with `goog` are reserved.
fn publishable(name: &str) -> String {
    let mut name = if name.starts_with("goog") {
        format!("{KEPT_PREFIX}{name}")
    } else {
        name.to_owned()
    };
    cut(&mut name, KEY_LIMIT_BYTES);
    name
}

/// Truncates the text at the last character that fits.
fn cut(text: &mut String, limit_bytes: usize) {
    text.truncate(text.floor_char_boundary(limit_bytes));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dedup::Fingerprint;
    use crate::handler::context::Context;
    use crate::handler::state::States;

    fn input(
        data: impl Into<bytes::Bytes>,
        original: impl IntoIterator<Item = (String, String)>,
    ) -> Input {
        let mut context = Context::for_test("7");
        context.subscription = "projects/shop/subscriptions/orders".into();
        context.delivery_attempt = Some(3);
        context.attributes = Arc::new(original.into_iter().collect());
        Input {
            data: data.into(),
            context,
            states: States::default(),
        }
    }

    fn reason(error: &str) -> Reason {
        Reason {
            kind: "handler",
            text: error.into(),
        }
    }

    fn attributes_of(
        original: impl IntoIterator<Item = (String, String)>,
        error: &str,
    ) -> BTreeMap<String, String> {
        attributes(&input("x", original), &reason(error))
    }

    #[test]
    fn a_dead_letter_continues_the_trace_of_a_message_of_googles_clients() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let name = "googclient_traceparent".to_owned();
        let attributes = attributes_of([(name, traceparent.into())], "no");
        assert_eq!(attributes["traceparent"], traceparent);
        let kept = &attributes["pushgate-source-googclient_traceparent"];
        assert_eq!(kept, traceparent);
    }

    #[test]
    fn a_dead_letter_has_attributes_that_explain_it() {
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
            ("pushgate-source-message-id", "7"),
            ("pushgate-source-publish-time", "1970-01-01T00:00:00Z"),
            ("region", "eu"),
        ];
        assert_eq!(
            found,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
    }

    fn replay_of(subscription: &str, more: &[(&str, &str)], fingerprint: bool) -> String {
        let attributes = [
            (SOURCE_PROJECT, "shop"),
            (SOURCE_SUBSCRIPTION, subscription),
        ];
        let attributes = attributes.iter().chain(more);
        let attributes = attributes.map(|(name, value)| ((*name).into(), (*value).into()));
        let input = input("x", attributes);
        let mut identity = Identity {
            id: "9".into(),
            fingerprint: fingerprint.then(|| Fingerprint::of(b"x")),
        };
        identify_replay(&input.context, &mut identity);
        identity.id
    }

    #[test]
    fn a_replay_has_an_identity_of_its_own() {
        let named = [(REPLAY_OF_ATTRIBUTE, "7:0")];
        let again = [(REPLAY_OF_ATTRIBUTE, "7:1")];
        let key = replay_of("orders", &named, true);
        assert!(key.starts_with("9:replay:"));
        assert_ne!(replay_of("orders", &again, true), key);
        // By the topic it may come twice, with two ids.
        assert!(replay_of("orders", &named, false).starts_with("replay:"));
    }

    #[test]
    fn a_message_with_copied_attributes_keeps_its_identity_elsewhere() {
        let named = [(REPLAY_OF_ATTRIBUTE, "7:0")];
        for fingerprint in [true, false] {
            assert_eq!(replay_of("sibling", &named, fingerprint), "9");
        }
    }

    #[test]
    fn a_dead_letter_that_is_published_by_hand_runs_once_more_after_each_failure() {
        let first = [(MESSAGE_ID_ATTRIBUTE, "7")];
        let second = [(MESSAGE_ID_ATTRIBUTE, "7"), (REPLAY_COUNT_ATTRIBUTE, "1")];
        let key = replay_of("orders", &first, true);
        assert!(key.starts_with("9:replay:"));
        assert_ne!(replay_of("orders", &second, true), key);
        assert_eq!(replay_of("orders", &first, false), "9");
        let replayed = attributes_of(
            [
                (REPLAY_OF_ATTRIBUTE.to_owned(), "7:0".to_owned()),
                (REPLAY_COUNT_ATTRIBUTE.to_owned(), "1".to_owned()),
            ],
            "no",
        );
        assert!(!replayed.contains_key(REPLAY_OF_ATTRIBUTE));
        assert_eq!(replayed[REPLAY_COUNT_ATTRIBUTE], "1");
    }

    #[test]
    fn too_long_attributes_are_cut_at_a_character() {
        let found = attributes_of(
            [(format!("goog{}", "k".repeat(252)), "v".into())],
            &"ü".repeat(1000),
        );
        assert_eq!(found["pushgate-dead-letter-error"].len(), 1024);
        assert!(found.keys().all(|name| name.len() <= 256));
        let found = attributes_of([], &"€".repeat(342));
        assert_eq!(
            found["pushgate-dead-letter-error"].len(),
            1023,
            "a character of three bytes is not cut in two"
        );
    }

    #[test]
    fn too_many_attributes_are_cut_but_not_those_that_explain() {
        let many = attributes_of(
            (0..100).map(|number| (format!("a{number}"), String::new())),
            &"€".repeat(342),
        );
        assert_eq!(many.len(), 100);
        assert_eq!(many["pushgate-source-message-id"], "7");
        assert_eq!(many["pushgate-dead-letter-error"].len(), 1023);
    }

    #[test]
    fn a_publisher_cannot_forge_added_attributes() {
        for (name, real) in [
            ("pushgate-dead-letter-reason", "handler"),
            ("pushgate-dead-letter-error", "real"),
            ("pushgate-source-message-id", "7"),
            ("pushgate-source-publish-time", "1970-01-01T00:00:00Z"),
        ] {
            let found = attributes_of([(name.into(), "forged".into())], "real");
            assert_eq!(found[name], real);
        }
        let forged = "pushgate-source-googclient_traceparent".to_owned();
        let real = "googclient_traceparent".to_owned();
        let found = attributes_of(
            [(forged.clone(), "forged".into()), (real, "real".into())],
            "",
        );
        assert_eq!(found[&forged], "real");
    }

    fn region() -> (String, String) {
        ("region".to_owned(), "eu".to_owned())
    }

    #[test]
    fn a_too_large_dead_letter_loses_its_error_first() {
        let topic = "projects/shop/topics/dead";
        let added = |data_bytes| {
            let input = input(vec![0; data_bytes], [region()]);
            let letter = dead_letter(topic, &input, &reason(&"e".repeat(1_000))).expect("it fits");
            let error = letter.attributes.get(ERROR_ATTRIBUTE).map(String::len);
            let needed = ["region", REASON_ATTRIBUTE, MESSAGE_ID_ATTRIBUTE];
            for name in needed {
                assert!(letter.attributes.contains_key(name), "{name}");
            }
            (error, letter.attributes.contains_key(SOURCE_SUBSCRIPTION))
        };
        let (error, has_source) = added(9_998_000);
        assert_eq!(error, Some(1_000));
        assert!(has_source);
        let (error, has_source) = added(9_999_000);
        assert!(error.is_some_and(|bytes| (1..1_000).contains(&bytes)));
        assert!(has_source);
        let (error, has_source) = added(9_999_760);
        assert_eq!(error, None);
        assert!(!has_source);
    }

    #[test]
    fn a_dead_letter_without_room_for_its_reason_is_refused() {
        let input = input(vec![0; 9_999_999], [region()]);
        let rejected = dead_letter(
            "projects/shop/topics/dead",
            &input,
            &reason(&"e".repeat(1_000)),
        )
        .expect_err("no room for the reason");
        assert!(
            rejected.to_string().ends_with(
                "at most 10000000 are allowed; Pub/Sub forwards the message after its last delivery attempt"
            ),
            "{rejected}"
        );
    }
}
