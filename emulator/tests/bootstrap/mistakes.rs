//! Files with mistakes.

use emulator::Bootstrap;

use super::{defaults, rejected};

#[test]
fn a_mistake_is_reported_with_its_place() {
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        ackDeadline: 10",
        "shop.yaml:5:9: unknown key \"ackDeadline\", did you mean \"ackDeadlineSeconds\"?",
    );
    rejected(
        "topics:\n  orders:\n    retries: 3",
        "shop.yaml:3:5: unknown key \"retries\", expected labels, messageRetentionDuration,",
    );
    rejected(
        "topics:\n  orders:\n    messageRetentionDuration: 10m",
        "shop.yaml:3:31: \"10m\" is not a duration",
    );
    rejected(
        "topics:\n  orders:\n    messageRetentionDuration: 60s",
        "shop.yaml:3:31: messageRetentionDuration must be 600 to 2678400 s, not 60",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        ackDeadlineSeconds: 5",
        "shop.yaml:5:29: ackDeadlineSeconds must be 10 to 600 s, not 5",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        ackDeadlineSeconds: soon",
        "shop.yaml:5:29: found soon, expected a whole number that is not negative",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing: {push: localhost}",
        "shop.yaml:4:23: pushConfig.pushEndpoint is not an http or https URL",
    );
    rejected(
        "topics:\n  orders:\n    messageRetentionDuration: 600s\n    labels: {Team: a}",
        "shop.yaml:2:3: You have passed an invalid argument to the service (argument=Invalid labels: Invalid field",
    );
    rejected(
        "topics:\n  or: {}",
        "shop.yaml:2:3: Invalid resource name \"projects/shop/topics/or\"",
    );
    rejected(
        "topics:\n  orders:\n  orders:",
        "shop.yaml:3:3: \"orders\" occurs twice, expected once",
    );
    rejected(
        "topics: [orders]",
        "shop.yaml:1:9: found [orders], expected keys, each with a colon and its value",
    );
    rejected(
        "topics:\n  orders:\n    messages: {}",
        "shop.yaml:3:15: found {}, expected a list",
    );
    rejected("topics: {orders", "shop.yaml:1:9: unclosed bracket '{'");
}

#[test]
fn contradictory_settings_are_rejected() {
    rejected(
        "topics:\n  orders:\nsubscriptions:\n  billing: {topic: order}",
        "shop.yaml:4:20: unknown topic \"order\", did you mean \"orders\"?",
    );
    rejected(
        "subscriptions:\n  billing: {}",
        "shop.yaml:2:3: the subscription has no topic",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing: {topic: orders}",
        "shop.yaml:4:24: found topic, expected none",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing:\nsubscriptions:\n  billing: {topic: orders}",
        "shop.yaml:6:3: projects/shop/subscriptions/billing is declared at shop.yaml:4:7 already",
    );
    rejected(
        "topics:\n  orders:\n    schemaSettings: {schema: order, encoding: JSON}",
        "shop.yaml:3:30: unknown schema \"order\": no schema is declared",
    );
    rejected(
        "subscriptions:\n  billing: {topic: nope}",
        "shop.yaml:2:20: unknown topic \"nope\": no topic is declared",
    );
    rejected(
        "topics:\n  orders:\n    messages:\n      - {text: hi, json: {}}",
        "shop.yaml:4:9: a message has several of json, text and base64, expected one",
    );
    rejected(
        "topics:\n  orders:\n    messages:\n      - {}",
        "shop.yaml:4:9: A message needs data or at least one attribute",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        faults: {duplicate: 2}",
        "shop.yaml:5:17: duplicate is 2, expected 0 to 1",
    );
    rejected(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        faults: {duplicates: 1}",
        "shop.yaml:5:18: unknown key \"duplicates\", did you mean \"duplicate\"?",
    );
    rejected(
        "schemas:\n  order: {type: AVRO, definitionFile: none.avsc}",
        "shop.yaml:2:39: none.avsc cannot be read:",
    );
    rejected(
        "schemas:\n  order: {type: avro, definition: x}",
        "shop.yaml:2:17: unknown value \"avro\", did you mean \"AVRO\"?",
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "
topics:
  orders:
    subscriptions:
      billing: {ackDeadlineSeconds: 5}
      mail: {push: localhost}
    messages: [{}]
";
    let error = Bootstrap::parse("shop.yaml", text, &defaults()).unwrap_err();
    assert_eq!(error.0.len(), 3, "{error}");
}

#[test]
fn a_mistake_is_reported_before_anything_is_created() {
    for (text, place, words) in [
        (
            "topics:\n  orders:\n    subscriptions:\n      yyy: {filter: \"attributes.x = \"}\n",
            "4:",
            "Invalid filter",
        ),
        (
            "schemas:\n  order: {type: AVRO, definition: '{\"type\":\"record\"}'}\n",
            "2:",
            "Invalid schema definition",
        ),
        (
            "schemas:\n  order: {type: AVRO, definition: '\"string\"'}\ntopics:\n  orders:\n    schemaSettings: {schema: order, encoding: JSON}\n    messages:\n      - json: {id: 1}\n",
            "7:",
            "Invalid data in message",
        ),
    ] {
        let error = Bootstrap::parse("shop.yaml", text, &defaults());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&format!("shop.yaml:{place}")), "{error}");
    }
}
