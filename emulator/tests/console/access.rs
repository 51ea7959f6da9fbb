//! Requests of other hosts and of other pages.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PUBLISH, get, request};
use crate::harness::Scene;

#[tokio::test]
async fn a_foreign_host_name_is_rejected() {
    let scene = Scene::eager([]).await;
    for path in ["", "console.js", "api/overview", "api/messages", "api/live"] {
        let get = request(&scene.emulator, Method::GET, path).header("host", "evil.example");
        assert_eq!(get.send().await.unwrap().status(), 403, "{path}");
    }
    let body = json!({"data": "hi"});
    let publish = request(&scene.emulator, Method::POST, &format!("api/{PUBLISH}")).json(&body);
    let rejected = publish
        .header("host", "evil.example:8085")
        .send()
        .await
        .unwrap();
    assert_eq!(rejected.status(), 403);
    let answer: Value = rejected.json().await.unwrap();
    assert_eq!(answer["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(get(&scene.emulator, "messages").await["total"], 0);
}

#[tokio::test]
async fn other_pages_cannot_change_anything() {
    let scene = Scene::eager([]).await;
    let body = json!({"data": "hi"}).to_string();
    let publish = |kind: &str, name: &str, value: &str| {
        let request = request(&scene.emulator, Method::POST, &format!("api/{PUBLISH}"));
        request
            .header("content-type", kind)
            .header(name, value)
            .body(body.clone())
            .send()
    };
    for (kind, name, value, status) in [
        ("text/plain", "x-nothing", "", 415),
        ("application/x-www-form-urlencoded", "x-nothing", "", 415),
        ("application/json", "origin", "http://evil.example", 403),
        ("application/json", "origin", "null", 403),
        ("application/json", "sec-fetch-site", "cross-site", 403),
        ("application/json", "sec-fetch-site", "same-site", 403),
        (
            "application/json",
            "origin",
            scene.emulator.url().as_str(),
            200,
        ),
        ("application/json", "sec-fetch-site", "same-origin", 200),
    ] {
        let response = publish(kind, name, value).await.unwrap();
        assert_eq!(response.status(), status, "{kind} {name}: {value}");
    }
    assert_eq!(get(&scene.emulator, "messages").await["total"], 2);
}
