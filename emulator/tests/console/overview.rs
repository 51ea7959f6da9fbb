//! The overview, and its rates.

use emulator::{Message, Pace};
use serde_json::{Value, json};

use super::{get, get_when};
use crate::harness::{DEAD_SUBSCRIPTION, SUBSCRIPTION, Scene, TOPIC, emulator, statuses};

#[tokio::test]
async fn the_overview_shows_backlogs_with_their_failures() {
    let mut scene = Scene::start(Pace::Google, statuses([503; 9]), |_| {}).await;
    for _ in 0..10 {
        scene.publish(Message::new("hi"));
    }
    scene.ended().await;
    let found = get(&scene.emulator, "overview").await;
    let named = |list: &str, id: &str| {
        let all = found[list].as_array().unwrap().iter();
        all.clone().find(|each| each["id"] == id).unwrap().clone()
    };
    let billing = named("subscriptions", "billing");
    assert_eq!(billing["backlog"], 10);
    assert_eq!(billing["failing"]["reply"], "503");
    assert!(billing["pausedMs"].as_f64().unwrap() > 0.0);
    assert!(billing["oldestUnackedMs"].as_f64().is_some());
    assert_eq!(billing["endpoint"], scene.endpoint.url());
    assert_eq!(
        named("topics", "orders")["subscriptions"],
        json!([SUBSCRIPTION])
    );
    assert_eq!(
        named("subscriptions", "orders-dead")["endpoint"],
        Value::Null
    );
}

#[tokio::test]
async fn failures_of_more_than_a_hundred_subscriptions_are_shown() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let made = (0..150).map(|each| orders.subscribe(&format!("sub-{each}")).unwrap());
    let subscriptions: Vec<_> = made.collect();
    orders.publish(Message::new("hi")).unwrap();
    for subscription in &subscriptions {
        assert!(subscription.next().await.unwrap().nack());
    }
    let found = get(&emulator, "overview").await;
    let shown = found["subscriptions"].as_array().unwrap();
    let failing = json!({"inARow": 1, "reply": "nack"});
    assert_eq!(shown.len(), 150);
    assert!(shown.iter().all(|each| each["failing"] == failing));
    let unknown = shown.iter().filter(|each| each["flow"].is_null());
    assert_eq!(unknown.count(), 50, "no rate is shown where none is known");
}

#[tokio::test]
async fn statistics_count_what_went_through() {
    let mut scene = Scene::eager(statuses([500])).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let settled = |found: &Value| found["totals"]["acks"] == 1;
    for path in [
        "statistics".to_owned(),
        format!("statistics?subscription={SUBSCRIPTION}"),
    ] {
        let found = get_when(&mut scene, &path, settled).await;
        assert_eq!(
            found["totals"],
            json!({"published": 1, "deliveries": 2, "acks": 1, "nacks": 1})
        );
        let busy = found["busy"].as_array().unwrap();
        assert!(
            busy.iter().any(|second| second["p99Ms"].as_f64().is_some()),
            "{busy:?}"
        );
    }
    let other = get(
        &scene.emulator,
        &format!("statistics?subscription={DEAD_SUBSCRIPTION}"),
    )
    .await;
    assert_eq!(other["busy"], json!([]));
}
