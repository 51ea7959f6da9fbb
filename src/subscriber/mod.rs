//! The one declaration beside each handler, from which everything about its subscription is derived.

mod faults;
mod forms;
mod terms;

use std::sync::Arc;
use std::time::Duration;

use crate::handler::{BlockingHandler, Handler, Work};
use crate::state::StateType;

pub(crate) use self::forms::Form;
pub use self::terms::{Backoff, Example, Idempotency};

const SECOND: Duration = Duration::from_secs(1);

/// A handler and what is declared about its subscription.
///
/// What no default can know must be said, or the service does not start: [`topic`](Self::topic),
/// [`purpose`](Self::purpose), [`producers`](Self::producers) and [`idempotency`](Self::idempotency).
#[derive(Clone)]
pub struct Subscriber {
    pub(crate) id: String,
    pub(crate) work: Work,
    pub(crate) states: Vec<StateType>,
    pub(crate) topic: String,
    pub(crate) purpose: String,
    pub(crate) producers: Vec<String>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) ack_deadline: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) attempts: u32,
    pub(crate) dead_letter_topic: String,
    pub(crate) soft_limit: Option<Duration>,
    pub(crate) hard_limit: Option<Duration>,
    pub(crate) lease: Duration,
    pub(crate) window: Duration,
    pub(crate) epoch: u32,
    pub(crate) concurrency: Option<usize>,
    pub(crate) audience: Option<String>,
    pub(crate) callers: Vec<String>,
    pub(crate) examples: Vec<Example>,
    pub(crate) form: Form,
}

impl Subscriber {
    /// A subscriber with an `async` handler, for work that waits for others. `id` is the subscription's short name.
    pub fn new<A>(id: impl Into<String>, handler: impl Handler<A>) -> Self {
        let states = states_of_async(&handler);
        Self::with(
            id.into(),
            Work::Async(Arc::new(move |delivery| handler.clone().call(delivery))),
            states,
        )
    }

    /// A subscriber whose handler waits without giving its thread back: synchronous clients, files.
    pub fn blocking<A, H: BlockingHandler<A>>(id: impl Into<String>, handler: H) -> Self {
        Self::with(
            id.into(),
            Work::Blocking(Arc::new(move |delivery| handler.call(delivery))),
            H::states(),
        )
    }

    /// A subscriber whose handler computes: as many run at once as there are cores.
    pub fn cpu<A, H: BlockingHandler<A>>(id: impl Into<String>, handler: H) -> Self {
        Self::with(
            id.into(),
            Work::Cpu(Arc::new(move |delivery| handler.call(delivery))),
            H::states(),
        )
    }

    fn with(id: String, work: Work, states: Vec<StateType>) -> Self {
        Self {
            dead_letter_topic: format!("{id}-dead-letter"),
            id,
            work,
            states,
            topic: String::new(),
            purpose: String::new(),
            producers: Vec::new(),
            idempotency: None,
            ack_deadline: 60 * SECOND,
            backoff: Backoff::from_secs(10, 600),
            attempts: 5,
            soft_limit: None,
            hard_limit: None,
            lease: 10 * SECOND,
            window: Duration::from_secs(7 * 24 * 60 * 60),
            epoch: 0,
            concurrency: None,
            audience: None,
            callers: Vec::new(),
            examples: Vec::new(),
            form: Form::Evident,
        }
    }

    /// The topic's short name. Required.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// What the handler is for, in a sentence. Required.
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = purpose.into();
        self
    }

    /// The services that publish to the topic. Required.
    #[must_use]
    pub fn producers<S: Into<String>>(mut self, producers: impl IntoIterator<Item = S>) -> Self {
        self.producers = producers.into_iter().map(Into::into).collect();
        self
    }

    /// Which deliveries count as the same message. Required.
    #[must_use]
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = Some(idempotency);
        self
    }

    /// How long Pub/Sub waits for the answer: 10 to 600 s, by default 60 s. For a push it is the time-out of the request
    /// and cannot be extended (Google, *Subscription*, `ackDeadlineSeconds`).
    #[must_use]
    pub fn ack_deadline(mut self, ack_deadline: Duration) -> Self {
        self.ack_deadline = ack_deadline;
        self
    }

    /// The pause before a failed message comes again; by default 10 to 600 s.
    #[must_use]
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Deliveries before Pub/Sub gives up and dead-letters: 5 to 100, by default 5 (Google, *DeadLetterPolicy*,
    /// `maxDeliveryAttempts`).
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Where messages go that can never succeed; by default `<subscription>-dead-letter`.
    #[must_use]
    pub fn dead_letter_topic(mut self, topic: impl Into<String>) -> Self {
        self.dead_letter_topic = topic.into();
        self
    }

    /// When the handler is asked to stop (`Context::stopping`); by default four fifths of the hard limit.
    #[must_use]
    pub fn soft_limit(mut self, limit: Duration) -> Self {
        self.soft_limit = Some(limit);
        self
    }

    /// When the handler is stopped; by default the ack deadline less a tenth, at least 1 s and at most 5 s, that is kept
    /// for recording and answering.
    #[must_use]
    pub fn hard_limit(mut self, limit: Duration) -> Self {
        self.hard_limit = Some(limit);
        self
    }

    /// How long a claim outlives a crash: at least 1 s, by default 10 s. It is renewed while the handler runs, so it need not
    /// cover the handler's time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long a handled message is remembered; by default 7 days, which is how long a subscription keeps unacked
    /// messages by default (Google, *Subscription*, `messageRetentionDuration`).
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The replay epoch, by default 0. After a wanted replay was started with Seek, a new epoch lets the messages run again.
    #[must_use]
    pub fn epoch(mut self, epoch: u32) -> Self {
        self.epoch = epoch;
        self
    }

    /// How many messages of this subscription are worked on at once; the next one is answered 429. By default 100 for an
    /// `async` handler, and twice the size of its pool for the others.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// The audience that this subscription's tokens must be for, instead of `PUSHGATE_AUDIENCE`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The service accounts allowed to push to this subscription, instead of `PUSHGATE_CALLERS`.
    #[must_use]
    pub fn callers<S: Into<String>>(mut self, emails: impl IntoIterator<Item = S>) -> Self {
        self.callers = emails.into_iter().map(Into::into).collect();
        self
    }

    /// Messages that `pushgate dev` publishes to show what the handler does.
    #[must_use]
    pub fn examples(mut self, examples: impl IntoIterator<Item = Example>) -> Self {
        self.examples = examples.into_iter().collect();
        self
    }
}

/// The time limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// After this the handler is asked to stop.
    pub(crate) soft: Duration,
    /// After this it is stopped.
    pub(crate) hard: Duration,
}

impl Subscriber {
    /// The share of the ack deadline that is kept for recording and answering.
    pub(crate) fn margin(&self) -> Duration {
        (self.ack_deadline / 10).clamp(SECOND, 5 * SECOND)
    }

    pub(crate) fn limits(&self) -> Limits {
        let hard = self
            .hard_limit
            .unwrap_or_else(|| self.ack_deadline.saturating_sub(self.margin()));
        Limits {
            soft: self.soft_limit.unwrap_or(hard * 4 / 5),
            hard,
        }
    }
}

fn states_of_async<A, H: Handler<A>>(_handler: &H) -> Vec<StateType> {
    H::states()
}
