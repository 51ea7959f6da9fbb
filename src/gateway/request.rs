//! The request to the application: the push that Pub/Sub would send to it, and the headers of the gateway.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::Body;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use crate::handler::Input;
use crate::handler::context::Context;
use crate::push::forms::{EVENT_TYPE, EVENT_VERSION, unwrapped};
use crate::subscriber::Form;

/// The key of the run's own effects, by the name of the IETF's draft, which payment services use, too.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The milliseconds after which the gateway closes the connection.
const TIME_LEFT: &str = "pushgate-time-left-ms";

/// The data that is encoded at once. Parts of a multiple of three bytes can be joined.
const PART_BYTES: usize = 48 * 1024;

/// The end of a wrapped push, behind its data.
const END: &str = "\"}}";

/// A wrapped push (Google, *Push subscriptions*), with its data last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Push<'a> {
    subscription: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_attempt: Option<u32>,
    message: Message<'a>,
}

/// Id and time have both spellings, as at Google.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    #[serde(rename = "messageId")]
    id: &'a str,
    #[serde(rename = "message_id")]
    id_again: &'a str,
    #[serde(rename = "publishTime")]
    time: &'a str,
    #[serde(rename = "publish_time")]
    time_again: &'a str,
    #[serde(rename = "orderingKey", skip_serializing_if = "Option::is_none")]
    ordering_key: Option<&'a str>,
    data: &'static str,
}

/// Returns the headers of a run.
pub(super) fn headers(input: &Input, form: Form, topic: &str, time_left: Duration) -> HeaderMap {
    let context = &input.context;
    let time = publish_time(context);
    let mut headers = HeaderMap::new();
    let mut set = |name: &str, value: &str| {
        let name = HeaderName::try_from(name);
        // An attribute may have a name or a value that no header has; Google's rule is not documented.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    };
    match form {
        Form::Evident => set(CONTENT_TYPE.as_str(), "application/json"),
        Form::Eventarc => {
            let project = context.subscription.split('/').nth(1).unwrap_or_default();
            let source = format!("//pubsub.googleapis.com/projects/{project}/topics/{topic}");
            set(CONTENT_TYPE.as_str(), "application/json");
            set("ce-specversion", EVENT_VERSION);
            set("ce-type", EVENT_TYPE);
            set("ce-source", &source);
            set("ce-id", &context.message_id);
            set("ce-time", &time);
        }
        Form::Unwrapped => {
            set(CONTENT_TYPE.as_str(), "application/octet-stream");
            for (name, value) in &*context.attributes {
                set(name, value);
            }
            set(unwrapped::SUBSCRIPTION, &context.subscription);
            set(unwrapped::MESSAGE_ID, &context.message_id);
            set(unwrapped::PUBLISH_TIME, &time);
            if let Some(key) = &context.ordering_key {
                set(unwrapped::ORDERING_KEY, key);
            }
        }
    }
    set(IDEMPOTENCY_KEY, context.idempotency_key());
    set(TIME_LEFT, &time_left.as_millis().to_string());
    let trace = context.trace().map(|trace| trace.written());
    for (name, value) in trace.into_iter().flatten() {
        set(&name, &value);
    }
    headers.insert(CONTENT_LENGTH, length(input, form).into());
    headers
}

/// Returns the body. A wrapped one is encoded while it is sent, so that a large message is not held twice.
pub(super) fn body(input: &Input, form: Form) -> Body {
    if form == Form::Unwrapped {
        return input.data.clone().into();
    }
    let data = input.data.clone();
    let parts = (0..data.len()).step_by(PART_BYTES).map(move |start| {
        let end = data.len().min(start + PART_BYTES);
        Bytes::from(BASE64_STANDARD.encode(data.slice(start..end)))
    });
    let all = std::iter::once(Bytes::from(begin(input)))
        .chain(parts)
        .chain([Bytes::from_static(END.as_bytes())]);
    let frames = all.map(|part| Ok::<_, Infallible>(Frame::data(part)));
    Body::wrap(StreamBody::new(stream::iter(frames)))
}

/// Returns the bytes of the body. Some servers read no body of an unknown length.
fn length(input: &Input, form: Form) -> usize {
    let data = input.data.len();
    match form {
        Form::Unwrapped => data,
        Form::Evident | Form::Eventarc => begin(input).len() + data.div_ceil(3) * 4 + END.len(),
    }
}

/// Returns a wrapped push up to its data.
fn begin(input: &Input) -> String {
    let context = &input.context;
    let time = publish_time(context);
    let push = Push {
        subscription: &context.subscription,
        delivery_attempt: context.delivery_attempt,
        message: Message {
            attributes: &context.attributes,
            id: &context.message_id,
            id_again: &context.message_id,
            time: &time,
            time_again: &time,
            ordering_key: context.ordering_key.as_deref(),
            data: "",
        },
    };
    // Texts and numbers can always be serialized.
    let mut json = serde_json::to_string(&push).unwrap_or_default();
    json.truncate(json.len().saturating_sub(END.len()));
    json
}

/// Formats the time like Pub/Sub. This fails only for years beyond 9999, which no clock shows.
fn publish_time(context: &Context) -> String {
    context.publish_time.format(&Rfc3339).unwrap_or_default()
}
