//! The metadata of a message, for its handler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::loggable::hash;
use crate::trace::Trace;

/// The metadata of a message, and the time limits of the run. A handler takes it as an argument: `async fn handle(order: Message<Order>, context: Context)`.
#[derive(Clone, Debug)]
pub struct Context {
    /// The subscription's full name, `projects/P/subscriptions/S`.
    pub subscription: Arc<str>,
    /// The id that Pub/Sub assigns at publish, equal on each redelivery, unique within the topic (Google, *PubsubMessage*,
    /// `messageId`). For calls to other services use [`idempotency_key`](Self::idempotency_key): a second publish of the same event
    /// has another message id.
    ///
    /// For a push of payload alone ([`Subscriber::unwrapped`](crate::Subscriber::unwrapped), without `write_metadata`) it is
    /// `payload:` and a hash of the data, so two messages with the same data have the same id.
    pub message_id: Arc<str>,
    /// The time at which Pub/Sub received the message from its publisher (Google, *PubsubMessage*, `publishTime`), or at which a push
    /// of payload alone arrived.
    pub publish_time: OffsetDateTime,
    /// The publisher's attributes: at most 100 pairs (Google, *Quotas and limits*).
    ///
    /// For an unwrapped push with `write_metadata` these are its headers except those of HTTP and of Google, with names in lower case.
    /// They cannot be distinguished from headers that a front end added, so do not rely on one for security.
    pub attributes: Arc<BTreeMap<String, String>>,
    /// The ordering key, or `None` without one. Messages of one key arrive in order if publisher and subscription enable it.
    pub ordering_key: Option<Arc<str>>,
    /// The delivery attempt, approximate and from 1; `None` if the subscription has no dead-letter policy (Google, *ReceivedMessage*,
    /// `deliveryAttempt`).
    pub delivery_attempt: Option<u32>,
    pub(crate) idempotency_key: Arc<str>,
    pub(crate) deadline: Instant,
    pub(crate) stop: CancellationToken,
    /// The trace of the message, or of the push request.
    pub(crate) trace: Option<Trace>,
    /// The span of this run, if spans are exported.
    pub(crate) span: Option<Trace>,
}

impl Context {
    /// Creates a context for the test of a handler: no attributes, first delivery attempt, a minute left, and an idempotency key
    /// derived from `message_id`.
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
            span: None,
        }
    }

    /// Returns the idempotency key for the handler's own effects: calls to other services, event ids, names of files.
    ///
    /// It is equal in all runs for one message in the sense of the declared [`Idempotency`](crate::Idempotency), on every instance:
    /// in redeliveries, in a second publish with the same key, and in a replay with a new [`epoch`](crate::Subscriber::epoch). It
    /// differs between subscriptions. With [`Idempotency::none`](crate::Idempotency::none) and `by_message_id` it is derived from the
    /// message id.
    ///
    /// It is 32 hexadecimal digits of a hash, so it reveals nothing of the message and may be logged. A handler with several effects
    /// of one kind adds a suffix for each: `format!("{}-receipt", context.idempotency_key())`.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// Asks this run to stop, as the soft limit does, for the test of a handler.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Returns the time until the ack deadline, after which Pub/Sub redelivers the message.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns true if the handler should stop: its soft limit has passed, its claim is lost, or the service is shutting down.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Returns the position of this run in its trace: its own span if spans are exported, and otherwise the message's trace, from its attribute `googclient_traceparent`, which Google's clients write, or
    /// `traceparent`, or else from the push request.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        let span = self.span.clone();
        span.or_else(|| Trace::of(&self.attributes))
            .or_else(|| self.trace.clone())
    }

    /// Waits until the handler should stop; for `tokio::select!` together with the work.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

/// Returns the idempotency key for a handler. `id` is the message's identity within its subscription.
pub(crate) fn idempotency_key(subscription: &str, id: &str) -> String {
    hash::digits(format!("{subscription}/{id}").as_bytes()) // a subscription's name has no further slash
}
