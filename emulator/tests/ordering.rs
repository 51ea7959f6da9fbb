//! Messages of one ordering key.

use emulator::{Message, Pace};

use crate::harness::{Answer, SUBSCRIPTION, Scene, statuses};

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
    let mut scene = ordered([Answer::Held; 3]).await;
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
