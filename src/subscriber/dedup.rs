//! Settings of the deduplication: lease, window, epoch, and the two cases in which it cannot know.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::collector::Faults;
use super::{SECOND, Subscriber};

/// A longer window is a mistake: retention ends after 31 days (Google, *Subscription*, `messageRetentionDuration`).
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The fate of a message whose run began and was interrupted: the instance died, the handler panicked, or it was stopped at
/// the hard limit or at shutdown. It is not known if its effect has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AfterCrash {
    /// The next delivery runs it again. This is right if a second run is harmless, as with effects that carry an idempotency key.
    #[default]
    Rerun,
    /// The message is parked: it goes to the dead-letter topic with the reason `outcome unknown`, and a person decides.
    Park,
}

/// The fate of a push while the deduplication store does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind", content = "reason")]
pub enum StoreDown {
    /// It is answered 503 and redelivered, so nothing runs twice.
    ///
    /// Each 503 counts as one of the `.attempts(…)`. A message whose attempts are used up before the store is back goes to the
    /// dead-letter topic without a run. With the defaults it survives an outage of at least 1 h 35 min.
    #[default]
    Closed,
    /// Its handler runs all the same, duplicates included. The reason explains why that is better than waiting.
    Open(String),
}

impl StoreDown {
    /// Returns [`StoreDown::Closed`].
    #[must_use]
    pub fn closed() -> Self {
        Self::Closed
    }

    /// Returns [`StoreDown::Open`] with a reason.
    pub fn open(reason: impl Into<String>) -> Self {
        Self::Open(reason.into())
    }
}

/// Settings of the deduplication.
#[derive(Clone)]
pub(crate) struct DedupSettings {
    pub(crate) lease: Duration,
    /// The declared window, or `None` for the retention.
    pub(crate) window: Option<Duration>,
    pub(crate) epoch: u32,
    pub(crate) after_crash: AfterCrash,
    pub(crate) store_down: StoreDown,
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self {
            lease: 10 * SECOND,
            window: None,
            epoch: 0,
            after_crash: AfterCrash::default(),
            store_down: StoreDown::default(),
        }
    }
}

impl Subscriber {
    /// Sets how long a claim outlives a crash: at least 1 s, by default 10 s. It is renewed while the handler runs, so it need
    /// not cover the handler's time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.dedup.lease = lease;
        self
    }

    /// Sets how long a handled message is remembered. By default it is as long as the subscription keeps unacknowledged
    /// messages (its [`retention`](Self::retention)), so that no delivery arrives after the record has expired.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.dedup.window = Some(window);
        self
    }

    /// Sets the replay epoch, by default 0. After a deliberate replay by Seek, a new epoch lets the messages run again.
    #[must_use]
    pub fn epoch(mut self, epoch: u32) -> Self {
        self.dedup.epoch = epoch;
        self
    }

    /// Sets the fate of a message whose run was interrupted; by default it is run again.
    #[must_use]
    pub fn after_crash(mut self, after_crash: AfterCrash) -> Self {
        self.dedup.after_crash = after_crash;
        self
    }

    /// Sets the fate of a push while the deduplication store does not answer; by default it is refused.
    #[must_use]
    pub fn when_store_is_down(mut self, store_down: StoreDown) -> Self {
        self.dedup.store_down = store_down;
        self
    }

    /// Returns how long a handled message is remembered.
    pub(crate) fn dedup_window(&self) -> Duration {
        self.dedup.window.unwrap_or(self.cloud.retention)
    }

    pub(super) fn check_dedup(&self, faults: &mut Faults) {
        let (lease, window) = (self.dedup.lease, self.dedup_window());
        let deadline = self.cloud.ack_deadline;
        faults.require((SECOND..=600 * SECOND).contains(&lease), || {
            format!("lease is {lease:?}, expected 1 s to 600 s: see .lease(…)")
        });
        faults.require((deadline..=LONGEST_WINDOW).contains(&window), || {
            format!(
                "window is {window:?}, expected at least the ack deadline of {deadline:?} and at most 366 days: see .window(…)"
            )
        });
        if let StoreDown::Open(reason) = &self.dedup.store_down {
            faults.require(
                !reason.trim().is_empty(),
                || "StoreDown::open needs the reason why running twice is better than waiting",
            );
        }
    }
}
