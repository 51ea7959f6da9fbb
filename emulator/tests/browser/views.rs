//! All views in all looks.

use emulator::{DeadLetterPolicy, Message, Pace, PushConfig, SubscriptionConfig};

use super::click;
use crate::harness::browser::{DARK, LIGHT, Look, NARROW, NARROW_DARK, browse};
use crate::harness::{DEAD_TOPIC, Scene, TOPIC, statuses};

/// Creates a working subscription, a failing one that dead-letters, and a waiting one.
async fn shop() -> (Scene, String) {
    let mut scene = Scene::start(Pace::Google, statuses([503, 500]), |config| {
        let endpoint = config.push_config.take().unwrap().endpoint;
        config.push_config = Some(PushConfig::new(endpoint).signed_as("push@shop.example", None));
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    let id = scene.publish(
        Message::new("{\"order\": 42, \"item\": \"teapot\"}").with_attribute("kind", "order"),
    );
    scene.acked(&id).await;
    for order in 43..60 {
        let id = scene.publish(Message::new(format!("{{\"order\": {order}}}")));
        scene.acked(&id).await;
    }
    let mut failing =
        emulator::SubscriptionConfig::new("projects/shop/subscriptions/warehouse", TOPIC)
            .push_to("http://127.0.0.1:9/");
    failing.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    scene.emulator.create_subscription(failing).unwrap();
    scene
        .emulator
        .create_topic("projects/shop/topics/refunds")
        .unwrap();
    for order in 60..66 {
        scene.publish(Message::new(format!("{{\"order\": {order}}}")));
        scene.ended().await;
    }
    publish_letter(&scene, &id);
    (scene, id)
}

/// Publishes a dead letter of the message `of` as a service does, because of a missing field.
fn publish_letter(scene: &Scene, of: &str) {
    let letter = Message::new(
        "{\"order\": 66, \"item\": \"a teapot with a lid\", \"customer\": \"ada@example.com\"}",
    )
    .with_attribute(
        "CloudPubSubDeadLetterSourceSubscription",
        "orders-fulfilment-warehouse",
    )
    .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
    .with_attribute(
        "CloudPubSubDeadLetterSourceTopicPublishTime",
        "2030-01-02T03:04:05.678Z",
    )
    .with_attribute("pushgate-dead-letter-reason", "payload")
    .with_attribute(
        "pushgate-dead-letter-error",
        "payload does not fit: the document (line 1, column 15): missing field `customerEmail`",
    )
    .with_attribute("pushgate-source-message-id", of);
    scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
    let source = SubscriptionConfig::new(
        "projects/shop/subscriptions/orders-fulfilment-warehouse",
        TOPIC,
    );
    scene.emulator.create_subscription(source).unwrap();
}

async fn check_all_views(look: Look) {
    let (scene, id) = shop().await;
    browse(scene.emulator.url(), look, move |page| async move {
        let dark = page
            .run("return matchMedia('(prefers-color-scheme: dark)').matches")
            .await;
        assert_eq!(dark, look.is_dark);
        let ground = page
            .run("return getComputedStyle(document.body).backgroundColor")
            .await;
        assert_eq!(ground == "rgb(18, 22, 29)", look.is_dark, "{ground}");
        page.sees("Failing").await;
        page.check_accessibility().await;
        page.picture(&format!("overview-{}-{}", look.is_dark, look.width))
            .await;
        page.check_nothing_is_out_of_sight().await;
        for (view, text) in [
            ("#/topics/shop/orders".to_owned(), "warehouse"),
            ("#/subscriptions/shop/billing".to_owned(), "Signed as"),
            ("#/messages".to_owned(), "Acked"),
            ("#/dead-letters".to_owned(), "Replay…"),
            ("#/throughput".to_owned(), "Highest in these 5 minutes"),
            (format!("#/messages/{id}"), "delivered again not before"),
        ] {
            page.open(&view).await;
            page.sees(text).await;
            page.check_accessibility().await;
            page.check_nothing_is_out_of_sight().await;
            let name = view.trim_start_matches("#/").replace(&id, "one");
            let name = name.replace('/', "-");
            page.picture(&format!("{name}-{}-{}", look.is_dark, look.width))
                .await;
        }
        click(&page, "Request and answer of attempt 1").await;
        page.sees("Bearer <token, ").await;
        page.check_accessibility().await;
        page.picture(&format!("message-{}-{}", look.is_dark, look.width))
            .await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_can_be_read_in_light() {
    check_all_views(LIGHT).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_can_be_read_in_the_dark() {
    check_all_views(DARK).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_fits_a_narrow_window() {
    check_all_views(NARROW).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_fits_a_narrow_window_in_the_dark() {
    check_all_views(NARROW_DARK).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_paused_subscription_is_marked() {
    let scene = Scene::eager([]).await;
    let mut paused = SubscriptionConfig::new("projects/shop/subscriptions/stopped", TOPIC);
    paused.labels = [("pushgate-paused-00".to_owned(), "7b7d".to_owned())].into();
    scene.emulator.create_subscription(paused).unwrap();
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        page.sees("Paused").await;
        page.open("#/subscriptions/shop/stopped").await;
        page.sees("messages wait until pushgate resume").await;
        drop(scene);
    })
    .await;
}
