//! The declaration beside each handler, from which everything about its subscription is derived.

mod caller_faults;
mod cloud;
mod collector;
mod declarations;
mod dedup;
mod example;
mod faults;
mod filter;
mod idempotency;
pub(crate) mod json_pointer;
mod operation;
mod pushes;
mod reach;
mod runs;
mod schedule;
mod seconds;
mod topic_schema;

use std::borrow::Cow;
use std::panic::Location;
use std::time::Duration;

use crate::handler::message::PayloadType;
use crate::handler::outcome::IntoOutcome;
use crate::handler::{Arguments, AsyncAnswer, Handler, Signature, Work, plain};

pub(crate) use self::caller_faults::{audience_fault, caller_fault, is_foreign, is_url};
pub use self::cloud::Backoff;
use self::cloud::CloudSettings;
pub(crate) use self::declarations::{faults, short_leases, shortest_lease};
use self::dedup::DedupSettings;
pub use self::dedup::{AfterCrash, StoreDown};
pub use self::example::Example;
pub(crate) use self::idempotency::Identity;
pub use self::idempotency::{Conflict, Idempotency};
pub use self::operation::Alerts;
pub(crate) use self::operation::Expectation;
use self::operation::Operation;
pub(crate) use self::pushes::Form;
use self::pushes::PushSettings;
pub use self::runs::CircuitBreaker;
use self::runs::RunSettings;
pub(crate) use self::runs::{InProcess, Limits};
pub use self::schedule::Schedule;
pub(crate) use self::seconds::Seconds;
#[cfg(feature = "dev")]
pub(crate) use self::topic_schema::SchemaEncoding;
pub(crate) use self::topic_schema::SchemaLanguage;
pub use self::topic_schema::TopicSchema;

const SECOND: Duration = Duration::from_secs(1);

/// A handler and the declaration of its subscription.
///
/// Four things have no sensible default, and the service does not start without them: [`topic`](Self::topic),
/// [`purpose`](Self::purpose), [`producers`](Self::producers) and [`idempotency`](Self::idempotency).
#[derive(Clone)]
pub struct Subscriber {
    pub(crate) id: String,
    pub(crate) work: Work,
    pub(crate) signature: Signature,
    /// The file that declares it, as the compiler names it: from the workspace's root.
    pub(crate) source: Cow<'static, str>,
    pub(crate) topic: String,
    pub(crate) purpose: String,
    pub(crate) producers: Vec<String>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) dead_letter_topic: String,
    pub(crate) topic_schema: Option<TopicSchema>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) examples: Vec<Example>,
    pub(crate) cloud: CloudSettings,
    pub(crate) pushes: PushSettings,
    pub(crate) runs: RunSettings,
    pub(crate) dedup: DedupSettings,
    pub(crate) operation: Operation,
}

impl Subscriber {
    /// Returns a subscriber with an `async` handler, for work that waits. `id` is the subscription's short name.
    ///
    /// A handler that waits or computes without an `.await` for more than 1 s is named in the log: see
    /// [`blocking`](Self::blocking) and [`cpu`](Self::cpu).
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

    /// Returns a subscriber whose handler occupies its thread while it waits: synchronous clients, files. It is not started
    /// with less than half of the time to its hard limit left, since it cannot be stopped.
    #[track_caller]
    pub fn blocking<A, H>(id: impl Into<String>, handler: H) -> Self
    where
        A: Arguments,
        H: Handler<A>,
        H::Answer: IntoOutcome,
    {
        Self::with(id.into(), Work::Blocking(plain(handler)), A::signature())
    }

    /// Returns a subscriber whose handler computes. As many run at once as there are cores.
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
            source: Cow::Borrowed(Location::caller().file()),
            topic: String::new(),
            purpose: String::new(),
            producers: Vec::new(),
            idempotency: None,
            topic_schema: None,
            schedules: Vec::new(),
            examples: Vec::new(),
            cloud: CloudSettings::default(),
            pushes: PushSettings::default(),
            runs: RunSettings::default(),
            dedup: DedupSettings::default(),
            operation: Operation::default(),
        }
    }

    /// Sets the topic's short name. Required.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Sets the purpose of the handler, in a sentence. Required.
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = purpose.into();
        self
    }

    /// Sets the services that publish to the topic. Required.
    #[must_use]
    pub fn producers<S: Into<String>>(mut self, producers: impl IntoIterator<Item = S>) -> Self {
        self.producers = producers.into_iter().map(Into::into).collect();
        self
    }

    /// Sets which deliveries count as the same message. Required.
    #[must_use]
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = Some(idempotency);
        self
    }

    /// Sets the topic for messages that can never succeed; by default `<subscription>-dead-letter`.
    #[must_use]
    pub fn dead_letter_topic(mut self, topic: impl Into<String>) -> Self {
        self.dead_letter_topic = topic.into();
        self
    }

    /// Returns the type that the handler reads, if it reads the payload.
    pub(crate) fn payload(&self) -> Option<&PayloadType> {
        self.signature.payloads.first()
    }

    /// Returns true if handled messages are remembered.
    pub(crate) fn is_guarded(&self) -> bool {
        let idempotency = self.idempotency.as_ref();
        idempotency.is_some_and(Idempotency::is_guarded)
    }
}
