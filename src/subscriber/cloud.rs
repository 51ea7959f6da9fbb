//! What Google's side of a subscription keeps and sends.

use std::time::Duration;

use super::Subscriber;

/// (Google, *Subscription*, `messageRetentionDuration`: 10 minutes to 31 days.)
const SHORTEST_RETENTION: Duration = Duration::from_secs(10 * 60);
const LONGEST_RETENTION: Duration = Duration::from_secs(31 * 24 * 60 * 60);

impl Subscriber {
    /// Only messages whose attributes fit come to this subscription, such as `attributes.region = "eu"`; the others count as
    /// acked (Google, *Subscription*, `filter`). It cannot be changed later: another filter means another subscription, and
    /// the old one's backlog is gone with it.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Messages with one ordering key come one after the other, in the order of their publishing; a failed one holds up those
    /// behind it (Google, *Subscription*, `enableMessageOrdering`). Like the filter it cannot be changed later.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// How long an unacked message is kept: 10 minutes to 31 days, by default 7 days. The deduplication
    /// [`window`](Self::window) is as long, unless it is declared.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long a handled message is remembered.
    pub(crate) fn dedup_window(&self) -> Duration {
        self.window.unwrap_or(self.retention)
    }

    pub(super) fn cloud_faults(&self) -> Vec<(bool, String)> {
        let fault = self.filter.as_deref().and_then(super::filter::fault);
        let filter = self.filter.as_deref().unwrap_or_default();
        let retention = self.retention;
        vec![
            (
                fault.is_none(),
                format!(
                    "filter is {filter:?}: {}; see .filter(…)",
                    fault.unwrap_or_default()
                ),
            ),
            (
                (SHORTEST_RETENTION..=LONGEST_RETENTION).contains(&retention)
                    && retention.subsec_nanos() == 0,
                format!(
                    "retention is {retention:?}, expected whole seconds from 10 minutes to 31 days: see .retention(…)"
                ),
            ),
        ]
    }
}
