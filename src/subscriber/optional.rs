//! What may be declared, and has a default.

use std::time::Duration;

use super::{AfterCrash, Backoff, CircuitBreaker, Example, InProcess, StoreDown, Subscriber};

impl Subscriber {
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

    /// Deliveries before Pub/Sub gives up and dead-letters: 5 to 100, by default 25 (Google, *DeadLetterPolicy*,
    /// `maxDeliveryAttempts`). A push that is refused counts, too, whatever its status: 401, 403, 409, 429 or 503. So attempts
    /// and pauses decide how long an outage may last before messages are dead-lettered whose handler never ran: with the
    /// defaults at least 1 h 35 min. `pushgate check` warns below one hour.
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

    /// How long a handled message is remembered; by default as long as the subscription keeps unacked messages (its
    /// [`retention`](Self::retention)), so that none comes later than it is known.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// The replay epoch, by default 0. After a wanted replay was started with Seek, a new epoch lets the messages run again.
    #[must_use]
    pub fn epoch(mut self, epoch: u32) -> Self {
        self.epoch = epoch;
        self
    }

    /// How many messages of this subscription are worked on at once; the next one is answered 429. By default 100 for an
    /// `async` handler, and twice the threads it may use for the others.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// How often the handler is run for one delivery, 1 to 10, by default once, and the pause between: random up to a bound
    /// that doubles (full jitter). Only what ends in [`Outcome::Retry`](crate::Outcome::Retry) is run again, and only until the
    /// soft limit. For trouble that passes in moments; Pub/Sub's own redelivery is for the rest.
    #[must_use]
    pub fn attempts_in_process(mut self, attempts: u32, pause: Backoff) -> Self {
        self.in_process = InProcess { attempts, pause };
        self
    }

    /// Answers 503 before a claim while the handler fails again and again; without one by default. Each 503 counts as one of
    /// the [`attempts`](Self::attempts).
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.circuit_breaker = Some(breaker);
        self
    }

    /// What becomes of a message whose handler's instance vanished; by default it is run again.
    #[must_use]
    pub fn after_crash(mut self, after_crash: AfterCrash) -> Self {
        self.after_crash = after_crash;
        self
    }

    /// What becomes of a push while the deduplication store does not answer; by default it is refused.
    #[must_use]
    pub fn when_store_is_down(mut self, store_down: StoreDown) -> Self {
        self.store_down = store_down;
        self
    }

    /// The audience that this subscription's tokens must be for, instead of `PUSHGATE_AUDIENCE`. Each call adds one: during a
    /// move there are two.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
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
