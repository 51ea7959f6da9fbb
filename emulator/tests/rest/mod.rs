//! Tests of Google's REST API.

mod access;
mod bodies;
mod exports;
mod messages;
mod paths;
mod policies;
mod query;
mod schemas;
mod strict;
mod subscriptions;
mod topics;
mod without_effect;

use emulator::{Emulator, Pace};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::emulator;

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

fn rejection(code: u16, status: &str, message: &str) -> (u16, Value) {
    (
        code,
        json!({"error": {"code": code, "status": status, "message": message}}),
    )
}
