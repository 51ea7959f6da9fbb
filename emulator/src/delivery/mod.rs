//! Delivers the messages of one subscription: push, read the status, back off, redeliver, dead-letter.

mod backlog;
mod event;
mod run;
mod throttle;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::backlog::{Backlog, Pending};
pub use self::event::{DeliveryEvent, Progress, Reply, Settlement};
pub(crate) use self::run::Run;
pub use self::throttle::Pace;
use self::throttle::Throttle;
use crate::error::ApiError;
use crate::name::{DELETED_TOPIC, ResourceName};
use crate::push::Destination;
use crate::storage::StoredMessage;
use crate::subscription::{PushConfig, SubscriptionConfig};

/// Where nobody answers, trying again at once would only burn the processor; this wait is ours.
const UNANSWERED_WAIT: Duration = Duration::from_millis(100);

/// One subscription at work. Its task is the only one that takes messages from the backlog; others add, and wake it.
pub(crate) struct Delivery {
    name: ResourceName,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    config: SubscriptionConfig,
    destination: Option<Arc<Destination>>,
    backlog: Backlog,
    throttle: Throttle,
}

/// What is to become of a message whose push failed.
enum Failed {
    Retry(Duration),
    DeadLetter(Pending, String),
}

impl Delivery {
    pub(crate) fn new(
        name: ResourceName,
        config: SubscriptionConfig,
        pace: Pace,
    ) -> Result<Self, ApiError> {
        let state = State {
            destination: Destination::of(&config)?,
            backlog: Backlog::new(config.enable_message_ordering),
            throttle: Throttle::new(pace),
            config,
        };
        Ok(Self {
            name,
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    pub(crate) fn name(&self) -> &ResourceName {
        &self.name
    }

    pub(crate) fn config(&self) -> SubscriptionConfig {
        self.state().config.clone()
    }

    pub(crate) fn has_room(&self, messages: usize, bytes: usize) -> bool {
        self.state().backlog.has_room(messages, bytes)
    }

    pub(crate) fn exhausted(&self) -> ApiError {
        ApiError::ResourceExhausted(format!(
            "The backlog of the subscription is full (resource={})",
            self.name.id()
        ))
    }

    pub(crate) fn add(&self, messages: &[Arc<StoredMessage>]) {
        let mut state = self.state();
        for message in messages {
            state.backlog.add(Arc::clone(message));
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn again(&self, message_id: &str) -> Result<(), ApiError> {
        let mut state = self.state();
        if !state.backlog.has_room(1, 0) {
            return Err(self.exhausted());
        }
        let sequence = message_id.parse();
        if !sequence.is_ok_and(|sequence| state.backlog.again(sequence)) {
            return Err(ApiError::NotFound(message_id.to_owned()));
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn held(&self) -> Vec<Arc<StoredMessage>> {
        self.state().backlog.held()
    }

    /// Lets go of settled messages, so that new ones find room.
    pub(crate) fn forget_settled(&self) {
        self.state().backlog.forget_settled();
    }

    /// Changes where messages are pushed; those not yet delivered stay (Google, *ModifyPushConfig*). What was learnt about
    /// the endpoint before says nothing about the next.
    pub(crate) fn set_push_config(&self, push_config: Option<PushConfig>) -> Result<(), ApiError> {
        let mut state = self.state();
        let mut config = state.config.clone();
        config.push_config = push_config;
        config.check()?;
        state.destination = Destination::of(&config)?;
        state.config = config;
        state.throttle.reset();
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The subscription outlives its topic, and keeps its messages (Google, *DeleteTopic*).
    pub(crate) fn forget_topic(&self) {
        DELETED_TOPIC.clone_into(&mut self.state().config.topic);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, number: u64, reply: Reply) -> Failed {
        self.throttle.nacked(Instant::now());
        let failures = self.backlog.fail(number);
        if let Some(policy) = &self.config.dead_letter_policy
            && failures >= policy.max_delivery_attempts
            && let Some(pending) = self.backlog.pushed(number)
        {
            return Failed::DeadLetter(pending.clone(), policy.dead_letter_topic.clone());
        }
        Failed::Retry(self.wait(failures, reply))
    }

    /// How long a failed message waits: its own policy or the subscription's pause, whichever is longer (Google, *Push
    /// subscriptions*, "Push backoff").
    fn wait(&self, failures: u32, reply: Reply) -> Duration {
        let now = Instant::now();
        let policy = self.config.retry_policy.as_ref();
        let own = policy.map_or(Duration::ZERO, |policy| policy.wait_after(failures));
        let paused = self.throttle.paused_until(now);
        let paused = paused.map_or(Duration::ZERO, |until| until - now);
        let least = match reply {
            Reply::NoAnswer => UNANSWERED_WAIT,
            Reply::Status(_) | Reply::DeadlineExceeded => Duration::ZERO,
        };
        own.max(paused).max(least)
    }
}
