//! Payload unwrapping (`no_wrapper`): the body is the message's data; metadata, if any, is in headers (Google, *NoWrapper*).

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use time::OffsetDateTime;

use super::{ATTRIBUTE_LIMIT, EnvelopeError, check_id, header, parse_time};
use crate::delivery::envelope::Envelope;
use crate::loggable::hash;

const OWN_PREFIX: &str = "x-goog-pubsub-";
pub(crate) const SUBSCRIPTION: &str = "x-goog-pubsub-subscription-name";
pub(crate) const MESSAGE_ID: &str = "x-goog-pubsub-message-id";
pub(crate) const PUBLISH_TIME: &str = "x-goog-pubsub-publish-time";
/// The spelling that receivers of Pub/Sub report.
pub(crate) const ORDERING_KEY: &str = "x-goog-pubsub-ordering-key";
/// That and the one of Google's emulator.
const ORDERING_KEYS: [&str; 2] = [ORDERING_KEY, "x-goog-ordering-key"];

/// Headers of the request itself: of HTTP, of authentication, and those observed from Pub/Sub and Google's front end.
const OF_THE_REQUEST: [&str; 17] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-cloud-trace-context",
    "x-serverless-authorization",
];
const OF_THE_REQUEST_PREFIXES: [&str; 4] = ["accept-", "proxy-", "x-forwarded-", "x-goog-"];

/// Returns true if a push has metadata in its headers. Then its body is payload, even if attributes imitate headers of other forms.
/// In Google's emulator no attribute replaces one of these headers. For Pub/Sub this is UNVERIFIED, so each may occur only once.
pub(super) fn has_metadata(headers: &HeaderMap) -> bool {
    [SUBSCRIPTION, MESSAGE_ID, PUBLISH_TIME]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// Reads a push with metadata in its headers. This form has no delivery attempt, even with a dead-letter policy.
///
/// # Errors
/// If part of the metadata is missing, repeated or malformed.
pub(super) fn read(headers: &HeaderMap, body: Bytes) -> Result<Envelope, EnvelopeError> {
    let own = headers.keys().map(|name| name.as_str());
    for name in own.filter(|name| name.starts_with(OWN_PREFIX)) {
        header::once(headers, name)?;
    }
    let subscription = required(headers, SUBSCRIPTION)?.to_owned();
    let id = required(headers, MESSAGE_ID)?;
    check_id(id)?;
    // A front end may join two headers with a comma (RFC 9110, 5.3), one of which was an attribute.
    if id.contains(',') {
        return Err(EnvelopeError::Joined(MESSAGE_ID));
    }
    Ok(Envelope {
        subscription,
        message_id: id.to_owned(),
        publish_time: parse_time(required(headers, PUBLISH_TIME)?)?,
        data: body,
        attributes: attributes(headers)?,
        ordering_key: ordering_key(headers)?,
        delivery_attempt: None,
        is_unwrapped: true,
    })
}

/// Returns the envelope of a push without metadata: the subscription is that of the path, and the whole body is payload, even if
/// it looks like a wrapped push.
pub(super) fn payload(subscription: &str, body: Bytes) -> Envelope {
    Envelope {
        subscription: subscription.to_owned(),
        message_id: content_id(&body),
        publish_time: OffsetDateTime::now_utc(),
        data: body,
        attributes: BTreeMap::new(),
        ordering_key: None,
        delivery_attempt: None,
        is_unwrapped: true,
    }
}

/// Returns an id that is equal for each delivery of the same data.
fn content_id(data: &[u8]) -> String {
    format!("payload:{}", hash::digits(data))
}

fn required<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, EnvelopeError> {
    header::once(headers, name)?.ok_or(EnvelopeError::MissingHeader(name))
}

fn ordering_key(headers: &HeaderMap) -> Result<Option<String>, EnvelopeError> {
    let [documented, emulated] = ORDERING_KEYS;
    let keys = (
        header::once(headers, documented)?,
        header::once(headers, emulated)?,
    );
    if let (Some(one), Some(other)) = keys
        && one != other
    {
        return Err(EnvelopeError::TwoOrderingKeys);
    }
    let key = keys.0.or(keys.1).filter(|key| !key.is_empty());
    Ok(key.map(str::to_owned))
}

/// Returns the headers that may be the message's attributes. Attributes cannot be distinguished from headers that a front end added,
/// and those with a name of [`OF_THE_REQUEST`] are lost. Names are in lower case, as in HTTP; values whose names differ only in case
/// are joined (RFC 9110, 5.3).
///
/// `content-type` counts as an attribute, since an attribute `Content-Type` replaces the request's own. So does `traceparent`, which
/// tracing uses; a front end may have set both.
///
/// # Errors
/// If there are too many, or one is not UTF-8: a handler must not run with a part of its attributes.
fn attributes(headers: &HeaderMap) -> Result<BTreeMap<String, String>, EnvelopeError> {
    let mut attributes = BTreeMap::new();
    for name in headers
        .keys()
        .filter(|name| !is_of_the_request(name.as_str()))
    {
        let name = name.as_str();
        let values: Result<Vec<&str>, _> = headers
            .get_all(name)
            .iter()
            .map(|value| header::text(name, value))
            .collect();
        attributes.insert(name.to_owned(), values?.join(", "));
    }
    match attributes.len() {
        0..=ATTRIBUTE_LIMIT => Ok(attributes),
        found => Err(EnvelopeError::TooManyAttributes(found)),
    }
}

fn is_of_the_request(name: &str) -> bool {
    OF_THE_REQUEST.contains(&name)
        || OF_THE_REQUEST_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const NAME: &str = "projects/p/subscriptions/orders";

    fn with(change: impl FnOnce(&mut HeaderMap)) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (SUBSCRIPTION, NAME),
            (MESSAGE_ID, "7"),
            (PUBLISH_TIME, "2030-01-02T03:04:05.678Z"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(&mut headers);
        headers
    }

    fn add(headers: &mut HeaderMap, name: &'static str, value: &[u8]) {
        let value = HeaderValue::from_bytes(value).expect("a value");
        headers.append(HeaderName::from_static(name), value);
    }

    fn read_with(pairs: &[(&'static str, &[u8])]) -> Result<Envelope, EnvelopeError> {
        let headers = with(|headers| {
            for (name, value) in pairs {
                add(headers, name, value);
            }
        });
        read(&headers, Bytes::from_static(b"{}"))
    }

    #[test]
    fn headers_that_are_not_of_the_request_are_attributes() {
        let envelope = read_with(&[
            ("authorization", b"Bearer hush"),
            ("user-agent", b"Java/17.0.15"),
            ("accept-encoding", b"gzip"),
            ("x-forwarded-for", b"10.0.0.1"),
            ("x-goog-something", b"new"),
            ("x-goog-pubsub-something", b"new"),
            ("x-cloud-trace-context", b"1/2"),
            ("content-type", b"text/x-order"),
            ("traceparent", b"00-1-2-01"),
            ("ce-type", b"order"),
            ("region", "Zürich".as_bytes()),
            ("tag", b"a"),
            ("tag", b"b"),
            ("empty", b""),
        ]);
        let envelope = envelope.expect("a push");
        let expected = [
            ("ce-type", "order"),
            ("content-type", "text/x-order"),
            ("empty", ""),
            ("region", "Zürich"),
            ("tag", "a, b"),
            ("traceparent", "00-1-2-01"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(envelope.attributes, BTreeMap::from(expected));
        assert_eq!(envelope.publish_time.millisecond(), 678);
        assert_eq!(envelope.delivery_attempt, None);
    }

    #[test]
    fn both_spellings_of_the_ordering_key_are_read() {
        let [one, other] = ORDERING_KEYS;
        let key = |pairs: &[(&'static str, &[u8])]| read_with(pairs).expect("a push").ordering_key;
        assert_eq!(key(&[(one, b"k")]).as_deref(), Some("k"));
        assert_eq!(key(&[(other, b"k")]).as_deref(), Some("k"));
        assert_eq!(key(&[(one, b"k"), (other, b"k")]).as_deref(), Some("k"));
        assert_eq!(key(&[(one, b"")]), None);
    }

    #[test]
    fn contradictory_metadata_is_refused_without_its_value() {
        let check = |pairs: &[(&'static str, &[u8])], expected: &str| {
            let text = read_with(pairs).expect_err("no push").to_string();
            assert!(text.contains(expected), "{text:?} ({expected:?})");
            assert!(!text.contains("hush"), "{text:?} quotes a value");
        };
        for name in [SUBSCRIPTION, MESSAGE_ID, PUBLISH_TIME] {
            let expected = format!("header {name:?} occurs more than once");
            check(&[(name, b"hush")], &expected);
        }
        let [one, other] = ORDERING_KEYS;
        check(&[(one, b"hush"), (one, b"hush")], "more than once");
        check(&[(other, b"hush"), (other, b"hush")], "more than once");
        check(&[(one, b"hush"), (other, b"k")], "differ");
        check(
            &[
                ("x-goog-pubsub-new", b"hush"),
                ("x-goog-pubsub-new", b"hush"),
            ],
            "more than once",
        );
        check(&[("region", b"\xfchush")], "header \"region\" is not UTF-8");
    }

    #[test]
    fn malformed_metadata_is_refused() {
        let check = |name: &'static str, value: &[u8], expected: &str| {
            let headers = with(|headers| {
                headers.remove(name);
                add(headers, name, value);
            });
            let error = read(&headers, Bytes::new()).expect_err("no push");
            assert!(error.to_string().contains(expected), "{error} ({expected})");
        };
        check(MESSAGE_ID, b"", "0 bytes");
        check(MESSAGE_ID, &[b'1'; 513], "513 bytes");
        check(MESSAGE_ID, b"7, 8", "contains a comma");
        check(MESSAGE_ID, b"\xff", "not UTF-8");
        check(PUBLISH_TIME, b"yesterday", "not RFC 3339");
    }

    #[test]
    fn the_number_of_attributes_is_limited() {
        let many = |count: usize| {
            let headers = with(|headers| {
                for index in 0..count {
                    let name: HeaderName = format!("attribute-{index}").parse().expect("a name");
                    headers.insert(name, HeaderValue::from_static("v"));
                }
            });
            read(&headers, Bytes::new())
        };
        assert_eq!(many(100).expect("a push").attributes.len(), 100);
        assert!(matches!(
            many(121),
            Err(EnvelopeError::TooManyAttributes(121))
        ));
    }

    #[test]
    fn payload_without_metadata_has_an_id_of_its_data() {
        let id = |data: &'static [u8]| payload(NAME, Bytes::from_static(data)).message_id;
        assert_eq!(id(b"abc"), "payload:ba7816bf8f01cfea414140de5dae2223"); // SHA-256, FIPS 180-2, B.1
        assert_ne!(id(b""), id(b" "));
        let age = OffsetDateTime::now_utc() - payload(NAME, Bytes::new()).publish_time;
        assert!(age.whole_seconds().abs() < 60, "{age}");
    }
}
