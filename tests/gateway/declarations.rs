//! The commands of a service, for a file of declarations.

use super::Declarations;
use crate::harness::process::{Ended, command, ended};
use crate::harness::repository::root;

/// Every field that a subscription can have.
const ALL: &str = r#"
application: http://127.0.0.1:8000
version: 1.2.0
paths: {documents: contract.md, released: contract/released}
subscriptions:
  - id: orders-fulfilment
    topic: orders
    purpose: Reserves stock for every paid order.
    owner: warehouse team
    producers: [checkout, shop]
    path: /orders
    form: evident
    idempotency: {kind: payload, key: /id, onConflict: ignore}
    filter: attributes.kind = "new"
    enableMessageOrdering: true
    messageRetentionDuration: 86400s
    retainAckedMessages: true
    ackDeadlineSeconds: 30
    softLimit: 10s
    hardLimit: 20.500s
    retryPolicy: {minimumBackoff: 5s, maximumBackoff: 300s}
    attempts: 10
    deadLetterTopic: orders-dead
    lease: 15s
    window: 172800s
    epoch: 2
    concurrency: 7
    audiences: ["https://push.example.com"]
    callers: [push@shop.iam.gserviceaccount.com]
    attemptsInProcess: {attempts: 3, minimumPause: 0.100s, maximumPause: 2s}
    circuitBreaker: {failures: 5, minimumPause: 1s, maximumPause: 60s, probes: 2}
    afterCrash: rerun
    storeDown: {kind: open, reason: a second reservation is harmless}
    expected: {messagesPerSecond: 5, latency: 2s}
    alerts: {oldestUnackedAge: 900s, undeliveredMessages: 10000, failedPushShare: 0.25}
    topicSchema: {name: orders, type: AVRO, encoding: JSON, definition: '{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}'}
    examples:
      - {title: an order, json: {id: o-1}, attributes: {kind: new}}
  - id: reports
    topic: reports
    purpose: Writes reports.
    producers: [scheduler]
    idempotency: {kind: none, reason: a report is written over}
    schedules:
      - {cron: "30 2 * * *", timeZone: Europe/Berlin, name: nightly, purpose: Each night., text: all, attributes: {hall: all}}
"#;

async fn run(declarations: &Declarations, arguments: &[&str]) -> Ended {
    let all = [&["gateway", "--config", declarations.path()], arguments].concat();
    ended(command(&all)).await
}

/// Returns the error of declarations.
async fn fault(text: &str) -> String {
    let ended = run(&Declarations::new(text), &["describe"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    ended.stderr
}

#[tokio::test]
async fn describe_prints_what_the_file_says() {
    let declarations = Declarations::new(ALL);
    let described = run(&declarations, &["describe"]).await;
    assert_eq!(described.code, Some(0), "{}", described.stderr);
    let described: serde_json::Value = serde_json::from_str(&described.stdout).expect("JSON");
    let file: serde_json::Value = serde_saphyr::from_str(ALL).expect("YAML");
    let [declared, reports] = [0, 1].map(|index| &described["subscriptions"][index]);
    for (name, value) in file["subscriptions"][0].as_object().expect("fields") {
        match name.as_str() {
            "path" => {}
            "examples" => assert_eq!(declared[name], serde_json::json!(["an order"])),
            "topicSchema" => assert_eq!(&described["topics"][0]["schema"], value),
            "expected" => assert_eq!(declared[name]["messagesPerSecond"], 5.0),
            _ => assert_eq!(&declared[name], value, "{name}"),
        }
    }
    assert_eq!(declared["handler"], "async");
    let source = declared["source"].as_str().expect("a file");
    assert!(
        declarations.path().ends_with(source) && !source.contains('/'),
        "{source}"
    );
    assert_eq!(reports["idempotency"]["reason"], "a report is written over");
    assert_eq!(reports["schedules"][0]["name"], "nightly");
    assert_eq!(reports["schedules"][0]["data"], "YWxs");
    assert_eq!(reports["ackDeadlineSeconds"], 60, "the default of code");
}

#[tokio::test]
async fn a_mistake_is_named_with_its_place() {
    for (found, instead, expected) in [
        (
            "hardLimit: 20.500s",
            "hardLimit: 20",
            "line 20 column 16: \"20\" is no duration, expected seconds such as \"600s\"",
        ),
        (
            "lease: 15s",
            "leese: 15s",
            "line 24 column 5: unknown field `leese`",
        ),
        (
            "minimumBackoff: 5s",
            "minimum: 5s",
            "unknown field `minimum`, expected one of minimumBackoff, maximumBackoff",
        ),
        (
            "kind: payload",
            "kind: payloads",
            "unknown variant `payloads`, expected one of messageId, attribute, payload, none",
        ),
        (
            "onConflict: ignore",
            "onConflct: ignore",
            "unknown field `onConflct`",
        ),
        (
            "path: /orders",
            "path: orders",
            "path is \"orders\", expected one such as \"/orders\"",
        ),
        (
            "path: /orders",
            "path: //elsewhere/orders",
            "path is \"//elsewhere/orders\"",
        ),
        (
            "http://127.0.0.1:8000",
            "127.0.0.1:8000",
            "application is \"127.0.0.1:8000\", expected a URL such as \"http://127.0.0.1:8000\"",
        ),
        (
            "attempts: 10",
            "attempts: 1000",
            "subscriber \"orders-fulfilment\": attempts are 1000, expected 5 to 100",
        ),
        (
            "text: all",
            "text: all, json: all",
            "it has json and text, expected one of them",
        ),
    ] {
        assert!(ALL.contains(found), "{found}");
        let error = fault(&ALL.replacen(found, instead, 1)).await;
        assert!(error.contains(expected), "{instead}: {error}");
    }
    let empty = fault("application: http://127.0.0.1:8000\nsubscriptions: []\n").await;
    assert!(
        empty.contains("subscriptions is empty, expected one or more"),
        "{empty}"
    );
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let ended = ended(command(&["gateway", "--config", "nowhere.yaml", "check"])).await;
    assert_eq!(ended.code, Some(2), "not checked");
    assert!(
        ended.stderr.contains("cannot read nowhere.yaml"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn files_are_derived_beside_the_declarations() {
    let folder = std::env::temp_dir().join(format!("gateway-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("gateway.yaml"), ALL).expect("a file");
    let file = folder.join("gateway.yaml");
    let file = file.to_str().expect("text");
    let generate = |more: &'static str| {
        let mut command = command(&["gateway", "--config", file, "generate"]);
        command.args(more.split_whitespace());
        ended(command)
    };
    let first = generate("").await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for path in [
        "contract.md",
        "m2m/asyncapi.yaml",
        "terraform/subscriptions.auto.tfvars.json",
    ] {
        assert!(folder.join(path).is_file(), "{path}: {}", first.stdout);
    }
    let asyncapi = std::fs::read_to_string(folder.join("m2m/asyncapi.yaml")).expect("a file");
    assert!(asyncapi.contains("version: \"1.2.0\"") || asyncapi.contains("version: 1.2.0"));
    assert_eq!(generate("--check").await.code, Some(0));
    std::fs::remove_file(folder.join("contract.md")).expect("removed");
    let stale = generate("--check").await;
    assert!(
        stale.stdout.contains("missing      contract.md"),
        "{}",
        stale.stdout
    );
    let hint = format!("gateway --config {file} generate");
    assert!(stale.stderr.contains(&hint), "{}", stale.stderr);
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Returns a subscription as `describe` prints it.
async fn described(arguments: &[&str], id: &str) -> serde_json::Value {
    let described = ended(command(arguments)).await;
    assert_eq!(described.code, Some(0), "{}", described.stderr);
    let described: serde_json::Value = serde_json::from_str(&described.stdout).expect("JSON");
    let subscriptions = described["subscriptions"].as_array().expect("a list");
    let found = subscriptions.iter().find(|each| each["id"] == id);
    found.expect(id).clone()
}

#[tokio::test]
async fn the_example_declares_what_its_twin_in_rust_declares() {
    let example = root().join("examples/fastapi/gateway.yaml");
    let example = [
        "gateway",
        "--config",
        example.to_str().expect("text"),
        "describe",
    ];
    let mut python = described(&example, "orders-fulfilment").await;
    let mut rust = described(&["describe"], "orders-fulfilment").await;
    assert_eq!(rust["message"], "OrderPlaced");
    for each in [&mut python, &mut rust] {
        // A gateway reads no payload.
        for field in ["source", "message", "examples"] {
            each[field] = serde_json::Value::Null;
        }
    }
    assert_eq!(python, rust);
}

#[tokio::test]
async fn the_example_for_cloud_run_has_the_settings_of_serve() {
    let text =
        std::fs::read_to_string(root().join("examples/fastapi/service.yaml")).expect("a file");
    let service: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let gateway = &service["spec"]["template"]["spec"]["containers"][0];
    let mut command = command(&["serve", "--print-config"]);
    command.env("GOOGLE_CLOUD_PROJECT", "shop");
    for variable in gateway["env"].as_array().expect("a list") {
        let [name, value] = ["name", "value"].map(|field| variable[field].as_str().expect("text"));
        command.env(name, value.replace("PROJECT", "shop-project"));
    }
    let ended = ended(command).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, "", "unknown settings");
    assert_eq!(gateway["args"][0], "gateway");
}
