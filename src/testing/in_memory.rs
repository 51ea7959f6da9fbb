//! A service without HTTP and without Pub/Sub.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::Sent;
use crate::config::Config;
use crate::dedup::{DedupStore, MemoryStore};
use crate::delivery::IncomingMessage;
use crate::delivery::dead_letter::{DeadLetter, DeadLetterPublisher, NotPublished};
use crate::environment::Environment;
use crate::handler::state::States;
use crate::loggable::whole_chain;
use crate::push::PushReceiver;
use crate::service::Service;
use crate::subscriber::Subscriber;

/// The settings of every service in memory.
const SETTINGS: [(&str, &str); 4] = [
    ("GOOGLE_CLOUD_PROJECT", "test-project"),
    ("PUSHGATE_STORE", "memory:for a test"),
    ("PUSHGATE_AUDIENCE", "https://test.example"),
    (
        "PUSHGATE_CALLERS",
        "push@test-project.iam.gserviceaccount.com",
    ),
];

/// A service in memory: its subscribers with deduplication, limits, circuit breakers and dead letters, but without HTTP, tokens and
/// Pub/Sub. The store is in memory unless the service has one.
pub struct InMemory {
    receiver: PushReceiver,
    dead_letters: Arc<Letters>,
}

/// The end of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The outcome as in the log: `handled`, `duplicate`, `failed`, `dead-lettered`, …, or `refused` if nothing was claimed.
    pub outcome: String,
    /// The reason in words.
    pub reason: Option<String>,
    /// True if Pub/Sub would deliver the message again.
    pub is_redelivered: bool,
}

/// A message on a dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLettered {
    /// The full name of the topic.
    pub topic: String,
    /// The data of the message.
    pub data: Vec<u8>,
    /// The attributes of the message, and those of the dead letter.
    pub attributes: BTreeMap<String, String>,
}

/// Keeps dead letters instead of publishing them.
#[derive(Default)]
pub(super) struct Letters(Mutex<Vec<DeadLettered>>);

#[async_trait]
impl DeadLetterPublisher for Letters {
    async fn publish(&self, topic: &str, letter: DeadLetter) -> Result<(), NotPublished> {
        let letter = DeadLettered {
            topic: topic.to_owned(),
            data: letter.data.to_vec(),
            attributes: letter.attributes,
        };
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push(letter);
        Ok(())
    }
}

/// The parts of an instance that its successor shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) states: States,
    pub(super) store: Arc<dyn DedupStore>,
    pub(super) letters: Arc<Letters>,
}

impl InMemory {
    /// Starts the service: opens its states, and checks its declarations.
    ///
    /// # Panics
    /// With the faults of the declarations, or the error of a state.
    pub async fn start(service: Service) -> Self {
        Self::of(Shared::open(service).await).await
    }

    pub(super) async fn of(shared: Shared) -> Self {
        let Shared {
            subscribers,
            states,
            store,
            letters,
        } = shared;
        let config = config(&Environment::default());
        let mut service = Service::new().store(store);
        service.subscribers = subscribers;
        let dead_letters = Arc::clone(&letters) as Arc<dyn DeadLetterPublisher>;
        let assembled = service.assemble(&config, Some(states), dead_letters).await;
        let assembled = assembled.unwrap_or_else(|error| panic!("{}", whole_chain(&error)));
        Self {
            receiver: assembled.receiver,
            dead_letters: letters,
        }
    }

    /// Delivers a message to a subscription, by its id, and waits for the end. A message that is delivered again has the same id.
    ///
    /// # Panics
    /// If the subscription is not declared.
    pub async fn deliver(&self, subscription: &str, message: &Sent) -> Delivered {
        let subscriber = self.receiver.bindings.subscriber(subscription);
        let subscriber = subscriber.unwrap_or_else(|| panic!("{subscription:?} is not declared"));
        let incoming = IncomingMessage {
            envelope: message.envelope(&subscriber.name),
            subscriber: Arc::clone(subscriber),
            trace: None,
            arrival: Instant::now(),
            places: Vec::new(),
        };
        match self.receiver.deliveries.deliver(incoming).await {
            Ok(settlement) => Delivered {
                outcome: settlement.end.name().to_owned(),
                reason: settlement.reason,
                is_redelivered: settlement.end.is_redelivered(),
            },
            Err(error) => Delivered {
                outcome: "refused".to_owned(),
                reason: Some(whole_chain(&error)),
                is_redelivered: true,
            },
        }
    }

    /// Returns the dead letters so far, the oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLettered> {
        let letters = self.dead_letters.0.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all tasks of the instance, as a crash does.
    pub(super) fn kill(&self) {
        let shutdown = &self.receiver.deliveries.shutdown;
        for phase in [&shutdown.closing, &shutdown.aborting, &shutdown.exiting] {
            phase.cancel();
        }
    }
}

impl Shared {
    /// Opens the states of a service.
    pub(super) async fn open(service: Service) -> Self {
        let parts = service.into_parts(&config(&Environment::default())).await;
        let parts = parts.unwrap_or_else(|error| panic!("{}", whole_chain(&error)));
        let (subscribers, states, store) = parts;
        Self {
            states,
            store: store.unwrap_or_else(|| Arc::new(MemoryStore::default())),
            subscribers,
            letters: Arc::default(),
        }
    }
}

pub(super) fn config(environment: &Environment) -> Config {
    let settings =
        environment.with_defaults(SETTINGS.map(|(name, value)| (name, value.to_owned())));
    Config::read(&settings).expect("these settings are valid")
}
