//! One message with its attempts.

use std::time::Duration;

use emulator::{DeadLetterPolicy, Message, Pace, PushConfig};
use reqwest::Method;
use serde_json::{Value, json};

use super::{attempts, claims, get, get_when, post, request, state_and_replies, status_of};
use crate::harness::{Answer, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, emulator, statuses};

/// Longer than the longest outcome that is shown.
const LONG: &str = "a-very-long-word-that-no-service-would-have";

#[tokio::test]
async fn the_life_of_a_message_shows_every_attempt() {
    let mut scene = Scene::eager(statuses([500])).await;
    let id = scene.publish(Message::new("<img src=x onerror=alert(1)>"));
    scene.acked(&id).await;
    let acked = |life: &Value| life["subscriptions"][0]["status"]["state"] == "acked";
    let life = get_when(&mut scene, &format!("messages/{id}"), acked).await;
    assert_eq!(life["topic"], TOPIC);
    assert_eq!(
        life["content"]["data"]["text"],
        "<img src=x onerror=alert(1)>"
    );
    let attempts = life["subscriptions"][0]["attempts"].as_array().unwrap();
    let replies: Vec<&Value> = attempts.iter().map(|attempt| &attempt["reply"]).collect();
    assert_eq!(replies, ["500", "204"]);
    assert_eq!(attempts[0]["number"], 1);
    assert_eq!(attempts[1]["number"], 2);
    assert_eq!(attempts[0]["settlement"]["kind"], "again");
    assert_eq!(attempts[0]["answer"]["status"], 500);
    assert!(attempts[1]["latencyMs"].as_f64().unwrap() > 0.0);
    let missing = request(&scene.emulator, Method::GET, "api/messages/12")
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn a_request_is_shown_without_the_signature_of_its_token() {
    let mut scene = Scene::start(Pace::Eager, [], |config| {
        let push = config.push_config.take().unwrap();
        config.push_config =
            Some(PushConfig::new(push.endpoint).signed_as("push@shop.example", Some("me")));
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    let id = scene.publish(Message::new("hi").with_attribute("kind", "order"));
    let push = scene.endpoint.next().await;
    let token = push
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let path = format!("api/messages/{id}/request?subscription={SUBSCRIPTION}&attempt=1");
    let text = request(&scene.emulator, Method::GET, &path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let signature = token.rsplit('.').next().unwrap();
    assert!(signature.len() > 300 && !text.contains(&signature[..20]));
    let shown: Value = serde_json::from_str(&text).unwrap();
    let headers = shown["headers"].as_array().unwrap();
    let authorization = json!([
        "authorization",
        format!("Bearer <token, {} bytes>", token.len())
    ]);
    assert!(headers.contains(&authorization), "{headers:?}");
    let claims = claims(&shown);
    assert_eq!(claims["email"], "push@shop.example");
    assert_eq!(claims["aud"], "me");
    let body: Value = serde_json::from_str(shown["body"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(body, push.body);
    for (name, value) in headers.iter().map(|header| (&header[0], &header[1])) {
        if name != "authorization" {
            assert_eq!(push.header(name.as_str().unwrap()), value.as_str());
        }
    }
}

#[tokio::test]
async fn the_outcome_of_the_service_is_shown_with_its_reason() {
    let answers = [
        Answer::Outcome(503, "failed", "the hall is locked\n"),
        Answer::Outcome(204, "handled", ""),
        Answer::Outcome(204, "duplicate", ""),
        Answer::Outcome(204, "discarded", ""),
        Answer::Outcome(204, "<b>markup", ""),
        Answer::Outcome(204, LONG, ""),
    ];
    let mut scene = Scene::eager(answers).await;
    let first = scene.publish(Message::new("hi"));
    scene.acked(&first).await;
    // A duplicate does not change the outcome of the message.
    let again = json!({"messageId": first});
    let path = "subscriptions/shop/billing/redeliver";
    assert_eq!(post(&scene.emulator, path, again).await.0, 200);
    scene.acked(&first).await;
    let attempts = attempts(&scene.emulator, &first).await;
    let outcomes: Vec<&Value> = attempts.iter().map(|each| &each["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "handled", "duplicate"]);
    let body = &attempts[0]["answer"]["body"];
    assert_eq!(body["text"], "the hall is locked\n");
    assert_eq!(
        status_of(&scene.emulator, &first).await["outcome"],
        "handled"
    );
    for outcome in [json!("discarded"), Value::Null, Value::Null] {
        let id = scene.publish(Message::new("hi"));
        scene.acked(&id).await;
        let status = status_of(&scene.emulator, &id).await;
        assert_eq!(status["state"], "acked");
        assert_eq!(&status["outcome"], &outcome);
    }
}

#[tokio::test]
async fn an_acknowledged_message_has_the_reason_of_the_header() {
    let long: &str = Box::leak("r".repeat(5_000).into_boxed_str());
    let answers = [
        Answer::Reason("discarded", "the caf%C3%A9 is closed: 100%25"),
        Answer::Reason("discarded", "%FF is no UTF-8"),
        Answer::Reason("discarded", long),
        Answer::Outcome(204, "handled", "not a reason"),
    ];
    let mut scene = Scene::eager(answers).await;
    let expected = json!("the café is closed: 100%");
    for reason in [expected, Value::Null, Value::Null, Value::Null] {
        let id = scene.publish(Message::new("hi"));
        scene.acked(&id).await;
        assert_eq!(attempts(&scene.emulator, &id).await[0]["reason"], reason);
        assert_eq!(status_of(&scene.emulator, &id).await["reason"], reason);
    }
}

#[tokio::test]
async fn the_life_of_a_pulled_message_shows_its_settlements() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let billing = orders.subscribe("billing").unwrap();
    let id = orders.publish(Message::new("hi")).unwrap();
    let pulled = billing.next().await.unwrap();
    assert_eq!(
        state_and_replies(&emulator, &id).await,
        (json!("delivering"), vec![Value::Null])
    );
    assert!(pulled.nack());
    assert_eq!(state_and_replies(&emulator, &id).await.0, "retrying");
    billing.next().await.unwrap();
    emulator.advance(Duration::from_secs(11));
    let pulled = billing.next().await.unwrap();
    assert!(pulled.ack());
    let replies = vec![
        json!("nacked"),
        json!("no ack before the deadline"),
        json!("acked"),
    ];
    assert_eq!(
        state_and_replies(&emulator, &id).await,
        (json!("acked"), replies)
    );
    let life = get(&emulator, &format!("messages/{id}")).await;
    let second = &life["subscriptions"][0]["attempts"][1];
    assert!(
        second["latencyMs"].as_f64().unwrap() >= 10_000.0,
        "{second}"
    );
    assert_eq!(second["number"], 2);
    assert_eq!(second["way"], "pull");
}

#[tokio::test]
async fn an_attempt_that_is_under_way_has_no_end() {
    let mut scene = Scene::eager([Answer::Withheld]).await;
    let id = scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    let life = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(life["subscriptions"][0]["status"]["state"], "delivering");
    assert_eq!(
        life["subscriptions"][0]["attempts"][0]["settlement"],
        Value::Null
    );
    scene.endpoint.release();
    scene.acked(&id).await;
}
