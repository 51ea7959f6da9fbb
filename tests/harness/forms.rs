//! The forms of a push besides the wrapped one.

use serde_json::json;

use super::message::TestMessage;
use super::{Reply, Service, client, reply};

pub(crate) const TYPE: &str = "google.cloud.pubsub.topic.v1.messagePublished";
pub(crate) const TIME: &str = "2030-01-02T03:04:05.678Z";
pub(crate) const STRUCTURED: (&str, &str) = (
    "content-type",
    "application/cloudevents+json; charset=utf-8",
);
/// The headers that Eventarc sends.
pub(crate) const BINARY: [(&str, &str); 6] = [
    ("content-type", "application/json; charset=utf-8"),
    ("ce-specversion", "1.0"),
    ("ce-type", TYPE),
    (
        "ce-source",
        "//pubsub.googleapis.com/projects/test-project/topics/tests",
    ),
    ("ce-id", "9"),
    ("ce-time", "2031-01-02T03:04:05Z"),
];
pub(crate) const PROBE: &str = "projects/test-project/subscriptions/probe";

/// The event around a push in structured mode, as Google's examples have it.
pub(crate) fn event(message: &TestMessage) -> String {
    json!({
        "id": "9", "source": "//pubsub.googleapis.com/projects/test-project/topics/tests", "specversion": "1.0",
        "type": TYPE, "time": "2031-01-02T03:04:05Z", "datacontenttype": "application/json", "data": message.json(),
    })
    .to_string()
}

/// The headers of an unwrapped push for the probe.
pub(crate) fn metadata(id: &str) -> Vec<(&str, &str)> {
    vec![
        ("x-goog-pubsub-subscription-name", PROBE),
        ("x-goog-pubsub-message-id", id),
        ("x-goog-pubsub-publish-time", TIME),
    ]
}

impl Service {
    /// Pushes this body with these headers only.
    pub(crate) async fn push_as(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let mut request = client()
            .post(format!("{}{path}", self.url))
            .bearer_auth(self.token())
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        reply(request.send().await.expect("an answer")).await
    }
}
