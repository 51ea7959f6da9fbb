//! A message as Pub/Sub pushes it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::PROJECT;

#[derive(Clone)]
pub(crate) struct TestMessage {
    pub(crate) id: String,
    pub(crate) subscription: String,
    pub(crate) data: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) ordering_key: Option<String>,
    pub(crate) delivery_attempt: Option<u32>,
}

impl TestMessage {
    pub(crate) fn new(subscription: &str, data: impl Into<Vec<u8>>) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            subscription: subscription.into(),
            data: data.into(),
            attributes: BTreeMap::new(),
            ordering_key: None,
            delivery_attempt: Some(1),
        }
    }

    pub(crate) fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    pub(crate) fn json(&self) -> Value {
        let mut message = json!({
            "data": STANDARD.encode(&self.data),
            "attributes": self.attributes,
            "messageId": self.id,
            "message_id": self.id,
            "publishTime": "2030-01-02T03:04:05.678Z",
            "publish_time": "2030-01-02T03:04:05.678Z",
        });
        if let Some(key) = &self.ordering_key {
            message["orderingKey"] = key.as_str().into();
        }
        let mut push = json!({
            "message": message,
            "subscription": format!("projects/{PROJECT}/subscriptions/{}", self.subscription),
        });
        if let Some(attempt) = self.delivery_attempt {
            push["deliveryAttempt"] = attempt.into();
        }
        push
    }

    pub(crate) fn body(&self) -> String {
        self.json().to_string()
    }
}
