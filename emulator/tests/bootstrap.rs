//! Tests of bootstrap files.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::{
    Bootstrap, BootstrapDefaults, Emulator, Encoding, Options, PushForm, SchemaLanguage,
};

const SECOND: Duration = Duration::from_secs(1);

fn defaults() -> BootstrapDefaults {
    BootstrapDefaults::new("shop")
}

fn parsed(text: &str) -> Bootstrap {
    Bootstrap::parse("shop.yaml", text, &defaults()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str, expected: &str) {
    let error = Bootstrap::parse("shop.yaml", text, &defaults()).unwrap_err();
    let found = error.to_string();
    assert!(
        found.contains(expected),
        "found {found}\nexpected {expected}"
    );
}

fn example(file: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(file)
}

const EVERYTHING: &str = "
schemas:
  order: {type: AVRO, definition: '\"string\"'}
topics:
  orders:
    labels: {team: checkout}
    messageRetentionDuration: 3600s
    schemaSettings: {schema: order, encoding: JSON}
    subscriptions:
      billing:
        pushConfig:
          pushEndpoint: http://127.0.0.1:8080/
          attributes: {x-goog-version: v1beta1}
          oidcToken: {serviceAccountEmail: push@shop.example, audience: shop}
        ackDeadlineSeconds: 60
        retryPolicy: {minimumBackoff: 0.5s}
        deadLetterPolicy: {deadLetterTopic: dead, maxDeliveryAttempts: 7}
        enableMessageOrdering: true
        filter: attributes.kind = \"order\"
        retainAckedMessages: true
        messageRetentionDuration: 1200s
        expirationPolicy: {}
        faults: {duplicate: 0.5, delay: {probability: 1, max: 2s}, seed: 9}
";

#[test]
fn a_file_has_googles_names_for_everything() {
    let found = parsed(EVERYTHING);
    assert_eq!(found.schemas[0].name, "projects/shop/schemas/order");
    assert_eq!(found.schemas[0].language, SchemaLanguage::Avro);
    let topic = &found.topics[0];
    assert_eq!(topic.name, "projects/shop/topics/orders");
    assert_eq!(topic.message_retention, Some(3600 * SECOND));
    let schema = topic.schema.as_ref().unwrap();
    assert_eq!(schema.schema, "projects/shop/schemas/order");
    assert_eq!(schema.encoding, Encoding::Json);
    let billing = &found.subscriptions[0];
    assert_eq!(billing.name, "projects/shop/subscriptions/billing");
    assert_eq!(billing.topic, topic.name);
    let push = billing.push_config.as_ref().unwrap();
    assert_eq!(push.form, PushForm::WrappedV1Beta1);
    let token = push.oidc_token.as_ref().unwrap();
    assert_eq!(token.audience.as_deref(), Some("shop"));
    assert_eq!(billing.ack_deadline, 60 * SECOND);
    let retries = billing.retry_policy.as_ref().unwrap();
    assert_eq!(retries.minimum_backoff, SECOND / 2);
    assert_eq!(retries.maximum_backoff, 600 * SECOND);
    let dead_letters = billing.dead_letter_policy.as_ref().unwrap();
    assert_eq!(dead_letters.dead_letter_topic, "projects/shop/topics/dead");
    assert_eq!(dead_letters.max_delivery_attempts, 7);
    assert!(billing.enable_message_ordering && billing.retain_acked_messages);
    assert_eq!(billing.filter, "attributes.kind = \"order\"");
    assert_eq!(billing.message_retention, 1200 * SECOND);
    assert_eq!(billing.expiration, None);
    let faults = &found.faults["projects/shop/subscriptions/billing"];
    assert_eq!(faults.duplicate, 0.5);
    assert_eq!(faults.seed, Some(9));
}

#[test]
fn a_file_may_be_json_with_full_names() {
    let found = parsed(
        r#"{"project": "market", "topics": {"orders": {"messages": [{"text": "hi"}]}},
            "subscriptions": {"projects/books/subscriptions/billing": {"topic": "orders"}}}"#,
    );
    assert_eq!(found.topics[0].name, "projects/market/topics/orders");
    let billing = &found.subscriptions[0];
    assert_eq!(billing.name, "projects/books/subscriptions/billing");
    assert_eq!(billing.topic, "projects/market/topics/orders");
}

#[test]
fn messages_are_json_text_or_base64() {
    let found = parsed(
        "
topics:
  orders:
    messages:
      - json: {id: o-1, lines: [1, 2.5, null, true]}
        attributes: {kind: order}
        orderingKey: c-9
      - text: grüezi
      - base64: aGk=
      - attributes: {kind: ping}
",
    );
    let data: Vec<&[u8]> = found
        .messages
        .iter()
        .map(|(_, each)| &each.data[..])
        .collect();
    let json: &[u8] = br#"{"id":"o-1","lines":[1,2.5,null,true]}"#;
    assert_eq!(data, [json, "grüezi".as_bytes(), b"hi", b""]);
    let (topic, first) = &found.messages[0];
    assert_eq!(topic, "projects/shop/topics/orders");
    assert_eq!(
        first.attributes,
        BTreeMap::from([("kind".into(), "order".into())])
    );
    assert_eq!(first.ordering_key, "c-9");
}

#[test]
fn a_fault_is_reported_with_its_place() {
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        ackDeadline: 10",
        "shop.yaml:5:9: unknown key \"ackDeadline\", did you mean \"ackDeadlineSeconds\"?",
    );
    refused(
        "topics:\n  orders:\n    retries: 3",
        "shop.yaml:3:5: unknown key \"retries\", expected labels, messageRetentionDuration,",
    );
    refused(
        "topics:\n  orders:\n    messageRetentionDuration: 10m",
        "shop.yaml:3:31: \"10m\" is not a duration",
    );
    refused(
        "topics:\n  orders:\n    messageRetentionDuration: 60s",
        "shop.yaml:3:31: messageRetentionDuration must be 600 to 2678400 s, not 60",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        ackDeadlineSeconds: 5",
        "shop.yaml:5:29: ackDeadlineSeconds must be 10 to 600 s, not 5",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        ackDeadlineSeconds: soon",
        "shop.yaml:5:29: found soon, expected a whole number that is not negative",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing: {push: localhost}",
        "shop.yaml:4:23: pushConfig.pushEndpoint is not an http or https URL",
    );
    refused(
        "topics:\n  orders:\n    messageRetentionDuration: 600s\n    labels: {Team: a}",
        "shop.yaml:2:3: You have passed an invalid argument to the service (argument=Invalid labels: Invalid field",
    );
    refused(
        "topics:\n  or: {}",
        "shop.yaml:2:3: Invalid resource name \"projects/shop/topics/or\"",
    );
    refused(
        "topics:\n  orders:\n  orders:",
        "shop.yaml:3:3: \"orders\" is there twice, expected once",
    );
    refused(
        "topics: [orders]",
        "shop.yaml:1:9: found [orders], expected keys, each with a colon and its value",
    );
    refused(
        "topics:\n  orders:\n    messages: {}",
        "shop.yaml:3:15: found {}, expected a list",
    );
    refused("topics: {orders", "shop.yaml:1:9: unclosed bracket '{'");
}

/// Returns the data of a message with this value of `json`.
fn published(json: &str) -> String {
    let file = format!("topics:\n  orders:\n    messages:\n      - json: {json}\n");
    let found = parsed(&file);
    String::from_utf8(found.messages[0].1.data.to_vec()).unwrap()
}

#[test]
fn words_are_what_the_core_schema_takes_them_for() {
    for (yaml, json) in [
        (
            "{country: NO, size: n, on: y}",
            r#"{"country":"NO","size":"n","on":"y"}"#,
        ),
        (
            "[yes, No, Off, on, Y, N]",
            r#"["yes","No","Off","on","Y","N"]"#,
        ),
        ("[true, True, FALSE]", "[true,true,false]"),
        ("[~, null, NULL, Null]", "[null,null,null,null]"),
        ("{a: , yes: 1}", r#"{"a":null,"yes":1}"#),
        ("~", "null"),
        ("NO", r#""NO""#),
        ("[1:30, 190:20:30]", r#"["1:30","190:20:30"]"#),
        (
            "[2026-11-30, 2026-11-30T01:02:03Z]",
            r#"["2026-11-30","2026-11-30T01:02:03Z"]"#,
        ),
        ("[1_000, 0b11, 0X1F]", r#"["1_000","0b11","0X1F"]"#),
        ("[0o14, 0x1f, +12, -7]", "[12,31,12,-7]"),
        ("[.5, 1., -.25, +1.5]", "[0.5,1.0,-0.25,1.5]"),
        (
            r#"["012", '1', "no", !!str 7, !!str 012]"#,
            r#"["012","1","no","7","012"]"#,
        ),
        ("[!!int 7, !!bool true]", "[7,true]"),
        ("{012: a, 1: b}", r#"{"012":"a","1":"b"}"#),
        ("{\"<<\": {a: 1}}", r#"{"<<":{"a":1}}"#),
    ] {
        assert_eq!(published(yaml), json, "{yaml}");
    }
}

#[test]
fn what_has_no_one_meaning_is_refused() {
    let check = |json: &str, words: &str| {
        let file = format!("topics:\n  orders:\n    messages:\n      - json: {json}\n");
        refused(&file, &format!("shop.yaml:4:{words}"));
    };
    check("{zip: 012}", "21: 012 begins with a zero, which other");
    check("[1, -007]", "19: -007 begins with a zero");
    check("[.inf]", "16: .inf has no form in JSON: write \".inf\"");
    check("[-.INF]", "16: -.INF has no form in JSON");
    check("[.nan]", "16: .nan has no form in JSON");
    check("!Ref name", "20: unsupported tag `!Ref`");
    check("{a: !custom 1}", "27: unsupported tag `!custom`");
    check("{a: 1, a: 2}", "22: \"a\" is there twice, expected once");
    check("{~: 1}", "");
}

#[test]
fn json_is_published_as_it_is_written() {
    let json = r#"{"z":1.0,"a":1.10,"10":1E400,"2":123456789012345678901234567890,"n":-0.0,"s":"\u0000é"}"#;
    assert_eq!(published(json), json);
    let file = "x: &z\ntopics: {}";
    refused(file, "unknown key \"x\"");
    let anchored = "[&price 1.10, *price]";
    assert_eq!(published(anchored), "[1.10,1.10]");
    let umlaut = "{ü: [ä, 1.10]}";
    assert_eq!(published(umlaut), r#"{"ü":["ä",1.10]}"#);
}

fn subscription(settings: &str) -> String {
    format!("topics:\n  orders:\n    subscriptions:\n      billing: {settings}\n")
}

#[test]
fn yes_is_no_boolean() {
    refused(
        &subscription("{enableMessageOrdering: yes}"),
        "found yes}, expected true or false",
    );
}

#[test]
fn labels_are_texts() {
    let labels = parsed(&subscription("{labels: {country: no, zip: 012}}"));
    let labels = &labels.subscriptions[0].labels;
    assert_eq!(labels["country"], "no");
    assert_eq!(labels["zip"], "012");
}

#[test]
fn a_list_is_no_object() {
    for settings in [
        "[orders]",
        "{pushConfig: [http://127.0.0.1:8080/]}",
        "{retryPolicy: [1s, 2s]}",
        "{faults: [0.5]}",
        "{faults: {burst: [2, 1s]}}",
        "{labels: [a, b]}",
    ] {
        refused(&subscription(settings), "expected");
    }
    refused("[shop]", "expected keys, each with a colon and its value");
    refused("topics: {orders: {messages: [[{a: 1}]]}}", "expected keys");
}

#[test]
fn a_repeated_key_is_refused() {
    let twice = "topics: {orders: {}}\ntopics: {}";
    refused(twice, "\"topics\" is there twice, expected once");
}

#[test]
fn a_file_must_be_utf_8() {
    let folder = std::env::temp_dir().join(format!("emulator-encodings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let text = "{\r\n\t\"topics\": {\r\n\t\t\"orders\": {}\r\n\t}\r\n}\r\n";
    let utf_16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = "\u{FEFF}".encode_utf16().chain(text.encode_utf16());
        units.flat_map(order).collect()
    };
    let read = |bytes: &[u8]| {
        let file = folder.join("shop.json");
        std::fs::write(&file, bytes).unwrap();
        Bootstrap::read(&[&file], &defaults()).map_err(|error| error.to_string())
    };
    assert_eq!(read(text.as_bytes()).unwrap().topics.len(), 1);
    let marked = format!("\u{FEFF}{text}");
    assert_eq!(read(marked.as_bytes()).unwrap().topics.len(), 1);
    for bytes in [utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes)] {
        let error = read(&bytes).unwrap_err();
        assert!(
            error.ends_with("shop.json: is UTF-16, expected UTF-8"),
            "{error}"
        );
    }
    let error = read(b"topics: {caf\xE9: {}}").unwrap_err();
    assert!(
        error.ends_with("shop.json: is not UTF-8, expected UTF-8"),
        "{error}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_does_not_go_together_is_refused() {
    refused(
        "topics:\n  orders:\nsubscriptions:\n  billing: {topic: order}",
        "shop.yaml:4:20: unknown topic \"order\", did you mean \"orders\"?",
    );
    refused(
        "subscriptions:\n  billing: {}",
        "shop.yaml:2:3: the subscription has no topic",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing: {topic: orders}",
        "shop.yaml:4:24: found topic, expected none",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing:\nsubscriptions:\n  billing: {topic: orders}",
        "shop.yaml:6:3: projects/shop/subscriptions/billing is declared at shop.yaml:4:7 already",
    );
    refused(
        "topics:\n  orders:\n    schemaSettings: {schema: order, encoding: JSON}",
        "shop.yaml:3:30: unknown schema \"order\": no schema is declared",
    );
    refused(
        "subscriptions:\n  billing: {topic: nope}",
        "shop.yaml:2:20: unknown topic \"nope\": no topic is declared",
    );
    refused(
        "topics:\n  orders:\n    messages:\n      - {text: hi, json: {}}",
        "shop.yaml:4:9: a message has several of json, text and base64, expected one",
    );
    refused(
        "topics:\n  orders:\n    messages:\n      - {}",
        "shop.yaml:4:9: A message needs data or at least one attribute",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        faults: {duplicate: 2}",
        "shop.yaml:5:17: duplicate is 2, expected 0 to 1",
    );
    refused(
        "topics:\n  orders:\n    subscriptions:\n      billing:\n        faults: {duplicates: 1}",
        "shop.yaml:5:18: unknown key \"duplicates\", did you mean \"duplicate\"?",
    );
    refused(
        "schemas:\n  order: {type: AVRO, definitionFile: none.avsc}",
        "shop.yaml:2:39: none.avsc cannot be read:",
    );
    refused(
        "schemas:\n  order: {type: avro, definition: x}",
        "shop.yaml:2:17: unknown value \"avro\", did you mean \"AVRO\"?",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
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
fn an_undeclared_dead_letter_topic_is_created() {
    let found = parsed(
        "
topics:
  orders:
    subscriptions:
      billing: {deadLetterPolicy: {deadLetterTopic: dead}}
      mail: {deadLetterPolicy: {deadLetterTopic: dead}}
",
    );
    assert_eq!(found.topics.len(), 2);
    assert_eq!(found.topics[1].name, "projects/shop/topics/dead");
    let keeper = &found.subscriptions[2];
    assert_eq!(keeper.name, "projects/shop/subscriptions/dead");
    assert_eq!(keeper.topic, "projects/shop/topics/dead");
    assert!(keeper.push_config.is_none());
    assert_eq!(found.notes.len(), 1);
}

#[test]
fn files_are_one_declaration() {
    let folder = std::env::temp_dir().join(format!("emulator-bootstrap-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("order.avsc", "\"string\"");
    write("a.yaml", "subscriptions: {billing: {topic: orders}}");
    write(
        "b.yaml",
        "schemas: {order: {type: AVRO, definitionFile: order.avsc}}\ntopics: {orders: {}}",
    );
    let files = ["a.yaml", "b.yaml"].map(|name| folder.join(name));
    let found = Bootstrap::read(&files, &defaults()).unwrap();
    assert_eq!(found.schemas[0].definition, "\"string\"");
    assert_eq!(found.subscriptions[0].topic, found.topics[0].name);
    write("c.json", DESCRIBED);
    let files = ["c.json", "a.yaml", "b.yaml"].map(|name| folder.join(name));
    let mut with_service = defaults();
    with_service.push_to = Some("http://127.0.0.1:8080".to_owned());
    let found = Bootstrap::read(&files, &with_service).unwrap();
    assert_eq!(found.subscriptions[1].topic, found.topics[0].name);
    let missing = Bootstrap::read(&[folder.join("none.yaml")], &defaults()).unwrap_err();
    assert!(missing.to_string().contains("none.yaml: cannot be read"));
    std::fs::remove_dir_all(&folder).unwrap();
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

#[test]
fn declarations_become_subscriptions_that_push() {
    let error = Bootstrap::parse("d.json", DESCRIBED, &defaults()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("d.json: declarations of a service do not say")
    );
    let mut defaults = defaults();
    defaults.push_to = Some("http://127.0.0.1:8080/".to_owned());
    let found = Bootstrap::parse("d.json", DESCRIBED, &defaults).unwrap();
    assert_eq!(found.topics.len(), 4);
    let [orders, uploads, ..] = &found.subscriptions[..] else {
        panic!("{found:?}")
    };
    let push = orders.push_config.as_ref().unwrap();
    assert_eq!(
        push.endpoint,
        "http://127.0.0.1:8080/push/orders-fulfilment"
    );
    let token = push.oidc_token.as_ref().unwrap();
    assert_eq!(
        token.service_account_email,
        "push@shop.iam.gserviceaccount.com"
    );
    assert_eq!(token.audience.as_deref(), Some("http://127.0.0.1:8080"));
    let policy = orders.dead_letter_policy.as_ref().unwrap();
    assert_eq!(policy.max_delivery_attempts, 10);
    let push = uploads.push_config.as_ref().unwrap();
    assert_eq!(
        push.form,
        PushForm::Unwrapped {
            write_metadata: true
        }
    );
    let token = push.oidc_token.as_ref().unwrap();
    assert_eq!(token.service_account_email, "me@shop.example");
    assert_eq!(token.audience.as_deref(), Some("https://shop.example"));
    let newer = DESCRIBED.replace("\"version\": 1", "\"version\": 2");
    let error = Bootstrap::parse("d.json", &newer, &defaults).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("d.json:3:14: version is 2, expected 1"),
        "{error}"
    );
}

#[test]
fn all_settings_of_declarations_are_read() {
    let mut defaults = defaults();
    defaults.push_to = Some("http://127.0.0.1:8080/".to_owned());
    let found = Bootstrap::parse("d.json", DESCRIBED, &defaults).unwrap();
    let schema = found.topics[0].schema.as_ref().unwrap();
    assert_eq!(schema.schema, found.schemas[0].name);
    assert_eq!(found.schemas[0].definition, "\"string\"");
    let [orders, uploads, ..] = &found.subscriptions[..] else {
        panic!("{found:?}")
    };
    assert_eq!(orders.filter, "attributes:paid");
    assert!(orders.enable_message_ordering && !uploads.enable_message_ordering);
    assert_eq!(orders.message_retention.as_secs(), 1200);
    assert_eq!(uploads.message_retention.as_secs(), 7 * 24 * 3600);
}

#[tokio::test]
async fn a_second_bootstrap_keeps_what_the_first_created() {
    let declared = Bootstrap::read(&[example("shop.yaml")], &defaults()).unwrap();
    let emulator = Emulator::start_with(Options::default()).unwrap();
    let done = emulator.bootstrap(&declared).unwrap();
    assert_eq!(done.created.len(), 8);
    assert_eq!(done.kept.len(), 0);
    assert_eq!(done.published, 2);
    let held = emulator.unacked_messages("projects/shop/subscriptions/orders-audit");
    assert_eq!(held.len(), 2);
    assert_eq!(held[0].ordering_key, "c-9");
    let again = emulator.bootstrap(&declared).unwrap();
    assert_eq!(again.created.len(), 0);
    assert_eq!(again.kept, done.created);
    assert_eq!(again.published, 0);
    emulator.stop().await;
}

#[test]
fn the_file_of_the_readme_can_be_read() {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let definition = r#"definition: '{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}'"#;
    let found = parsed(&text.replace("definitionFile: order.avsc", definition));
    assert_eq!(found.schemas.len(), 1);
    assert_eq!(found.topics.len(), 2);
    assert_eq!(found.subscriptions.len(), 4);
    assert_eq!(found.messages.len(), 1);
}

#[test]
fn a_fault_is_reported_before_anything_is_created() {
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
