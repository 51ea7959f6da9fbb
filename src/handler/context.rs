//! What a handler may know about its message besides the payload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::loggable::hash;
use crate::trace::Trace;

/// The circumstances of one run of a handler. Take it as an argument: `async fn handle(order: Message<Order>, context: Context)`.
#[derive(Clone, Debug)]
pub struct Context {
    /// The subscription's full name, `projects/P/subscriptions/S`.
    pub subscription: Arc<str>,
    /// Given by Pub/Sub at publish, equal on each redelivery, unique within the topic (Google, *PubsubMessage*, `messageId`).
    /// For calls to other services use [`idempotency_key`](Self::idempotency_key): a second publish of the same event has
    /// another message id.
    ///
    /// A push of payload alone ([`Subscriber::unwrapped`](crate::Subscriber::unwrapped), without `write_metadata`) has none;
    /// then this is `payload:` and a hash of the data, so two messages with the same data have the same.
    pub message_id: Arc<str>,
    /// When Pub/Sub took the message from its publisher (Google, *PubsubMessage*, `publishTime`); of a push of payload alone,
    /// when it arrived here.
    pub publish_time: OffsetDateTime,
    /// What the publisher wrote beside the payload: at most 100 pairs (Google, *Quotas and limits*).
    ///
    /// Of an unwrapped push with `write_metadata` these are its headers, with names in lower case, less those of HTTP and of
    /// Google. They cannot be told from headers that something added on the way, so nothing that matters may rest on one.
    pub attributes: Arc<BTreeMap<String, String>>,
    /// Messages of one key arrive in order, where publisher and subscription ask for it; `None` without a key.
    pub ordering_key: Option<Arc<str>>,
    /// From 1, approximate, and present only if the subscription has a dead-letter policy (Google, *ReceivedMessage*,
    /// `deliveryAttempt`).
    pub delivery_attempt: Option<u32>,
    pub(crate) idempotency_key: Arc<str>,
    pub(crate) deadline: Instant,
    pub(crate) stop: CancellationToken,
    /// The trace of the message, or of the request that brought it.
    pub(crate) trace: Option<Trace>,
}

impl Context {
    /// A context as a test of a handler needs it: no attributes, first attempt, a minute left, and an idempotency key that
    /// follows from `message_id`.
    #[must_use]
    pub fn for_test(message_id: &str) -> Self {
        const SUBSCRIPTION: &str = "projects/test/subscriptions/test";
        Self {
            subscription: SUBSCRIPTION.into(),
            idempotency_key: idempotency_key(SUBSCRIPTION, message_id).into(),
            message_id: message_id.into(),
            publish_time: OffsetDateTime::UNIX_EPOCH,
            attributes: Arc::default(),
            ordering_key: None,
            delivery_attempt: Some(1),
            deadline: Instant::now() + Duration::from_secs(60),
            stop: CancellationToken::new(),
            trace: None,
        }
    }

    /// Returns the idempotency key for the handler's own effects: calls to other services, event ids, names of files.
    ///
    /// It is the same in every run of what the declared [`Idempotency`](crate::Idempotency) takes for one message, on every
    /// instance: in redeliveries, in a second publish under the same key, and in a replay with a new
    /// [`epoch`](crate::Subscriber::epoch). It differs between subscriptions. Under
    /// [`Idempotency::none`](crate::Idempotency::none) and `by_message_id` it follows from the message id.
    ///
    /// 32 hexadecimal digits of a hash, so it holds nothing of the message and may be logged. A handler with several effects
    /// of one kind adds a suffix for each: `format!("{}-receipt", context.idempotency_key())`.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// Asks this run to stop, as its soft limit would; for a test of what the handler does then.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// How long until Pub/Sub stops waiting for the answer (the ack deadline) and delivers again.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the handler should come to an end: its soft limit has passed, its claim is lost, or the service is leaving.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The trace that the message belongs to: of its attribute `googclient_traceparent`, which Google's clients write, or
    /// `traceparent`, or else of the push request.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        Trace::of(&self.attributes).or_else(|| self.trace.clone())
    }

    /// Waits until the handler should come to an end; for `tokio::select!` beside the work.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

/// Returns what a handler gets as its idempotency key. `id` is what the message is known by.
pub(crate) fn idempotency_key(subscription: &str, id: &str) -> String {
    hash::digits(format!("{subscription}/{id}").as_bytes()) // no subscription's name can hold another slash
}
