//! Messages that are older than the history.

use emulator::{Emulator, Message, Options, Pace, SubscriptionConfig};
use reqwest::Method;
use serde_json::Value;

use super::{get, request};
use crate::harness::{SUBSCRIPTION, TOPIC};

#[tokio::test]
async fn the_history_keeps_the_configured_number_of_messages() {
    let emulator = Emulator::start_with(Options {
        history_messages: 10,
        ..Options::default()
    })
    .unwrap();
    emulator.create_topic(TOPIC).unwrap();
    for _ in 0..25 {
        emulator.publish(TOPIC, Message::new("hi")).unwrap();
    }
    let found = get(&emulator, "messages").await;
    assert_eq!(found["total"], 10);
    assert_eq!(found["published"], 25);
}

#[tokio::test]
async fn a_burst_larger_than_the_history_loses_no_topic() {
    let emulator = Emulator::start_with(Options {
        history_messages: 10,
        pace: Pace::Eager,
        ..Options::default()
    })
    .unwrap();
    emulator.create_topic(TOPIC).unwrap();
    let billing = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    emulator.create_subscription(billing).unwrap();
    for _ in 0..25 {
        emulator.publish(TOPIC, Message::new("hi")).unwrap();
    }
    // Starting with the oldest, which was evicted from the history.
    let billing = emulator.subscription(SUBSCRIPTION).unwrap();
    for _ in 0..12 {
        billing.next().await.unwrap().ack();
    }
    let found = get(&emulator, &format!("messages?topic={TOPIC}")).await;
    assert_eq!(found["total"], 10);
    let messages = found["messages"].as_array().unwrap();
    assert!(messages.iter().all(|message| message["topic"] == TOPIC));
}

#[tokio::test]
async fn a_message_past_the_history_names_the_setting() {
    let keeping = |history_messages: usize| {
        let options = Options {
            history_messages,
            ..Options::default()
        };
        let emulator = Emulator::start_with(options).unwrap();
        emulator.create_topic(TOPIC).unwrap();
        let first = emulator.publish(TOPIC, Message::new("first")).unwrap();
        emulator.publish(TOPIC, Message::new("second")).unwrap();
        (emulator, first)
    };
    let check = async |emulator: &Emulator, id: &str, words: &str| {
        let path = format!("api/messages/{id}");
        let answer = request(emulator, Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{words}");
        let answer: Value = answer.json().await.unwrap();
        let text = answer["error"]["message"].as_str().unwrap();
        assert!(text.contains(words), "{text}");
    };
    let (emulator, first) = keeping(1);
    let left = "is no longer in the console's history, which keeps the latest 1 messages, in at most 8 MiB. Start the emulator with a larger --history";
    check(&emulator, &first, left).await;
    let later = u64::MAX.to_string();
    check(&emulator, &later, "does not know this message").await;
    check(&emulator, "none", "Resource not found (resource=none)").await;
    let (emulator, first) = keeping(0);
    check(&emulator, &first, "was started with --history 0").await;
}
