//! A claim of a message, and what is known of its runs.

use crate::dedup::{Claim, Earlier};

#[derive(Clone, Copy)]
pub(super) struct ActiveClaim {
    pub(super) number: u32,
    pub(super) run: Run,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    NotBegun,
    /// Begun by the claim's owner.
    Begun,
    /// Begun by an earlier owner, which never recorded its end.
    Lost,
    /// An operator has parked the message.
    Parked,
}

impl ActiveClaim {
    pub(super) fn granted(self) -> Claim {
        Claim::Granted {
            number: self.number,
            earlier: match self.run {
                Run::NotBegun | Run::Begun => Earlier::Nothing,
                Run::Lost => Earlier::RunLost,
                Run::Parked => Earlier::Parked,
            },
        }
    }

    /// Returns the claim of the next owner, after the lease has expired.
    pub(super) fn taken_over(self) -> Self {
        Self {
            number: self.number.saturating_add(1),
            run: match self.run {
                Run::NotBegun => Run::NotBegun,
                Run::Begun | Run::Lost => Run::Lost,
                Run::Parked => Run::Parked,
            },
        }
    }
}
