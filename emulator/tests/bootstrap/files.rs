//! The forms and encodings of files.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::{Bootstrap, Encoding, PushForm, SchemaLanguage};

use super::{DESCRIBED, defaults, parsed, rejected};

const SECOND: Duration = Duration::from_secs(1);

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
fn an_attribute_of_a_file_declares_the_form_of_eventarc() {
    let with = |attributes: &str| {
        format!(
            "topics:\n  orders:\n    subscriptions:\n      billing:\n        pushConfig:\n          pushEndpoint: http://h/\n          attributes: {attributes}\n"
        )
    };
    let found = parsed(&with("{pushgate-form: eventarc}"));
    let push = found.subscriptions[0].push_config.as_ref().unwrap();
    assert_eq!(push.form, PushForm::Eventarc);
    rejected(
        &with("{pushgate-form: wrapped}"),
        "shop.yaml:7:39: pushgate-form is \"wrapped\", expected eventarc",
    );
    rejected(
        &with("{form: eventarc}"),
        "shop.yaml:7:30: unknown attribute \"form\" of pushConfig, expected x-goog-version or pushgate-form",
    );
}

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

#[test]
fn the_file_of_the_readme_can_be_read() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let definition = r#"definition: '{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}'"#;
    let found = parsed(&text.replace("definitionFile: order.avsc", definition));
    assert_eq!(found.schemas.len(), 1);
    assert_eq!(found.topics.len(), 2);
    assert_eq!(found.subscriptions.len(), 4);
    assert_eq!(found.messages.len(), 1);
}
