//! The whole service with a local Pub/Sub.

use std::sync::Arc;
use std::time::Duration;

use emulator::{Forgery, Message};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Sent;
use super::in_memory::{Delivered, config};
use crate::commands::Cloud;
use crate::environment::Environment;
use crate::loggable::whole_chain;
use crate::push::log_line::{Listener, LogLine};
use crate::server::Running;
use crate::service::Service;

/// The project of topics and subscriptions.
const PROJECT: &str = "test-project";
/// The longest wait for an outcome.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most outcomes that are kept.
const OUTCOMES: usize = 100_000;

/// The service as it runs in production, on a free port, with an emulator that has all declared topics and subscriptions, pushes to
/// it, and signs the tokens. It needs a multi-thread runtime or `#[tokio::test]`, and no paused clock. It ends when it is dropped.
pub struct Local {
    cloud: Cloud,
    running: Running,
    caller: (String, String),
    outcomes: watch::Receiver<Vec<Outcome>>,
}

#[derive(Clone)]
struct Outcome {
    subscription: String,
    message_id: String,
    delivered: Delivered,
}

impl Local {
    /// Starts both. The store is in memory unless the service has one.
    ///
    /// # Panics
    /// With the faults of the declarations, or the error of a state or of the emulator.
    pub async fn start(mut service: Service) -> Self {
        let cloud = Cloud::start(0, PROJECT, None);
        let cloud = cloud.unwrap_or_else(|error| panic!("{}", whole_chain(&error)));
        let settings = cloud.settings(&Environment::default(), 0, 0);
        let settings = settings.with([("OTEL_METRICS_EXPORTER", "none".to_owned())]);
        let config = config(&settings).on_loopback(0);
        let (sender, outcomes) = watch::channel(Vec::new());
        service.listener = Some(listener(sender));
        let declared = service.subscribers.clone();
        let running = service.start(&config).await;
        let running = running.unwrap_or_else(|error| panic!("{}", whole_chain(&error)));
        let subscribed = cloud.subscribe(declared, running.address(), &config);
        subscribed.unwrap_or_else(|error| panic!("{}", whole_chain(&error)));
        let first = |all: &[String]| all.first().cloned().unwrap_or_default();
        Self {
            cloud,
            running,
            caller: (first(&config.callers), first(&config.audiences)),
            outcomes,
        }
    }

    /// Publishes a message to a topic, by its short name, and returns its id.
    ///
    /// # Panics
    /// If there is no such topic, or Pub/Sub would not accept the message.
    pub fn publish(&self, topic: &str, sent: &Sent) -> String {
        let mut message = Message::new(sent.data.clone());
        message.attributes.clone_from(&sent.attributes);
        if let Some(key) = &sent.ordering_key {
            message = message.with_ordering_key(key);
        }
        let topic = format!("projects/{PROJECT}/topics/{topic}");
        let published = self.cloud.emulator.publish(&topic, message);
        published.unwrap_or_else(|error| panic!("{}", whole_chain(&error)))
    }

    /// Waits until a message is settled for a subscription, so that Pub/Sub delivers it no more, and returns the end of its last
    /// delivery.
    ///
    /// # Panics
    /// After 30 s, with the ends of the deliveries so far.
    pub async fn outcome(&self, subscription: &str, message_id: &str) -> Delivered {
        let of_message = |outcome: &Outcome| {
            outcome.message_id == message_id
                && outcome.subscription.rsplit('/').next() == Some(subscription)
        };
        let is_settled =
            |outcome: &&Outcome| of_message(outcome) && !outcome.delivered.is_redelivered;
        let mut outcomes = self.outcomes.clone();
        let settled = async {
            let found = outcomes.wait_for(|all| all.iter().any(|one| is_settled(&one)));
            let found = found.await.expect("the service runs");
            let settled = found.iter().find(is_settled);
            settled.expect("it was found").delivered.clone()
        };
        let waited = timeout(PATIENCE, settled).await;
        waited.unwrap_or_else(|_| {
            let all = self.outcomes.borrow();
            let ends: Vec<_> = all.iter().filter(|one| of_message(one)).map(|one| &one.delivered).collect();
            panic!("{subscription} has not settled message {message_id} after {PATIENCE:?}; its deliveries: {ends:?}")
        })
    }

    /// Delivers a message to a subscription once more, as Pub/Sub may.
    ///
    /// # Panics
    /// If the subscription does not have it any more.
    pub fn deliver_again(&self, subscription: &str, message_id: &str) {
        let name = format!("projects/{PROJECT}/subscriptions/{subscription}");
        let again = self.cloud.emulator.deliver_again(&name, message_id);
        again.unwrap_or_else(|error| panic!("{}", whole_chain(&error)));
    }

    /// Returns the ends of all deliveries of a message to a subscription so far.
    #[must_use]
    pub fn deliveries(&self, subscription: &str, message_id: &str) -> Vec<Delivered> {
        let all = self.outcomes.borrow();
        let of_message = all.iter().filter(|one| {
            one.message_id == message_id
                && one.subscription.rsplit('/').next() == Some(subscription)
        });
        of_message.map(|one| one.delivered.clone()).collect()
    }

    /// Returns the account and the audience of Pub/Sub's tokens.
    #[must_use]
    pub fn caller(&self) -> (String, String) {
        self.caller.clone()
    }

    /// Returns the address of the service, `http://HOST:PORT`, to which a test may push by itself.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Returns the address of the emulator, `HOST:PORT`, for clients with `PUBSUB_EMULATOR_HOST`.
    #[must_use]
    pub fn pubsub(&self) -> String {
        self.cloud.emulator.address().to_string()
    }

    /// Returns a signed token of an account, as Pub/Sub sends it with a push.
    #[must_use]
    pub fn token(&self, email: &str, audience: &str) -> String {
        self.cloud.emulator.issuer().token(email, audience)
    }

    /// Returns a token that must be refused.
    #[must_use]
    pub fn forged(&self, forgery: Forgery, email: &str, audience: &str) -> String {
        self.cloud
            .emulator
            .issuer()
            .forged(forgery, email, audience)
    }

    /// Shuts both down: running handlers may end first.
    pub async fn stop(self) {
        self.running.shut_down().await;
        self.cloud.emulator.stop().await;
    }
}

/// Keeps the outcome of each push that had an envelope.
fn listener(outcomes: watch::Sender<Vec<Outcome>>) -> Listener {
    Arc::new(move |line: &LogLine| {
        let (Some(subscription), Some(message_id)) = (&line.subscription, &line.message_id) else {
            return;
        };
        let outcome = Outcome {
            subscription: subscription.clone(),
            message_id: message_id.clone(),
            delivered: Delivered {
                outcome: line.outcome.to_owned(),
                reason: line.reason.clone(),
                is_redelivered: line.status != 204,
            },
        };
        outcomes.send_modify(|all| {
            if all.len() < OUTCOMES {
                all.push(outcome);
            }
        });
    })
}
