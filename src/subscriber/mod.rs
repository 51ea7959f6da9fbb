//! The one declaration beside each handler, from which everything about its subscription is derived.

mod callers;
mod cloud;
mod declarations;
mod faults;
mod filter;
mod forms;
mod idempotency;
pub(crate) mod json_pointer;
mod operation;
mod optional;
mod outage;
mod reach;
mod schedule;
mod terms;
mod topic_schema;

use std::panic::Location;
use std::time::Duration;

use crate::handler::message::PayloadType;
use crate::handler::outcome::IntoOutcome;
use crate::handler::{Arguments, AsyncAnswer, Handler, Signature, Work, plain};

pub(crate) use self::callers::{audience_fault, caller_fault, is_foreign, is_url};
pub(crate) use self::declarations::{faults, short_leases, shortest_lease};
pub(crate) use self::forms::Form;
pub(crate) use self::idempotency::Identity;
pub use self::idempotency::{Conflict, Idempotency};
pub use self::operation::Alerts;
pub(crate) use self::operation::Expectation;
pub use self::schedule::Schedule;
pub use self::terms::{AfterCrash, Backoff, CircuitBreaker, Example, StoreDown};
#[cfg(feature = "dev")]
pub(crate) use self::topic_schema::SchemaEncoding;
pub(crate) use self::topic_schema::SchemaLanguage;
pub use self::topic_schema::TopicSchema;

const SECOND: Duration = Duration::from_secs(1);

/// A handler and what is declared about its subscription.
///
/// What no default can know must be said, or the service does not start: [`topic`](Self::topic),
/// [`purpose`](Self::purpose), [`producers`](Self::producers) and [`idempotency`](Self::idempotency).
#[derive(Clone)]
pub struct Subscriber {
    pub(crate) id: String,
    pub(crate) work: Work,
    pub(crate) signature: Signature,
    /// The file that declares it, as the compiler names it: from the workspace's root.
    pub(crate) source: &'static str,
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
    /// None: as long as the retention.
    pub(crate) window: Option<Duration>,
    pub(crate) epoch: u32,
    pub(crate) concurrency: Option<usize>,
    pub(crate) in_process: InProcess,
    pub(crate) circuit_breaker: Option<CircuitBreaker>,
    pub(crate) after_crash: AfterCrash,
    pub(crate) store_down: StoreDown,
    /// None: those of the settings.
    pub(crate) audiences: Vec<String>,
    pub(crate) callers: Vec<String>,
    pub(crate) examples: Vec<Example>,
    pub(crate) form: Form,
    pub(crate) filter: Option<String>,
    pub(crate) is_ordered: bool,
    pub(crate) retention: Duration,
    pub(crate) topic_schema: Option<TopicSchema>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) owner: Option<String>,
    pub(crate) expected: Expectation,
    pub(crate) alerts: Alerts,
}

impl Subscriber {
    /// A subscriber with an `async` handler, for work that waits for others. A handler that waits or computes without an
    /// `.await` for more than 1 s is named in the log: see [`blocking`](Self::blocking) and [`cpu`](Self::cpu). `id` is the subscription's short name.
    #[track_caller]
    pub fn new<A, H>(id: impl Into<String>, handler: H) -> Self
    where
        A: Arguments,
        H: Handler<A>,
        H::Answer: AsyncAnswer + Send + 'static,
        <H::Answer as AsyncAnswer>::Reply: IntoOutcome,
    {
        Self::with(id.into(), Work::of_async(handler), A::signature())
    }

    /// A subscriber whose handler waits without giving its thread back: synchronous clients, files. It is not begun with less
    /// than half of the time to its hard limit left, since it cannot be stopped.
    #[track_caller]
    pub fn blocking<A, H>(id: impl Into<String>, handler: H) -> Self
    where
        A: Arguments,
        H: Handler<A>,
        H::Answer: IntoOutcome,
    {
        Self::with(id.into(), Work::Blocking(plain(handler)), A::signature())
    }

    /// A subscriber whose handler computes: as many run at once as there are cores.
    #[track_caller]
    pub fn cpu<A, H>(id: impl Into<String>, handler: H) -> Self
    where
        A: Arguments,
        H: Handler<A>,
        H::Answer: IntoOutcome,
    {
        Self::with(id.into(), Work::Cpu(plain(handler)), A::signature())
    }

    #[track_caller]
    fn with(id: String, work: Work, signature: Signature) -> Self {
        Self {
            dead_letter_topic: format!("{id}-dead-letter"),
            id,
            work,
            signature,
            source: Location::caller().file(),
            topic: String::new(),
            purpose: String::new(),
            producers: Vec::new(),
            idempotency: None,
            ack_deadline: 60 * SECOND,
            backoff: Backoff::from_secs(10, 600),
            attempts: 25,
            soft_limit: None,
            hard_limit: None,
            lease: 10 * SECOND,
            window: None,
            epoch: 0,
            concurrency: None,
            in_process: InProcess::ONCE,
            circuit_breaker: None,
            after_crash: AfterCrash::default(),
            store_down: StoreDown::default(),
            audiences: Vec::new(),
            callers: Vec::new(),
            examples: Vec::new(),
            form: Form::Evident,
            filter: None,
            is_ordered: false,
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            topic_schema: None,
            schedules: Vec::new(),
            owner: None,
            expected: Expectation::default(),
            alerts: Alerts::default(),
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
}

/// How often a handler is run for one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InProcess {
    pub(crate) attempts: u32,
    pub(crate) pause: Backoff,
}

impl InProcess {
    const ONCE: Self = Self {
        attempts: 1,
        pause: Backoff::from_millis(100, 2_000),
    };
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
    /// What the handler reads, if it reads the payload.
    pub(crate) fn payload(&self) -> Option<&PayloadType> {
        self.signature.payloads.first()
    }

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
