//! Bursts: messages that are withheld and released together.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::FaultsError;
use crate::resources::duration;

const MOST: u32 = 10_000;
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// Messages are withheld until there are `size` of them, or until the first one has waited for `hold`. Then all are
/// released.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// The number of messages, 2 to 10,000.
    pub size: u32,
    /// The longest wait, at most 600 s.
    #[serde(with = "crate::resources::duration")]
    pub hold: Duration,
}

impl Burst {
    pub(super) fn check(&self) -> Result<(), FaultsError> {
        if !(2..=MOST).contains(&self.size) {
            return Err(FaultsError::new("burst.size", self.size, "2 to 10000"));
        }
        if self.hold.is_zero() || self.hold > LONGEST_HOLD {
            let found = duration::write(self.hold);
            return Err(FaultsError::new(
                "burst.hold",
                found,
                "more than 0s and at most 600s",
            ));
        }
        Ok(())
    }
}

/// The count of withheld messages of one subscription. The messages stay in the backlog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BurstGate {
    burst: Burst,
    withheld: u32,
    /// The time at which the first of them is released.
    due: Option<Instant>,
}

impl BurstGate {
    /// Creates a gate without waiting messages.
    #[must_use]
    pub(crate) fn new(burst: Burst) -> Self {
        Self {
            burst,
            withheld: 0,
            due: None,
        }
    }

    /// Counts a new message.
    pub(crate) fn arrive(&mut self, now: Instant) {
        self.withheld = self.withheld.saturating_add(1);
        self.due.get_or_insert(now + self.burst.hold);
    }

    /// Reduces the count after withheld messages were purged or expired.
    pub(crate) fn keep(&mut self, withheld: usize) {
        self.withheld = u32::try_from(withheld).unwrap_or(u32::MAX);
        if self.withheld == 0 {
            self.due = None;
        }
    }

    /// Returns the number of messages to release now: all or none.
    pub(crate) fn release(&mut self, now: Instant) -> u32 {
        let is_over = self.due.is_some_and(|due| due <= now);
        if self.withheld < self.burst.size && !is_over {
            return 0;
        }
        self.due = None;
        std::mem::take(&mut self.withheld)
    }

    /// Returns the time of the next release, if no further message arrives.
    #[must_use]
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(5);

    fn gate() -> (BurstGate, Instant) {
        let burst = Burst {
            size: 3,
            hold: HOLD,
        };
        (BurstGate::new(burst), Instant::now())
    }

    #[test]
    fn messages_wait_until_enough_are_there() {
        let (mut gate, now) = gate();
        assert_eq!(gate.release(now), 0);
        assert_eq!(gate.due(), None);
        for expected in [0, 0, 3, 0, 0, 3] {
            gate.arrive(now);
            assert_eq!(gate.release(now), expected);
        }
        assert_eq!(gate.due(), None);
    }

    #[test]
    fn the_first_to_be_withheld_ends_the_wait() {
        let (mut gate, now) = gate();
        gate.arrive(now);
        gate.arrive(now + HOLD / 2);
        assert_eq!(gate.due(), Some(now + HOLD));
        assert_eq!(gate.release(now + HOLD - Duration::from_nanos(1)), 0);
        assert_eq!(gate.release(now + HOLD), 2);
        assert_eq!(gate.release(now + 2 * HOLD), 0);
        gate.arrive(now + 2 * HOLD);
        assert_eq!(gate.due(), Some(now + 3 * HOLD));
    }

    #[test]
    fn nobody_waits_for_those_who_are_gone() {
        let (mut gate, now) = gate();
        (0..2).for_each(|_| gate.arrive(now));
        gate.keep(0);
        assert_eq!(gate.due(), None);
        assert_eq!(gate.release(now + HOLD), 0);
        gate.arrive(now + HOLD);
        assert_eq!(gate.release(now + 2 * HOLD), 1);
    }

    #[test]
    fn those_who_come_together_go_together() {
        let (mut gate, now) = gate();
        (0..8).for_each(|_| gate.arrive(now));
        assert_eq!(gate.release(now), 8);
    }
}
