//! Tests of bootstrap files.

mod creation;
mod declarations;
mod files;
mod mistakes;
mod values;
mod without_effect;

use emulator::{Bootstrap, BootstrapDefaults};

fn defaults() -> BootstrapDefaults {
    BootstrapDefaults::new("shop")
}

fn parsed(text: &str) -> Bootstrap {
    Bootstrap::parse("shop.yaml", text, &defaults()).unwrap_or_else(|error| panic!("{error}"))
}

fn rejected(text: &str, expected: &str) {
    let error = Bootstrap::parse("shop.yaml", text, &defaults()).unwrap_err();
    let found = error.to_string();
    assert!(
        found.contains(expected),
        "found {found}\nexpected {expected}"
    );
}

const DESCRIBED: &str = r#"{
  "pushgateDescribe": "0.1.0",
  "version": 1,
  "topics": [{"id": "orders", "messages": {}, "schema": {
    "name": "order", "type": "AVRO", "encoding": "JSON", "definition": "\"string\""
  }}, {"id": "nobody-listens", "schema": null}],
  "subscriptions": [{
    "id": "orders-fulfilment", "topic": "orders", "deadLetterTopic": "orders-fulfilment-dead-letter",
    "ackDeadlineSeconds": 60, "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
    "attempts": 10, "form": "evident", "audiences": [], "callers": [], "tomorrow": {},
    "filter": "attributes:paid", "enableMessageOrdering": true, "messageRetentionDuration": "1200s"
  }, {
    "id": "uploads", "topic": "orders", "deadLetterTopic": "dead", "ackDeadlineSeconds": 10,
    "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "2s"}, "attempts": 5,
    "form": "unwrapped", "audiences": ["https://shop.example"], "callers": ["me@shop.example"]
  }]
}"#;
