//! Tests of retries. The paused clock advances when all tasks wait.

use std::time::Duration;

use emulator::{Message, Pace, Reply, RetryPolicy};

use crate::harness::{Answer, SUBSCRIPTION, Scene, status, statuses};

const fn policy(minimum: u64, maximum: u64) -> Option<RetryPolicy> {
    Some(RetryPolicy {
        minimum_backoff: Duration::from_secs(minimum),
        maximum_backoff: Duration::from_secs(maximum),
    })
}

#[tokio::test(start_paused = true)]
async fn a_retry_policy_spaces_the_pushes_of_a_message() {
    let mut scene = Scene::start(Pace::Eager, statuses([500; 4]), |config| {
        config.retry_policy = policy(10, 60);
    })
    .await;
    scene.publish(Message::new("hi"));
    let mut previous = scene.endpoint.next().await;
    for expected in [10, 20, 40, 60] {
        let expected = Duration::from_secs(expected);
        assert_eq!(scene.ended().await.next_attempt_in(), Some(expected));
        let push = scene.endpoint.next().await;
        assert!(push.arrived - previous.arrived >= expected);
        previous = push;
    }
    assert!(scene.ended().await.is_acked());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_message_does_not_hold_up_others() {
    let mut scene = Scene::start(Pace::Eager, statuses([500]), |config| {
        config.retry_policy = policy(600, 600);
    })
    .await;
    scene.publish(Message::new("bad"));
    assert_eq!(scene.ended().await.reply(), status(500));
    let good = scene.publish(Message::new("good"));
    assert!(scene.acked(&good).await.attempt == 1);
}

#[tokio::test]
async fn without_a_policy_a_message_is_redelivered_at_once() {
    let mut scene = Scene::eager(statuses([500, 500])).await;
    let id = scene.publish(Message::new("hi"));
    for _ in 0..2 {
        assert_eq!(scene.ended().await.next_attempt_in(), Some(Duration::ZERO));
    }
    assert_eq!(scene.acked(&id).await.attempt, 3);
}

#[tokio::test(start_paused = true)]
async fn an_eager_subscription_tries_a_failing_endpoint_100_times_a_second() {
    let answers = statuses([503; 500].into_iter().chain([204; 300]));
    let mut scene = Scene::start(Pace::Eager, answers, |_| {}).await;
    (0..200).for_each(|_| drop(scene.publish(Message::new("hi"))));
    let mut arrived = Vec::new();
    for _ in 0..700 {
        arrived.push(scene.endpoint.next().await.arrived);
    }
    let failing = arrived[499] - arrived[299];
    assert!(failing >= Duration::from_secs(2), "{failing:?}");
    assert!(failing < Duration::from_secs(4), "{failing:?}");
    // The first ack ends the pauses.
    let acked = arrived[699] - arrived[501];
    assert!(acked < Duration::from_millis(500), "{acked:?}");
}

#[tokio::test(start_paused = true)]
async fn each_failure_lengthens_the_pause_of_its_subscription() {
    let mut scene = Scene::start(Pace::Google, statuses([503; 3]), |_| {}).await;
    scene.publish(Message::new("hi"));
    let mut previous = scene.endpoint.next().await;
    // The second pause starts with the second push, after one failure, like the first one.
    for pause in [202, 202, 273].map(Duration::from_millis) {
        let wait = scene.ended().await.next_attempt_in().unwrap();
        assert!(wait > pause / 2 && wait < pause * 2, "{wait:?}");
        let push = scene.endpoint.next().await;
        assert!(push.arrived - previous.arrived >= pause);
        previous = push;
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_slows_the_whole_subscription() {
    let answers = statuses((0..60).map(|push| if push % 5 == 0 { 503 } else { 204 }));
    let mut scene = Scene::start(Pace::Google, answers, |_| {}).await;
    (0..60).for_each(|_| drop(scene.publish(Message::new("hi"))));
    let mut arrived = Vec::new();
    for _ in 0..60 {
        arrived.push(scene.endpoint.next().await.arrived);
    }
    let gap = (arrived[59] - arrived[29]) / 30;
    assert!(
        (Duration::from_millis(400)..=Duration::from_millis(600)).contains(&gap),
        "{gap:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_failing_message_keeps_to_its_retry_policy() {
    let mut scene = Scene::start(Pace::Google, statuses([503, 503]), |config| {
        config.retry_policy = policy(1, 10);
    })
    .await;
    scene.publish(Message::new("hi"));
    for expected in [1, 2] {
        let expected = Duration::from_secs(expected);
        assert_eq!(scene.ended().await.next_attempt_in(), Some(expected));
    }
    assert!(scene.ended().await.is_acked());
}

#[tokio::test(start_paused = true)]
async fn a_new_endpoint_starts_without_back_off() {
    let mut scene = Scene::start(Pace::Google, statuses([503; 12]), |config| {
        config.retry_policy = policy(600, 600);
    })
    .await;
    (0..12).for_each(|_| drop(scene.publish(Message::new("bad"))));
    for _ in 0..12 {
        scene.ended().await;
    }
    let endpoint = emulator::PushConfig::new(scene.endpoint.url());
    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, Some(endpoint))
        .unwrap();
    let changed = tokio::time::Instant::now();
    let good = scene.publish(Message::new("good"));
    scene.acked(&good).await;
    assert!(changed.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn messages_that_never_failed_wait_for_the_end_of_a_pause() {
    let mut scene = Scene::start(Pace::Google, statuses([503]), |_| {}).await;
    scene.publish(Message::new("bad"));
    let first = scene.endpoint.next().await;
    scene.ended().await;
    let good = scene.publish(Message::new("good"));
    let pushes = [scene.endpoint.next().await, scene.endpoint.next().await];
    let good = pushes.iter().find(|push| push.id() == good).unwrap();
    assert!(good.arrived - first.arrived >= Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_push_fails_at_its_ack_deadline() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Never], |config| {
        config.ack_deadline = Duration::from_secs(15);
    })
    .await;
    let id = scene.publish(Message::new("hi"));
    let first = scene.endpoint.next().await;
    assert_eq!(scene.ended().await.reply(), Some(Reply::DeadlineExceeded));
    let second = scene.endpoint.next().await;
    assert!(second.arrived - first.arrived >= Duration::from_secs(15));
    assert_eq!(scene.acked(&id).await.attempt, 2);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_tried_until_it_is_up() {
    let mut scene = Scene::eager([]).await;
    let nowhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", nowhere.local_addr().unwrap());
    drop(nowhere);
    let down = emulator::PushConfig::new(url);
    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, Some(down))
        .unwrap();
    let id = scene.publish(Message::new("hi"));
    assert_eq!(scene.ended().await.reply(), Some(Reply::NoAnswer));
    let up = emulator::PushConfig::new(scene.endpoint.url());
    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, Some(up))
        .unwrap();
    assert!(scene.acked(&id).await.attempt > 1);
}
