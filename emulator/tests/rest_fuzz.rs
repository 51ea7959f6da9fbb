//! Tests of Google's REST API with random requests.

use emulator::{Emulator, Pace};
use proptest::prelude::{Just, Strategy, any, prop};
use proptest::prop_oneof;
use proptest::test_runner::{Config, TestRunner};
use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

use crate::harness::emulator;

/// A path of every route below the project, with its method.
const ROUTES: [(&str, &str); 43] = [
    ("PUT", "topics/orders"),
    ("PATCH", "topics/orders"),
    ("POST", "topics/orders:publish"),
    ("GET", "topics/orders"),
    ("GET", "topics"),
    ("GET", "topics/orders/subscriptions"),
    ("GET", "topics/orders/snapshots"),
    ("DELETE", "topics/orders"),
    ("POST", "subscriptions/billing:detach"),
    ("PUT", "subscriptions/billing"),
    ("GET", "subscriptions/billing"),
    ("PATCH", "subscriptions/billing"),
    ("GET", "subscriptions"),
    ("DELETE", "subscriptions/billing"),
    ("POST", "subscriptions/billing:modifyAckDeadline"),
    ("POST", "subscriptions/billing:acknowledge"),
    ("POST", "subscriptions/billing:pull"),
    ("POST", "subscriptions/billing:modifyPushConfig"),
    ("POST", "subscriptions/billing:seek"),
    ("GET", "snapshots/daily"),
    ("GET", "snapshots"),
    ("PUT", "snapshots/daily"),
    ("PATCH", "snapshots/daily"),
    ("DELETE", "snapshots/daily"),
    ("POST", "schemas"),
    ("GET", "schemas/order"),
    ("GET", "schemas"),
    ("GET", "schemas/order:listRevisions"),
    ("POST", "schemas/order:commit"),
    ("POST", "schemas/order:rollback"),
    ("DELETE", "schemas/order@0a1b2c3d:deleteRevision"),
    ("DELETE", "schemas/order"),
    ("POST", "schemas:validate"),
    ("POST", "schemas:validateMessage"),
    ("GET", "topics/orders:getIamPolicy"),
    ("GET", "subscriptions/billing:getIamPolicy"),
    ("GET", "schemas/order:getIamPolicy"),
    ("POST", "topics/orders:setIamPolicy"),
    ("POST", "subscriptions/billing:setIamPolicy"),
    ("POST", "snapshots/daily:setIamPolicy"),
    ("POST", "topics/orders:testIamPermissions"),
    ("POST", "subscriptions/billing:testIamPermissions"),
    ("POST", "schemas/order:testIamPermissions"),
];

/// Names with a meaning somewhere, so that requests pass the first check.
const FIELDS: [&str; 40] = [
    "name",
    "topic",
    "labels",
    "pushConfig",
    "push_endpoint",
    "attributes",
    "oidcToken",
    "noWrapper",
    "ackDeadlineSeconds",
    "messageRetentionDuration",
    "expirationPolicy",
    "ttl",
    "filter",
    "deadLetterPolicy",
    "maxDeliveryAttempts",
    "retryPolicy",
    "minimumBackoff",
    "state",
    "cloudStorageConfig",
    "maxBytes",
    "messageTransforms",
    "aiInference",
    "unstructuredInference",
    "parameters",
    "messages",
    "data",
    "publishTime",
    "orderingKey",
    "subscription",
    "updateMask",
    "update_mask",
    "snapshot",
    "time",
    "ackIds",
    "schema",
    "type",
    "encoding",
    "policy",
    "etag",
    "bindings",
];

/// Texts that are difficult for libraries.
const TEXTS: [&str; 22] = [
    "",
    "projects/shop/topics/orders",
    "projects/shop/subscriptions/billing",
    "600s",
    "-1s",
    "0.000000001s",
    "-315576000000.999999999s",
    "9223372036854775807s",
    "-9223372036854775808s",
    "1s ",
    "s",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60.999999999Z",
    "2030-02-30T25:61:61Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "aGk=",
    "-_8",
    "labels,pushConfig.pushEndpoint",
    "..,_,A",
    "1e400",
    "NaN",
];

/// Query parameters of some route.
const PARAMETERS: [&str; 7] = [
    "pageSize",
    "page_token",
    "view",
    "schemaId",
    "options.requestedPolicyVersion",
    "$alt",
    "schema.name",
];

/// The parts of a path.
const PARTS: [&str; 11] = [
    "%FF",
    "%",
    "%2F",
    ":",
    "/",
    "..",
    "*",
    "%00",
    "é",
    "%3Apublish",
    "",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[-0-9.:TZse+]{1,30}",
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(&FIELDS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-10..700_i32).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((field(), inner), 0..6)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => json_value().prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(vec![b'['; 100_000]),
    ]
}

fn query() -> impl Strategy<Value = String> {
    let parameter = (
        prop_oneof![
            prop::sample::select(&PARAMETERS[..]).prop_map(str::to_owned),
            "[ -~]{0,8}"
        ],
        text(),
    );
    let parameters = prop::collection::vec(parameter, 0..3);
    let written = parameters.prop_map(|parameters| {
        let pairs = parameters
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    });
    prop_oneof![3 => Just(String::new()), 2 => written]
}

/// Generates a request of a route, sometimes with another path or method.
fn request() -> impl Strategy<Value = (String, String)> {
    let routes = prop::sample::select(&ROUTES[..]);
    let methods = prop::sample::select(&["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"][..]);
    let part = prop_oneof![
        prop::sample::select(&PARTS[..]).prop_map(str::to_owned),
        "[ -~]{0,6}"
    ];
    let strange = (routes.clone(), methods, part, any::<prop::sample::Index>()).prop_map(
        |((_, path), method, part, place)| {
            let mut path = path.to_owned();
            path.insert_str(place.index(path.len() + 1), &part);
            (method.to_owned(), path)
        },
    );
    let plain = routes.prop_map(|(method, path)| (method.to_owned(), path.to_owned()));
    prop_oneof![3 => plain, 1 => strange]
}

async fn check(emulator: &Emulator, client: &Client, method: &str, path: &str, body: Vec<u8>) {
    emulator.create_topic("projects/shop/topics/orders").ok();
    let url = format!("{}/v1/projects/shop/{path}", emulator.url());
    let method: Method = method.parse().unwrap();
    let response = client.request(method, url).body(body).send().await.unwrap();
    let (code, kind) = (
        response.status().as_u16(),
        response.headers()["content-type"].clone(),
    );
    assert_eq!(kind, "application/json");
    let answer: Value = response.json().await.unwrap();
    if code == 200 {
        assert!(answer.is_object());
        return;
    }
    assert!([400, 404, 409, 429, 501].contains(&code), "{code} {answer}");
    assert_eq!(answer["error"]["code"], json!(code));
    let error = &answer["error"];
    assert!(
        error["message"].is_string() && error["status"].is_string(),
        "{answer}"
    );
}

#[test]
fn whatever_is_sent_is_answered_in_googles_form() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let emulator = emulator(Pace::Eager);
    let client = Client::new();
    let config = Config {
        cases: 1_500,
        failure_persistence: None,
        ..Config::default()
    };
    let requests = (request(), query(), body());
    let checked = TestRunner::new(config).run(&requests, |((method, path), query, body)| {
        let path = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        runtime.block_on(check(&emulator, &client, &method, &path, body));
        Ok(())
    });
    checked.unwrap();
    runtime.block_on(emulator.stop());
}
