//! Tests of the console's API: the requests that its pages send.

mod access;
mod actions;
mod creation;
mod dead_letters;
mod faults;
mod history;
mod live;
mod message;
mod message_list;
mod overview;
mod page;
mod publishing;
mod replay;
mod without_effect;

use emulator::Emulator;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::harness::Scene;

const PUBLISH: &str = "topics/shop/orders/publish";

fn request(emulator: &Emulator, method: Method, path: &str) -> RequestBuilder {
    Client::new().request(method, format!("{}/console/{path}", emulator.url()))
}

async fn get(emulator: &Emulator, path: &str) -> Value {
    let response = request(emulator, Method::GET, &format!("api/{path}"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

async fn post(emulator: &Emulator, path: &str, body: Value) -> (u16, Value) {
    change(emulator, Method::POST, path, body).await
}

async fn change(emulator: &Emulator, method: Method, path: &str, body: Value) -> (u16, Value) {
    let response = request(emulator, method, &format!("api/{path}"))
        .json(&body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Requests until `fits`, each time after the end of a push.
async fn get_when(scene: &mut Scene, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = get(&scene.emulator, path).await;
        if fits(&found) {
            return found;
        }
        scene.ended().await;
    }
}

/// Returns the claims of a token in the console.
fn claims(shown: &Value) -> Value {
    serde_json::from_str(shown["token"]["claims"]["text"].as_str().unwrap()).unwrap()
}

/// Returns the attempts to deliver a message to its first subscription.
async fn attempts(emulator: &Emulator, id: &str) -> Vec<Value> {
    let life = get(emulator, &format!("messages/{id}")).await;
    life["subscriptions"][0]["attempts"]
        .as_array()
        .unwrap()
        .clone()
}

async fn status_of(emulator: &Emulator, id: &str) -> Value {
    let life = get(emulator, &format!("messages/{id}")).await;
    life["subscriptions"][0]["status"].clone()
}

/// Returns the state of a message in its only subscription, and the replies.
async fn state_and_replies(emulator: &Emulator, id: &str) -> (Value, Vec<Value>) {
    let life = get(emulator, &format!("messages/{id}")).await;
    let entry = &life["subscriptions"][0];
    let attempts = entry["attempts"].as_array().unwrap().iter();
    let replies = attempts.map(|attempt| attempt["reply"].clone());
    (entry["status"]["state"].clone(), replies.collect())
}
