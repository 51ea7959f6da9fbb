//! Tests of faults.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::{Faults, ForgeryKind, Message, Outage, Pace, Reply};
use time::OffsetDateTime;

use crate::harness::{Answer, SUBSCRIPTION, Scene};

const MESSAGES: usize = 40;

impl Scene {
    fn set(&self, faults: Faults) {
        let subscription = self.emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.set_faults(faults.seed(7)).unwrap();
    }

    fn publish_many(&self) -> Vec<String> {
        let numbers = 0..MESSAGES;
        numbers
            .map(|number| self.publish(Message::new(format!("message {number}"))))
            .collect()
    }

    /// Returns the number of arrivals of each message until all are acked.
    async fn arrivals(&mut self, acks: usize) -> BTreeMap<String, usize> {
        let mut acked = 0;
        while acked < acks {
            acked += usize::from(self.ended().await.is_acked());
        }
        let mut arrivals = BTreeMap::new();
        while let Some(push) = self.endpoint.arrived() {
            *arrivals.entry(push.id().to_owned()).or_insert(0) += 1;
        }
        arrivals
    }
}

#[tokio::test]
async fn every_message_is_delivered_exactly_twice() {
    let mut scene = Scene::eager([]).await;
    scene.set(Faults::none().duplicate(1.0));
    let published = scene.publish_many();
    let arrivals = scene.arrivals(2 * MESSAGES).await;
    assert_eq!(arrivals.len(), published.len());
    assert!(arrivals.values().all(|count| *count == 2), "{arrivals:?}");
    assert!(scene.emulator.unacked_messages(SUBSCRIPTION).is_empty());
}

#[tokio::test]
async fn the_same_seed_repeats_the_same_messages() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut scene = Scene::eager([]).await;
        scene.set(Faults::none().duplicate(0.3));
        let published = scene.publish_many();
        let repeated = Faults::none().duplicate(0.3).seed(7);
        let plans = (0..MESSAGES as u64).map(|nth| {
            repeated
                .plan(SUBSCRIPTION, nth, 1, OffsetDateTime::UNIX_EPOCH)
                .duplicate
        });
        let expected: Vec<bool> = plans.collect();
        let extra = expected.iter().filter(|each| **each).count();
        let arrivals = scene.arrivals(MESSAGES + extra).await;
        let twice = published.iter().map(|id| arrivals[id] == 2);
        assert_eq!(twice.collect::<Vec<_>>(), expected);
        runs.push(expected);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
}

#[tokio::test]
async fn a_lost_answer_brings_the_message_again() {
    let mut scene = Scene::eager([]).await;
    scene.set(Faults::none().drop_answer(1.0));
    let id = scene.publish(Message::new("hi"));
    assert_eq!(scene.ended().await.reply(), Some(Reply::NoAnswer));
    assert_eq!(scene.endpoint.next().await.id(), id);
    scene.set(Faults::none());
    scene.acked(&id).await;
    assert_eq!(scene.endpoint.next().await.id(), id);
}

#[tokio::test(start_paused = true)]
async fn a_delay_passes_before_the_first_push() {
    let mut scene = Scene::eager([]).await;
    let minute = Duration::from_secs(60);
    scene.set(Faults::none().delay(1.0, minute, minute));
    let published = tokio::time::Instant::now();
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    assert!(published.elapsed() >= minute);
}

#[tokio::test]
async fn messages_pass_each_other_but_not_those_of_their_key() {
    let mut scene = Scene::start(Pace::Eager, [], |config| {
        config.enable_message_ordering = true
    })
    .await;
    scene.set(Faults::none().reorder(1.0));
    let keyed: Vec<String> = (0..5)
        .map(|_| scene.publish(Message::new("x").with_ordering_key("key")))
        .collect();
    let mut arrived = Vec::new();
    for _ in 0..5 {
        scene.ended().await;
        arrived.push(scene.endpoint.next().await.id().to_owned());
    }
    assert_eq!(arrived, keyed);
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    subscription.push_to(None).unwrap();
    let free = scene.publish_many();
    let pulled = subscription.pull(MESSAGES).unwrap();
    let pulled: Vec<String> = pulled
        .iter()
        .map(|each| each.message().id.clone())
        .collect();
    assert_ne!(pulled, free);
    let mut sorted = pulled;
    sorted.sort();
    assert_eq!(sorted, free);
}

#[tokio::test]
async fn nothing_reaches_an_endpoint_in_an_outage() {
    let mut scene = Scene::eager([]).await;
    scene.set(Faults::none().outage(Outage::On));
    let id = scene.publish(Message::new("hi"));
    assert_eq!(scene.ended().await.reply(), Some(Reply::NoAnswer));
    assert!(scene.endpoint.is_idle());
    scene.set(Faults::none());
    scene.acked(&id).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_waits_until_enough_are_there_or_the_time_is_over() {
    let mut scene = Scene::eager([]).await;
    scene.set(Faults::none().burst(3, Duration::from_secs(60)));
    let begun = tokio::time::Instant::now();
    scene.publish(Message::new("1"));
    scene.publish(Message::new("2"));
    assert!(scene.endpoint.stays_idle().await);
    scene.publish(Message::new("3"));
    for _ in 0..3 {
        assert!(scene.ended().await.is_acked());
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    let single = scene.publish(Message::new("4"));
    let begun = tokio::time::Instant::now();
    scene.acked(&single).await;
    assert!(begun.elapsed() >= Duration::from_secs(60));
}

#[tokio::test]
async fn tokens_go_wrong_as_asked_for() {
    let mut scene = Scene::start(
        Pace::Eager,
        [Answer::Status(204), Answer::Status(204)],
        |config| {
            let push = config.push_config.take();
            config.push_config = push.map(|push| push.signed_as("push@shop.example", None));
        },
    )
    .await;
    scene.set(Faults::none().token(1.0, ForgeryKind::Missing));
    scene.publish(Message::new("hi"));
    assert_eq!(scene.endpoint.next().await.header("authorization"), None);
    scene.set(Faults::none());
    scene.publish(Message::new("hi"));
    let push = scene.endpoint.next().await;
    assert!(push.header("authorization").unwrap().starts_with("Bearer "));
}

/// A waiting pull is woken at the end of a delay, even without other events.
#[tokio::test(start_paused = true)]
async fn a_delayed_message_reaches_a_client_that_pulls() {
    let scene = Scene::start(Pace::Eager, [], |config| config.push_config = None).await;
    let minute = Duration::from_secs(60);
    scene.set(Faults::none().delay(1.0, minute, minute));
    let id = scene.publish(Message::new("hi"));
    tokio::task::yield_now().await;
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let begun = tokio::time::Instant::now();
    let pulled = subscription.next().await.unwrap();
    assert_eq!(pulled.message().id, id);
    assert!((minute..2 * minute).contains(&begun.elapsed()));
}

#[tokio::test]
async fn what_is_purged_while_it_is_pushed_does_not_come_again() {
    let mut scene = Scene::eager([Answer::Withheld]).await;
    scene.set(Faults::none().duplicate(1.0));
    scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    subscription.purge().unwrap();
    scene.endpoint.release();
    assert!(scene.ended().await.is_acked());
    assert!(subscription.unacked_messages().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_burst_does_not_count_what_was_purged() {
    let mut scene = Scene::eager([]).await;
    scene.set(Faults::none().burst(3, Duration::from_secs(60)));
    scene.publish(Message::new("1"));
    scene.publish(Message::new("2"));
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    subscription.purge().unwrap();
    scene.publish(Message::new("3"));
    assert!(scene.endpoint.stays_idle().await);
    assert_eq!(subscription.unacked_messages().len(), 1);
}
