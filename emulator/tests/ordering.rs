//! Tests of ordering keys.

use std::time::Duration;

use emulator::{DeadLetterPolicy, Message, Pace, Pulled, SubscriptionConfig, SubscriptionHandle};

use crate::harness::{Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, statuses};

async fn ordered(answers: impl IntoIterator<Item = Answer>) -> Scene {
    Scene::start(Pace::Eager, answers, |config| {
        config.enable_message_ordering = true;
    })
    .await
}

fn keyed(key: &str) -> Message {
    Message::new("hi").with_ordering_key(key)
}

#[tokio::test]
async fn messages_of_a_key_are_pushed_one_at_a_time_in_order() {
    let mut scene = ordered([Answer::Withheld; 3]).await;
    let ids: Vec<String> = (0..3).map(|_| scene.publish(keyed("customer"))).collect();
    for id in &ids {
        assert_eq!(scene.endpoint.next().await.id(), id);
        assert!(scene.endpoint.is_idle());
        scene.endpoint.release();
        scene.acked(id).await;
    }
}

#[tokio::test]
async fn a_failing_message_blocks_only_its_key() {
    let mut scene = ordered(statuses([500])).await;
    let head = scene.publish(keyed("a"));
    let follower = scene.publish(keyed("a"));
    assert_eq!(scene.endpoint.next().await.id(), head);
    let other = scene.publish(keyed("b"));
    let mut rest = Vec::new();
    for _ in 0..3 {
        rest.push(scene.endpoint.next().await.id().to_owned());
    }
    let of_key: Vec<&String> = rest.iter().filter(|id| **id != other).collect();
    assert_eq!(of_key, [&head, &follower]);
    assert!(rest.contains(&other));
}

#[tokio::test]
async fn delivering_a_message_again_repeats_the_later_ones_of_its_key() {
    let mut scene = ordered([]).await;
    let mut ids = Vec::new();
    for key in ["a", "a", "b", "a"] {
        let id = scene.publish(keyed(key));
        scene.acked(&id).await;
        scene.endpoint.next().await;
        ids.push(id);
    }
    scene.emulator.deliver_again(SUBSCRIPTION, &ids[1]).unwrap();
    for id in [&ids[1], &ids[3]] {
        assert_eq!(scene.endpoint.next().await.id(), id);
    }
    scene.acked(&ids[3]).await;
    assert!(scene.endpoint.is_idle());
}

/// Creates a pull subscription and messages with these keys, and returns the data of each.
async fn pulled(keys: &[&str], change: impl FnOnce(&mut SubscriptionConfig)) -> SubscriptionHandle {
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.push_config = None;
        config.enable_message_ordering = true;
        change(config);
    })
    .await;
    for (number, key) in keys.iter().enumerate() {
        scene.publish(Message::new(number.to_string()).with_ordering_key(*key));
    }
    scene.emulator.subscription(SUBSCRIPTION).unwrap()
}

fn data(pulled: &[Pulled]) -> Vec<&str> {
    let data = pulled.iter().map(|each| &each.message().data);
    data.map(|data| str::from_utf8(data).unwrap()).collect()
}

#[tokio::test]
async fn a_pull_waits_for_the_whole_batch_of_a_key_before_it() {
    let billing = pulled(&["a", "a", "b", "a", "a"], |_| {}).await;
    let batch = billing.pull(3).unwrap();
    assert_eq!(data(&batch), ["0", "1", "3"]);
    let other = billing.pull(10).unwrap();
    assert_eq!(data(&other), ["2"]);
    assert!(batch[0].ack() && batch[2].ack());
    assert!(billing.pull(10).unwrap().is_empty());
    assert!(batch[1].ack());
    assert_eq!(data(&billing.pull(10).unwrap()), ["4"]);
}

#[tokio::test]
async fn a_failed_message_takes_back_what_is_behind_it_even_if_acked() {
    let billing = pulled(&["a"; 5], |_| {}).await;
    let batch = billing.pull(4).unwrap();
    assert!(batch[0].ack() && batch[2].ack());
    assert!(batch[1].nack());
    // The leases were revoked.
    assert!(!batch[3].ack());
    assert_eq!(data(&billing.pull(10).unwrap()), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_confirmed_ack_stays_behind_a_failed_message() {
    let billing = pulled(&["a"; 4], |config| {
        config.enable_exactly_once_delivery = true
    })
    .await;
    let batch = billing.pull(3).unwrap();
    assert!(batch[1].ack());
    assert!(batch[0].nack());
    assert!(!batch[2].ack());
    assert_eq!(data(&billing.pull(10).unwrap()), ["0", "2", "3"]);
}

#[tokio::test]
async fn a_batch_past_its_deadline_is_redelivered_as_a_whole() {
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.push_config = None;
        config.enable_message_ordering = true;
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    for number in 0..3 {
        scene.publish(keyed("a").with_attribute("number", number.to_string()));
    }
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    for attempt in 1..=5 {
        let batch = loop {
            let batch = billing.pull(10).unwrap();
            if !batch.is_empty() {
                break batch;
            }
            tokio::task::yield_now().await;
        };
        let attempts: Vec<_> = batch.iter().map(Pulled::delivery_attempt).collect();
        assert_eq!(attempts, [Some(attempt); 3]);
        scene.emulator.advance(Duration::from_secs(11));
    }
    let letters = scene.emulator.subscription(DEAD_SUBSCRIPTION).unwrap();
    while letters.unacked_messages().len() < 3 {
        tokio::task::yield_now().await;
    }
    let unacked = letters.unacked_messages();
    let numbers: Vec<_> = unacked
        .iter()
        .map(|each| &each.attributes["number"])
        .collect();
    assert_eq!(numbers, ["0", "1", "2"]);
}

#[tokio::test]
async fn messages_that_fail_together_come_again_in_their_order() {
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.push_config = None;
        config.enable_message_ordering = true;
    })
    .await;
    for (number, key) in ["", "", "a", "b", "", "c"].iter().enumerate() {
        scene.publish(Message::new(number.to_string()).with_ordering_key(*key));
    }
    let expected = ["0", "1", "2", "3", "4", "5"];
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    assert_eq!(data(&billing.pull(10).unwrap()), expected);
    scene.emulator.advance(Duration::from_secs(11));
    let again = loop {
        let again = billing.pull(10).unwrap();
        if !again.is_empty() {
            break again;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(data(&again), expected);
}
