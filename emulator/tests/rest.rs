//! Tests of Google's REST API.

use emulator::{Emulator, Pace};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Endpoint, emulator};

const TOPIC: &str = "projects/shop/topics/orders";
const SUBSCRIPTION: &str = "projects/shop/subscriptions/billing";

async fn call(emulator: &Emulator, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/v1/{path}", emulator.url());
    let request = reqwest::Client::new()
        .request(method, url)
        .body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn put(emulator: &Emulator, path: &str, body: Value) -> (u16, Value) {
    call(emulator, Method::PUT, path, &body).await
}

async fn get(emulator: &Emulator, path: &str) -> (u16, Value) {
    call(emulator, Method::GET, path, &json!({})).await
}

async fn with_topic() -> Emulator {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    emulator
}

fn refusal(code: u16, status: &str, message: &str) -> (u16, Value) {
    (
        code,
        json!({"error": {"code": code, "status": status, "message": message}}),
    )
}

#[tokio::test]
async fn topics_are_managed_over_rest() {
    let emulator = emulator(Pace::Eager);
    let topic = json!({"name": TOPIC, "labels": {"team": "sales"}});
    assert_eq!(
        put(&emulator, TOPIC, topic.clone()).await,
        (200, topic.clone())
    );
    assert_eq!(get(&emulator, TOPIC).await, (200, topic.clone()));
    put(&emulator, "projects/shop/topics/refunds", json!({})).await;
    put(&emulator, "projects/other/topics/orders", json!({})).await;
    let (_, first) = get(&emulator, "projects/shop/topics?pageSize=1").await;
    assert_eq!(first["topics"], json!([topic]));
    let token = first["nextPageToken"].as_str().unwrap();
    let path = format!("projects/shop/topics?page_token={token}");
    let (_, second) = get(&emulator, &path).await;
    assert_eq!(
        second,
        json!({"topics": [{"name": "projects/shop/topics/refunds"}]})
    );
    assert_eq!(
        call(&emulator, Method::DELETE, TOPIC, &json!({})).await,
        (200, json!({}))
    );
    assert_eq!(
        get(&emulator, TOPIC).await,
        refusal(404, "NOT_FOUND", "Resource not found (resource=orders)")
    );
}

#[tokio::test]
async fn a_subscription_shows_all_its_settings() {
    let emulator = with_topic().await;
    let body = json!({
        "topic": TOPIC,
        "push_config": {
            "pushEndpoint": "http://localhost:8080/",
            "oidc_token": {"service_account_email": "push@shop.example", "audience": "me"},
        },
        "ackDeadlineSeconds": "60",
        "retry_policy": {"minimum_backoff": "1.5s"},
        "deadLetterPolicy": {"deadLetterTopic": TOPIC},
        "enable_message_ordering": true,
        "expirationPolicy": {},
        "filter": "", "enableExactlyOnceDelivery": false,
    });
    let expected = json!({
        "name": SUBSCRIPTION, "topic": TOPIC, "state": "ACTIVE",
        "pushConfig": {
            "pushEndpoint": "http://localhost:8080/", "attributes": {"x-goog-version": "v1"},
            "oidcToken": {"serviceAccountEmail": "push@shop.example", "audience": "me"},
        },
        "ackDeadlineSeconds": 60,
        "messageRetentionDuration": "604800s",
        "retryPolicy": {"minimumBackoff": "1.500s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 5},
        "enableMessageOrdering": true,
        "expirationPolicy": {},
    });
    assert_eq!(
        put(&emulator, SUBSCRIPTION, body).await,
        (200, expected.clone())
    );
    assert_eq!(get(&emulator, SUBSCRIPTION).await, (200, expected.clone()));
    let (_, list) = get(&emulator, "projects/shop/subscriptions").await;
    assert_eq!(list, json!({"subscriptions": [expected]}));
}

#[tokio::test]
async fn a_bare_subscription_has_googles_defaults() {
    let emulator = with_topic().await;
    let (_, subscription) = put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let expected = json!({
        "name": SUBSCRIPTION, "topic": TOPIC, "state": "ACTIVE", "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "604800s", "expirationPolicy": {"ttl": "2678400s"}, "pushConfig": {},
    });
    assert_eq!(subscription, expected);
}

#[tokio::test]
async fn settings_without_effect_are_refused_with_the_reason() {
    let emulator = with_topic().await;
    for setting in [
        json!({"bigqueryConfig": {}}),
        json!({"bigtable_config": {}}),
        json!({"bigtableConfig": {"table": "t", "columnFamilyMapping": {"delimitedKey": {"keyFields": ["a"]}}}}),
        json!({"messageTransforms": [{"compression": {"compressionAlgorithm": "ZSTD", "compressionMode": "COMPRESS"}}]}),
        json!({"cloudStorageConfig": {"bucket": "orders"}}),
        json!({"messageTransforms": [{"disabled": true}]}),
        json!({"tags": {"123/environment": "test"}}),
        json!({"pushConfig": {"pushEndpoint": "http://localhost/", "attributes": {"x-goog-version": "v1beta1"}}}),
    ] {
        let mut body = setting.clone();
        body["topic"] = json!(TOPIC);
        let (code, answer) = put(&emulator, SUBSCRIPTION, body).await;
        assert_eq!(code, 501, "{setting}");
        assert_eq!(answer["error"]["status"], "UNIMPLEMENTED", "{setting}");
    }
    let (code, _) = put(
        &emulator,
        "projects/shop/topics/refunds",
        json!({"kmsKeyName": "key"}),
    )
    .await;
    assert_eq!(code, 501);
    assert_eq!(get(&emulator, SUBSCRIPTION).await.0, 404);
    let schema = json!({"type": "PROTOCOL_BUFFER", "compiledProtoSchema": {"rootMessage": "A", "compiledBytes": "aGk="}});
    let path = "projects/shop/schemas?schemaId=orders";
    let (code, _) = call(&emulator, Method::POST, path, &schema).await;
    assert_eq!(code, 501);
    let path = "projects/shop/schemas:validate";
    let (code, _) = call(&emulator, Method::POST, path, &json!({"schema": schema})).await;
    assert_eq!(code, 501);
}

#[tokio::test]
async fn bad_subscriptions_are_refused() {
    let emulator = with_topic().await;
    for (body, code) in [
        (json!({"topic": TOPIC, "ackDeadlineSeconds": 5}), 400),
        (json!({"topic": TOPIC, "ackDeadlineSeconds": -5}), 400),
        (json!({"topic": TOPIC, "noSuchField": 1}), 400),
        (
            json!({"topic": TOPIC, "pushConfig": {"pushEndpoint": "ftp://host/"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "retryPolicy": {"minimumBackoff": "601s"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "expirationPolicy": {"ttl": "315576000001s"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "pushConfig": {"pushEndpoint": "http://user:secret@localhost/"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 4}}),
            400,
        ),
        (json!({"topic": "projects/shop/topics/missing"}), 404),
        (json!({}), 400),
    ] {
        assert_eq!(
            put(&emulator, SUBSCRIPTION, body.clone()).await.0,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let emulator = with_topic().await;
    let message = "Resource already exists in the project (resource=orders)";
    assert_eq!(
        put(&emulator, TOPIC, json!({})).await,
        refusal(409, "ALREADY_EXISTS", message)
    );
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    assert_eq!(
        put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC}))
            .await
            .0,
        409
    );
    assert_eq!(
        put(&emulator, "projects/shop/topics/goog-orders", json!({}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn messages_are_pushed_as_soon_as_an_endpoint_is_set() {
    let emulator = with_topic().await;
    let mut endpoint = Endpoint::start([]).await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let publish = format!("{TOPIC}:publish");
    let body =
        json!({"messages": [{"data": "aGk=", "attributes": {"kind": "order"}}, {"data": "aG8"}]});
    let (code, answer) = call(&emulator, Method::POST, &publish, &body).await;
    assert_eq!(code, 200);
    assert_eq!(answer["messageIds"].as_array().unwrap().len(), 2);
    assert_eq!(emulator.unacked_messages(SUBSCRIPTION).len(), 2);

    let modify = format!("{SUBSCRIPTION}:modifyPushConfig");
    let body = json!({"pushConfig": {"pushEndpoint": endpoint.url()}});
    assert_eq!(
        call(&emulator, Method::POST, &modify, &body).await,
        (200, json!({}))
    );
    let pushed = [endpoint.next().await, endpoint.next().await];
    let data = pushed.map(|push| push.body["message"]["data"].as_str().unwrap().to_owned());
    assert!(data.contains(&"aGk=".to_owned()) && data.contains(&"aG8=".to_owned()));

    assert_eq!(
        call(&emulator, Method::POST, &modify, &json!({})).await.0,
        200
    );
    let (_, shown) = get(&emulator, SUBSCRIPTION).await;
    assert_eq!(shown["pushConfig"], json!({}));
}

#[tokio::test]
async fn bad_messages_are_refused_all_or_none() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let publish = format!("{TOPIC}:publish");
    for messages in [
        json!([]),
        json!([{"data": "aGk="}, {}]),
        json!([{"data": "not base64!"}]),
        json!([{"data": "aGk=", "attributes": {"googkey": "value"}}]),
        json!([{"data": "aGk=", "surprise": 1}]),
        json!([{"data": "aGk=", "orderingKey": "a"}, {"data": "aGk=", "ordering_key": "b"}]),
    ] {
        let body = json!({"messages": messages});
        assert_eq!(
            call(&emulator, Method::POST, &publish, &body).await.0,
            400,
            "{messages}"
        );
    }
    let body = json!({"messages": [{"data": "aGk="}]});
    let missing = call(
        &emulator,
        Method::POST,
        "projects/shop/topics/missing:publish",
        &body,
    )
    .await;
    assert_eq!(
        missing,
        refusal(404, "NOT_FOUND", "Resource not found (resource=missing)")
    );
    assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());
}

#[tokio::test]
async fn a_subscription_outlives_its_topic() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    call(&emulator, Method::DELETE, TOPIC, &json!({})).await;
    assert_eq!(
        get(&emulator, SUBSCRIPTION).await.1["topic"],
        "_deleted-topic_"
    );
    assert_eq!(
        call(&emulator, Method::DELETE, SUBSCRIPTION, &json!({}))
            .await
            .0,
        200
    );
    assert_eq!(get(&emulator, SUBSCRIPTION).await.0, 404);
}

async fn check_refused(emulator: &Emulator, method: Method, path: &str, code: u16, status: &str) {
    let url = format!("{}{path}", emulator.url());
    let request = reqwest::Client::new().request(method.clone(), url);
    let response = request.send().await.unwrap();
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(response.status().as_u16(), code, "{method} {path}");
    assert_eq!(kind, "application/json", "{method} {path}");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["error"]["code"], code, "{method} {path}");
    assert_eq!(answer["error"]["status"], status, "{method} {path}");
}

#[tokio::test]
async fn what_the_api_does_not_have_is_not_found() {
    let emulator = with_topic().await;
    for (method, path) in [
        (Method::GET, "/favicon.ico"),
        (Method::GET, "/health"),
        (Method::GET, "/v1"),
        (Method::GET, "/v1/projects/shop/topcis"),
        (Method::PUT, "/v1/projects/shop/topics"),
        (Method::GET, "/v1/projects/shop/topics/"),
        (Method::POST, "/v1/projects/shop/topics/orders:publsh"),
        (Method::POST, "/v1/projects/shop/topics/orders"),
        (Method::GET, "/v1/projects/shop/topics/orders:publish"),
        (Method::DELETE, "/v1/projects/shop/topics/orders:publish"),
        (Method::POST, "/v1/projects/shop/topics/orders:getIamPolicy"),
        (Method::GET, "/v1/projects/shop/topics/orders/a/b"),
    ] {
        check_refused(&emulator, method, path, 404, "NOT_FOUND").await;
    }
    let (_, answer) = get(&emulator, &format!("{TOPIC}:publish")).await;
    let message = format!("The API has no method GET /v1/{TOPIC}:publish, but has POST there");
    assert_eq!(answer["error"]["message"], message);
    assert_eq!(get(&emulator, TOPIC).await.0, 200);
}

#[tokio::test]
async fn paths_that_are_no_text_or_no_name_are_invalid() {
    let emulator = with_topic().await;
    for (method, path) in [
        (Method::GET, "/v1/projects/%FF/topics"),
        (Method::GET, "/v1/projects/shop/topics/%FF"),
        (Method::PUT, "/v1/projects/shop/subscriptions/%C3%28"),
        (Method::POST, "/v1/projects/%FF/topics/orders:publish"),
        (
            Method::POST,
            "/v1/projects/shop/subscriptions/%FF:modifyPushConfig",
        ),
        (Method::GET, "/v1/projects/my%20shop/topics"),
        (Method::PUT, "/v1/projects/my~shop/topics/orders"),
    ] {
        check_refused(&emulator, method, path, 400, "INVALID_ARGUMENT").await;
    }
}

#[tokio::test]
async fn a_list_in_the_place_of_an_object_is_refused() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let publish = format!("{TOPIC}:publish");
    for body in [
        json!([[["aGk="]]]),
        json!([[{"data": "aGk="}]]),
        json!({"messages": [["aGk="]]}),
        json!({"messages": [null]}),
        json!({"messages": {"data": "aGk="}}),
        json!("aGk="),
    ] {
        let (code, answer) = call(&emulator, Method::POST, &publish, &body).await;
        assert_eq!(code, 400, "{body}");
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT", "{body}");
    }
    assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());

    let modify = format!("{SUBSCRIPTION}:modifyPushConfig");
    for body in [
        json!([]),
        json!([{"pushEndpoint": "http://localhost/"}]),
        json!({"pushConfig": ["http://localhost/"]}),
        json!({"pushConfig": {"pushEndpoint": "http://localhost/", "oidcToken": ["push@shop.example"]}}),
    ] {
        let (code, _) = call(&emulator, Method::POST, &modify, &body).await;
        assert_eq!(code, 400, "{body}");
    }

    let other = "projects/shop/subscriptions/mail";
    for (field, value) in [
        ("retryPolicy", json!(["1s", "2s"])),
        ("retryPolicy", json!([])),
        ("expirationPolicy", json!([])),
        ("deadLetterPolicy", json!([TOPIC, 5])),
        ("labels", json!([])),
        ("pushConfig", json!([])),
    ] {
        let (code, _) = put(&emulator, other, json!({"topic": TOPIC, field: value})).await;
        assert_eq!(code, 400, "{field}");
    }
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", json!([]))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn null_means_the_same_as_an_absent_field() {
    let emulator = with_topic().await;
    let body = json!({
        "name": null, "topic": TOPIC, "pushConfig": null, "ackDeadlineSeconds": null,
        "messageRetentionDuration": null, "labels": null, "enableMessageOrdering": null,
        "expirationPolicy": null, "deadLetterPolicy": null, "retryPolicy": null,
        "filter": null, "tags": {}, "bigqueryConfig": null, "messageTransforms": [], "detached": false,
    });
    assert_eq!(put(&emulator, SUBSCRIPTION, body).await.0, 200);
    let body =
        json!({"name": null, "labels": null, "tags": {}, "schemaSettings": null, "kmsKeyName": ""});
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", body).await.0,
        200
    );
    let body = json!({"tags": {"1/environment": "test"}});
    assert_eq!(
        put(&emulator, "projects/shop/topics/returns", body).await.0,
        501
    );
    let empty = "projects/empty/topics";
    assert_eq!(get(&emulator, empty).await, (200, json!({})));
    assert_eq!(
        get(&emulator, "projects/empty/subscriptions").await,
        (200, json!({}))
    );
}

#[tokio::test]
async fn revisions_are_listed_in_pages() {
    let emulator = with_topic().await;
    let schema = json!({"type": "AVRO", "definition": "\"int\""});
    let path = "projects/shop/schemas?schemaId=order";
    call(&emulator, Method::POST, path, &schema).await;
    let (commit, list) = (
        "projects/shop/schemas/order:commit",
        "projects/shop/schemas/order:listRevisions",
    );
    let change = json!({"schema": schema});
    call(&emulator, Method::POST, commit, &change).await;
    call(&emulator, Method::POST, commit, &change).await;
    let ids = |page: &Value| -> Vec<Value> {
        let schemas = page["schemas"].as_array().unwrap();
        schemas
            .iter()
            .map(|each| each["revisionId"].clone())
            .collect()
    };
    let all = get(&emulator, list).await.1;
    assert_eq!(ids(&all).len(), 3);
    assert_eq!(all.get("nextPageToken"), None);
    let first = get(&emulator, &format!("{list}?pageSize=2")).await.1;
    call(&emulator, Method::POST, commit, &change).await;
    let token = first["nextPageToken"].as_str().unwrap();
    let last = get(&emulator, &format!("{list}?pageSize=2&pageToken={token}"))
        .await
        .1;
    assert_eq!([ids(&first), ids(&last)].concat(), ids(&all));
    assert_eq!(last.get("nextPageToken"), None);
    for wrong in ["pageSize=-1", "pageToken=madeUp"] {
        assert_eq!(get(&emulator, &format!("{list}?{wrong}")).await.0, 400);
    }
}

#[tokio::test]
async fn a_deleted_schema_is_none_that_a_topic_can_be_given() {
    let emulator = with_topic().await;
    let deleted = json!({"schemaSettings": {"schema": "_deleted-schema_", "encoding": "JSON"}});
    let other = "projects/shop/topics/refunds";
    assert_eq!(put(&emulator, other, deleted.clone()).await.0, 404);
    let patch = |topic: &Value, mask: &str| json!({"topic": topic, "updateMask": mask});
    let change = patch(&deleted, "schemaSettings");
    assert_eq!(call(&emulator, Method::PATCH, TOPIC, &change).await.0, 404);

    let schema = json!({"type": "AVRO", "definition": "\"int\""});
    let path = "projects/shop/schemas?schemaId=order";
    call(&emulator, Method::POST, path, &schema).await;
    let name = "projects/shop/schemas/order";
    let settings = json!({"schemaSettings": {"schema": name, "encoding": "JSON"}});
    assert_eq!(put(&emulator, other, settings).await.0, 200);
    call(&emulator, Method::DELETE, name, &json!({})).await;
    let labels = json!({"labels": {"team": "a"}, "schemaSettings": deleted["schemaSettings"]});
    let change = patch(&labels, "labels,schemaSettings");
    let (code, shown) = call(&emulator, Method::PATCH, other, &change).await;
    assert_eq!(code, 200);
    assert_eq!(shown["labels"], json!({"team": "a"}));
    assert_eq!(shown["schemaSettings"], deleted["schemaSettings"]);
}

#[tokio::test]
async fn a_name_in_the_body_is_that_of_the_path() {
    let emulator = with_topic().await;
    let body = json!({"name": "projects/shop/topics/others"});
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", body).await.0,
        400
    );
    let body = json!({"name": "projects/shop/subscriptions/mail", "topic": TOPIC});
    assert_eq!(put(&emulator, SUBSCRIPTION, body.clone()).await.0, 400);
    assert_eq!(
        put(&emulator, "projects/shop/subscriptions/mail", body)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let emulator = with_topic().await;
    let body = json!({"messages": [{"data": "A".repeat(30 * 1024 * 1024)}]});
    let (code, answer) = call(&emulator, Method::POST, &format!("{TOPIC}:publish"), &body).await;
    assert_eq!(code, 400);
    assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_policy_is_replaced_only_by_its_last_reader() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    for resource in [TOPIC, SUBSCRIPTION] {
        let read = format!("{resource}:getIamPolicy?options.requestedPolicyVersion=3");
        let write = format!("{resource}:setIamPolicy");
        let (code, unset) = get(&emulator, &read).await;
        assert_eq!(code, 200);
        assert_eq!(unset.as_object().unwrap().len(), 1);
        let binding = json!({"role": "roles/viewer", "members": ["allUsers"]});
        let policy = json!({"policy": {"etag": unset["etag"], "bindings": [binding]}});
        let (code, set) = call(&emulator, Method::POST, &write, &policy).await;
        assert_eq!(code, 200);
        assert_eq!(&set["bindings"], &policy["policy"]["bindings"]);
        assert_eq!(get(&emulator, &read).await, (200, set));
        let masked = json!({"policy": {"version": 1, "bindings": []}, "updateMask": "version"});
        let (_, masked) = call(&emulator, Method::POST, &write, &masked).await;
        let kept = (&masked["version"], &masked["bindings"]);
        assert_eq!(kept, (&json!(1), &policy["policy"]["bindings"]));
        let (code, stale) = call(&emulator, Method::POST, &write, &policy).await;
        assert_eq!(code, 409);
        assert_eq!(stale["error"]["status"], "ABORTED");
        call(&emulator, Method::DELETE, resource, &json!({})).await;
        assert_eq!(get(&emulator, &read).await.0, 404);
    }
    put(&emulator, TOPIC, json!({})).await;
    let (_, unset) = get(&emulator, &format!("{TOPIC}:getIamPolicy")).await;
    assert_eq!(unset.get("bindings"), None);
}

#[tokio::test]
async fn everybody_may_do_everything_to_what_exists() {
    let emulator = with_topic().await;
    let permissions = json!({"permissions": ["pubsub.topics.publish"]});
    let ask = |resource: &str| format!("{resource}:testIamPermissions");
    let answer = call(&emulator, Method::POST, &ask(TOPIC), &permissions).await;
    assert_eq!(answer, (200, permissions.clone()));
    let twice = json!({"permissions": ["pubsub.topics.publish", "pubsub.topics.publish"]});
    let answer = call(&emulator, Method::POST, &ask(TOPIC), &twice).await;
    assert_eq!(answer, (200, permissions));
    let consume = json!({"permissions": ["pubsub.subscriptions.consume"]});
    let answer = call(&emulator, Method::POST, &ask(SUBSCRIPTION), &consume).await;
    assert_eq!(answer, (200, json!({})));
    for wrong in [
        "pubsub.*",
        "pubsub.topics.bogus",
        "pubsub.subscriptions.consume",
    ] {
        let asked = json!({"permissions": [wrong]});
        let answer = call(&emulator, Method::POST, &ask(TOPIC), &asked).await;
        assert_eq!(answer.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn query_parameters_are_fields_of_the_request() {
    let emulator = with_topic().await;
    for (query, code) in [
        ("pageSize=1&pageToken=", 200),
        ("page_size=1", 200),
        ("", 200),
        (
            "alt=json&$alt=json&key=k&prettyPrint=false&%24.xgafv=2&$prettyPrint=true",
            200,
        ),
        ("pageSize=-1", 400),
        ("pageSize=many", 400),
        ("pageSize=1&pageSize=2", 400),
        ("pageSize=", 400),
        ("pageToken=madeUp", 400),
        ("surprise=1", 400),
        ("pageSize.deeper=1", 400),
        ("project=projects/shop", 200),
        ("project=projects/other", 400),
    ] {
        let path = format!("projects/shop/topics?{query}");
        let (found, answer) = get(&emulator, &path).await;
        assert_eq!(found, code, "{query} {answer}");
    }
    let path = format!("{TOPIC}?labels=1");
    assert_eq!(put(&emulator, &path, json!({})).await.0, 400);
    for (query, expected) in [("updateMask=labels", 200), ("surprise=1", 400)] {
        let path = format!("{TOPIC}?{query}");
        let (code, _) = call(&emulator, Method::PATCH, &path, &json!({})).await;
        assert_eq!(code, expected, "{query}");
    }
    let path = "projects/shop/schemas?schemaId=order&schema.name=order";
    let schema = json!({"type": "AVRO", "definition": "\"string\""});
    let (code, answer) = call(&emulator, Method::POST, path, &schema).await;
    assert_eq!(code, 200, "{answer}");
    let path = "projects/shop/schemas?schema_id=order&view=FULL";
    let (code, _) = call(&emulator, Method::POST, path, &json!({})).await;
    assert_eq!(code, 400);
    for view in ["FULL", "2"] {
        let path = format!("projects/shop/schemas?view={view}");
        let (_, listed) = get(&emulator, &path).await;
        assert_eq!(listed["schemas"][0]["definition"], "\"string\"");
    }
    assert_eq!(
        get(&emulator, "projects/shop/schemas?view=LARGE").await.0,
        400
    );
}

#[tokio::test]
async fn enumerations_are_numbers_for_clients_that_ask_for_them() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let path = format!("{SUBSCRIPTION}?%24alt=json%3Benum-encoding%3Dint");
    let (code, answer) = get(&emulator, &path).await;
    assert_eq!(code, 200);
    assert_eq!(answer["state"], 1);
    let (_, answer) = get(&emulator, &format!("{SUBSCRIPTION}?alt=json")).await;
    assert_eq!(answer["state"], "ACTIVE");
}

#[tokio::test]
async fn refusals_of_a_body_do_not_repeat_it() {
    let emulator = with_topic().await;
    for body in [
        json!({"messages": [{"data": "secret data"}]}),
        json!({"messages": "secret"}),
        json!({"messages": [{"attributes": {"key": ["secret"]}}]}),
        json!({"messages": [{"publishTime": "secret"}]}),
    ] {
        let path = format!("{TOPIC}:publish");
        let (code, answer) = call(&emulator, Method::POST, &path, &body).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Invalid JSON payload received: "),
            "{message}"
        );
        assert_eq!(code, 400, "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn pages_of_other_machines_change_nothing() {
    let emulator = with_topic().await;
    let url = format!("{}/v1/{SUBSCRIPTION}", emulator.url());
    for (origin, code) in [
        (None, 200),
        (Some("https://evil.example"), 403),
        (Some("null"), 403),
        (Some("http://localhost.evil.example:8085"), 403),
        (Some("http://localhost:3000"), 409),
        (Some("http://[::1]:3000"), 409),
    ] {
        let mut request = reqwest::Client::new().put(&url);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let body = json!({"topic": TOPIC}).to_string();
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), code, "{origin:?}");
    }
}

#[tokio::test]
async fn a_name_that_was_pointed_here_reads_nothing() {
    let emulator = with_topic().await;
    let url = format!("{}/v1/{TOPIC}", emulator.url());
    for (host, code) in [
        ("localhost:8085", 200),
        ("emulator:8085", 200),
        ("evil.example", 403),
        ("evil.example:8085", 403),
    ] {
        let request = reqwest::Client::new().get(&url).header("host", host);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), code, "{host}");
        let text = response.text().await.unwrap();
        assert_eq!(text.contains("--public-url"), code == 403, "{text}");
    }
    let client = reqwest::Client::new();
    let request = client.post(format!("{}/any.Service/Method", emulator.url()));
    let request = request.header("content-type", "application/grpc");
    let response = request.header("host", "evil.example").send().await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "7");
}

#[tokio::test]
async fn only_pages_of_this_machine_may_call() {
    let emulator = with_topic().await;
    let url = format!("{}/v1/{SUBSCRIPTION}", emulator.url());
    for (origin, is_own) in [
        ("http://localhost:4200", true),
        ("http://127.0.0.1:3000", true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let client = reqwest::Client::new();
        let preflight = client.request(Method::OPTIONS, &url);
        let preflight = preflight
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "content-type,x-any");
        let answer = preflight.send().await.unwrap();
        let code = if is_own { 204 } else { 403 };
        assert_eq!(answer.status().as_u16(), code, "{origin}");
        let read = client.get(&url).header("origin", origin);
        let read = read.send().await.unwrap();
        for headers in [answer.headers(), read.headers()] {
            let allowed = headers.get("access-control-allow-origin");
            assert_eq!(allowed.is_some_and(|each| each == origin), is_own);
            assert_eq!(headers.get("vary").is_some(), is_own);
        }
        let wanted = answer.headers().get("access-control-allow-headers");
        let is_wanted = wanted.is_some_and(|wanted| wanted == "content-type,x-any");
        assert_eq!(is_wanted, is_own);
    }
}

#[tokio::test]
async fn update_masks_are_read_in_either_spelling() {
    let emulator = with_topic().await;
    for body in [
        json!({"topic": {"messageRetentionDuration": "600s"}, "updateMask": "labels,message_retention_duration"}),
        json!({"topic": {"name": TOPIC, "message_retention_duration": "601s"}, "update_mask": "messageRetentionDuration"}),
    ] {
        let (code, topic) = call(&emulator, Method::PATCH, TOPIC, &body).await;
        assert_eq!(code, 200, "{body}");
        let retention = ["600s", "601s"].map(|each| topic["messageRetentionDuration"] == each);
        assert!(retention.contains(&true), "{topic}");
    }
    for body in [
        json!({"topic": {"name": SUBSCRIPTION}, "updateMask": "labels"}),
        json!({"topic": {}, "updateMask": ["labels"]}),
        json!({"topic": {}, "updateMask": 1}),
    ] {
        assert_eq!(
            call(&emulator, Method::PATCH, TOPIC, &body).await.0,
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_body_that_nothing_wants_does_not_cost_the_connection() {
    let emulator = with_topic().await;
    let client = reqwest::Client::new();
    for path in [TOPIC, "projects/shop/tables/orders"] {
        let url = format!("{}/v1/{path}", emulator.url());
        for _ in 0..20 {
            let request = client.get(&url).body(vec![b'['; 4 * 1024 * 1024]);
            let response = request.send().await.unwrap();
            response.bytes().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_seek_to_the_present_acks_all_messages() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let client = reqwest::Client::new();
    let post = async |path: String, body: Value| {
        let url = format!("{}/v1/{path}", emulator.url());
        let request = client.post(url).body(body.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap();
    };
    for _ in 0..60 {
        let message = json!({"messages": [{"data": "aGk="}]});
        post(format!("{TOPIC}:publish"), message).await;
        let now = time::OffsetDateTime::now_utc();
        let now = now.replace_millisecond(now.millisecond()).unwrap();
        let now = now.format(&time::format_description::well_known::Rfc3339);
        post(
            format!("{SUBSCRIPTION}:seek"),
            json!({"time": now.unwrap()}),
        )
        .await;
        assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());
    }
}

#[tokio::test]
async fn text_that_ends_within_a_character_is_refused() {
    let emulator = with_topic().await;
    for body in [
        &br#"{"messages": [{"attributes": {"kind": "\ud83d"}}]}"#[..],
        b"{\"messages\": [{\"attributes\": {\"kind\": \"\xED\xA0\xBD\"}}]}",
    ] {
        let url = format!("{}/v1/{TOPIC}:publish", emulator.url());
        let request = reqwest::Client::new().post(url).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT", "{answer}");
    }
}
