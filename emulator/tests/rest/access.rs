//! Requests of other hosts and of pages of other machines.

use reqwest::Method;
use serde_json::json;

use super::{SUBSCRIPTION, TOPIC, with_topic};

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
async fn a_foreign_host_name_reads_nothing() {
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
