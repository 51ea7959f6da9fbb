//! Paths that are no method or no name.

use emulator::Emulator;
use reqwest::Method;
use serde_json::Value;

use super::{TOPIC, get, with_topic};

async fn check_rejected(emulator: &Emulator, method: Method, path: &str, code: u16, status: &str) {
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
async fn an_unknown_method_is_not_found() {
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
        check_rejected(&emulator, method, path, 404, "NOT_FOUND").await;
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
        check_rejected(&emulator, method, path, 400, "INVALID_ARGUMENT").await;
    }
}
