//! Publishes the example messages one after the other, and shows a duplicate and a forged push.

use std::net::SocketAddr;
use std::time::Duration;

use emulator::{DeliveryEvent, Forgery, Message};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::cloud::{Cloud, Subscription};
use super::screen::Screen;
use crate::subscriber::Example;

/// The longest wait for a message. After it, the tour continues with the next one.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Publishes every example and scheduled message, delivers the first one twice, and sends a forged push.
pub(super) async fn run(
    cloud: &Cloud,
    screen: &Screen,
    subscriptions: &[Subscription],
    service: SocketAddr,
) {
    let mut first = None;
    for subscription in subscriptions {
        for example in &subscription.declared.examples {
            let Some(id) =
                publish(cloud, screen, subscriptions, &subscription.topic, example).await
            else {
                continue;
            };
            if first.is_none() {
                deliver_again(cloud, screen, subscription, &id).await;
                first = Some(subscription);
            }
        }
    }
    for subscription in subscriptions {
        for schedule in &subscription.declared.schedules {
            let name = schedule.name(&subscription.declared);
            let message = Example {
                title: format!(
                    "schedule {name}: the message that Cloud Scheduler publishes at {:?}",
                    schedule.cron
                ),
                data: schedule.data.clone(),
                attributes: schedule.attributes.clone(),
                fault: None,
            };
            publish(cloud, screen, subscriptions, &subscription.topic, &message).await;
        }
    }
    if let Some(subscription) = first.or(subscriptions.first()) {
        forge(cloud, screen, subscription, service).await;
    }
}

async fn publish(
    cloud: &Cloud,
    screen: &Screen,
    subscriptions: &[Subscription],
    topic: &str,
    example: &Example,
) -> Option<String> {
    screen.title(&example.title);
    let mut events = screen.shown();
    let mut message = Message::new(example.data.clone());
    message.attributes = example.attributes.clone();
    match cloud.emulator.publish(topic, message) {
        Ok(id) => {
            let receivers = subscriptions
                .iter()
                .filter(|subscription| subscription.topic == topic);
            let open = receivers
                .map(|subscription| (subscription.name.clone(), id.clone()))
                .collect();
            settled(&mut events, open, screen).await;
            Some(id)
        }
        Err(error) => {
            screen.problem(&format!("cannot be published: {error}"));
            None
        }
    }
}

/// Delivers a message again, as at-least-once delivery permits.
async fn deliver_again(cloud: &Cloud, screen: &Screen, subscription: &Subscription, id: &str) {
    screen.title("the same message, delivered a second time");
    let mut events = screen.shown();
    match cloud.emulator.deliver_again(&subscription.name, id) {
        Ok(()) => {
            settled(
                &mut events,
                vec![(subscription.name.clone(), id.to_owned())],
                screen,
            )
            .await
        }
        Err(error) => screen.problem(&format!("cannot be delivered again: {error}")),
    }
}

/// Waits until each of these messages is acked or dead-lettered, and the screen has shown it.
async fn settled(
    events: &mut Receiver<DeliveryEvent>,
    mut open: Vec<(String, String)>,
    screen: &Screen,
) {
    let settled = async {
        while !open.is_empty() {
            match events.recv().await {
                Ok(event) if event.is_acked() || event.dead_lettered_to().is_some() => {
                    open.retain(|(subscription, id)| {
                        *subscription != event.subscription || *id != event.message_id
                    });
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    };
    if timeout(MAX_WAIT, settled).await.is_err() {
        screen.problem("not settled yet: its next deliveries are shown below");
    }
}

/// Sends a push with a token that is signed by an unknown key, as any client on the internet could.
async fn forge(cloud: &Cloud, screen: &Screen, subscription: &Subscription, service: SocketAddr) {
    screen.title("a push with a token that is signed by an unknown key");
    let (email, audience) = &subscription.caller;
    let token = cloud
        .emulator
        .issuer()
        .forged(Forgery::ForeignKey, email, audience);
    let body = json!({
        "message": {"messageId": "1", "publishTime": "2030-01-02T03:04:05Z", "data": ""},
        "subscription": subscription.name,
    });
    let mut refusals = screen.refusals();
    let Ok(client) = reqwest::Client::builder().no_proxy().build() else {
        return;
    };
    let request = client
        .post(format!("http://{service}/"))
        .bearer_auth(token)
        .body(body.to_string());
    match request.send().await {
        Ok(response) if response.status() == 401 => drop(timeout(MAX_WAIT, refusals.recv()).await),
        Ok(response) => screen.problem(&format!("the service replied {}", response.status())),
        Err(error) => screen.problem(&format!("cannot be sent: {error}")),
    }
}
