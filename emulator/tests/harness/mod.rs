//! An emulator with one topic, and an endpoint with prepared answers that records pushes.

pub(crate) mod browser;
mod endpoint;
mod raw;

use std::time::Duration;

use emulator::{DeliveryEvent, Emulator, Message, Options, Pace, Reply, SubscriptionConfig};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

pub(crate) use self::endpoint::{Answer, Endpoint, Push};
pub(crate) use self::raw::{RawConnection, RawEndpoint};

pub(crate) const TOPIC: &str = "projects/shop/topics/orders";
pub(crate) const SUBSCRIPTION: &str = "projects/shop/subscriptions/billing";
pub(crate) const DEAD_TOPIC: &str = "projects/shop/topics/orders-dead";
pub(crate) const DEAD_SUBSCRIPTION: &str = "projects/shop/subscriptions/orders-dead";

/// Longer than any wait on a busy machine. With a paused clock it takes no time.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    pub(crate) endpoint: Endpoint,
    pub(crate) events: Receiver<DeliveryEvent>,
}

impl Scene {
    /// Returns a scene with a subscription that `change` configures, and an endpoint with these answers (then 204).
    pub(crate) async fn start(
        pace: Pace,
        answers: impl IntoIterator<Item = Answer>,
        change: impl FnOnce(&mut SubscriptionConfig),
    ) -> Self {
        let emulator = emulator(pace);
        let endpoint = Endpoint::start(answers).await;
        let events = emulator.delivery_events();
        emulator.create_topic(TOPIC).unwrap();
        emulator.create_topic(DEAD_TOPIC).unwrap();
        let letters = SubscriptionConfig::new(DEAD_SUBSCRIPTION, DEAD_TOPIC);
        emulator.create_subscription(letters).unwrap();
        let mut config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC).push_to(endpoint.url());
        change(&mut config);
        emulator.create_subscription(config).unwrap();
        Self {
            emulator,
            endpoint,
            events,
        }
    }

    /// Starts a scene without pauses and slow start.
    pub(crate) async fn eager(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start(Pace::Eager, answers, |_| {}).await
    }

    pub(crate) fn publish(&self, message: Message) -> String {
        self.emulator.publish(TOPIC, message).unwrap()
    }

    /// Waits for the end of the next push, and returns its event.
    pub(crate) async fn ended(&mut self) -> DeliveryEvent {
        loop {
            let event = timeout(PATIENCE, self.events.recv())
                .await
                .unwrap()
                .unwrap();
            if event.reply().is_some() {
                return event;
            }
        }
    }

    /// Waits until this message is acked.
    pub(crate) async fn acked(&mut self, message_id: &str) -> DeliveryEvent {
        loop {
            let event = self.ended().await;
            if event.is_acked() && event.message_id == message_id {
                return event;
            }
        }
    }
}

pub(crate) fn emulator(pace: Pace) -> Emulator {
    Emulator::start_with(Options {
        pace,
        ..Options::default()
    })
    .unwrap()
}

pub(crate) fn statuses(statuses: impl IntoIterator<Item = u16>) -> Vec<Answer> {
    statuses.into_iter().map(Answer::Status).collect()
}

pub(crate) const fn status(status: u16) -> Option<Reply> {
    Some(Reply::Status(status))
}
