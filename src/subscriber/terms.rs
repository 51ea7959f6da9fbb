//! The words of a declaration.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// A pause that doubles between two bounds. For Pub/Sub's redelivery each is 0 to 600 s (Google, *RetryPolicy*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub(crate) minimum: Duration,
    pub(crate) maximum: Duration,
}

impl Backoff {
    /// Between `minimum` and `maximum` seconds.
    #[must_use]
    pub const fn from_secs(minimum: u64, maximum: u64) -> Self {
        Self {
            minimum: Duration::from_secs(minimum),
            maximum: Duration::from_secs(maximum),
        }
    }

    /// Between `minimum` and `maximum` milliseconds.
    #[must_use]
    pub const fn from_millis(minimum: u64, maximum: u64) -> Self {
        Self {
            minimum: Duration::from_millis(minimum),
            maximum: Duration::from_millis(maximum),
        }
    }
}

/// The fate of a message whose run began and was interrupted: the instance died, the handler panicked, or it was stopped at
/// the hard limit or at shutdown. It is not known if its effect has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterCrash {
    /// The next delivery runs it again. This is right if a second run is harmless, as with effects that carry an idempotency key.
    #[default]
    Rerun,
    /// The message is parked: it goes to the dead-letter topic with the reason `outcome unknown`, and a person decides.
    Park,
}

/// What becomes of a push while the deduplication store does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreDown {
    /// It is answered 503 and comes again, so nothing runs twice. Each 503 counts as one of the
    /// [`attempts`](crate::Subscriber::attempts): a message whose attempts are used up before the store is back goes to the
    /// dead-letter topic without a run. With the defaults it survives an outage of at least 1 h 35 min.
    #[default]
    Closed,
    /// Its handler runs all the same, duplicates included. The reason says why that is better than waiting.
    Open(String),
}

impl StoreDown {
    /// See [`StoreDown::Closed`].
    #[must_use]
    pub fn closed() -> Self {
        Self::Closed
    }

    /// See [`StoreDown::Open`].
    pub fn open(reason: impl Into<String>) -> Self {
        Self::Open(reason.into())
    }
}

/// When a subscriber's pushes are answered 503 at once, because what its handler depends on is down. Pub/Sub then sends fewer
/// by itself (Google, *Push subscriptions*: the push window shrinks with every failure), and no message is claimed in vain.
/// Each 503 counts as one of the [`attempts`](crate::Subscriber::attempts), as a failed run does.
///
/// Failures are runs that ended in `Outcome::Retry` or at the hard limit. After the pause one message at a time is let in as
/// a probe: some successes in a row close the circuit, a failure opens it for twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    pub(crate) failures: u32,
    pub(crate) pause: Backoff,
    pub(crate) probes: u32,
}

impl CircuitBreaker {
    /// Opens after so many failures in a row in this process, 1 to 1000.
    #[must_use]
    pub const fn after(failures: u32) -> Self {
        Self {
            failures,
            pause: Backoff::from_secs(1, 60),
            probes: 3,
        }
    }

    /// How long it stays open: the first bound, doubled by each failed probe up to the second; by default 1 to 60 s.
    #[must_use]
    pub const fn open_for(mut self, pause: Backoff) -> Self {
        self.pause = pause;
        self
    }

    /// How many probes in a row must succeed, one after the other, 1 to 100; by default 3.
    #[must_use]
    pub const fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }
}

/// A message worth showing: `pushgate dev` publishes it and tells what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub(crate) title: String,
    pub(crate) data: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// It could not be serialized.
    pub(crate) is_broken: bool,
}

impl Example {
    /// A payload as JSON. One that cannot be serialized is refused at start.
    pub fn json(title: impl Into<String>, payload: &impl Serialize) -> Self {
        let data = serde_json::to_vec(payload);
        Self {
            is_broken: data.is_err(),
            ..Self::raw(title, data.unwrap_or_default())
        }
    }

    /// A payload as bytes.
    pub fn raw(title: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            title: title.into(),
            data: data.into(),
            attributes: BTreeMap::new(),
            is_broken: false,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}
