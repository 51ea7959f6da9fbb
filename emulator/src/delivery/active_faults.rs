//! The faults of a subscription, applied to its deliveries.

use std::time::Duration;

use tokio::time::Instant;

use super::backlog::{Leased, PutBack};
use super::{Delivery, State};
use crate::faults::{BurstGate, Faults, Plan};

/// The faults of a subscription, and the gate of its bursts.
pub(super) struct ActiveFaults {
    pub(super) faults: Faults,
    gate: Option<BurstGate>,
}

/// The recipient of a leased message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Recipient {
    Push,
    /// A pulling client, with the end of the lease and its stream.
    Pull(Instant, Option<u64>),
}

impl ActiveFaults {
    pub(super) fn new(faults: Faults) -> Option<Self> {
        let gate = faults.burst.map(BurstGate::new);
        (!faults.is_none()).then_some(Self { faults, gate })
    }

    /// Returns true if a burst withholds a new message.
    pub(super) fn withholds(&mut self, now: Instant) -> bool {
        let Some(gate) = &mut self.gate else {
            return false;
        };
        gate.arrive(now);
        true
    }
}

impl Delivery {
    /// Sets the faults. Messages are counted anew, starting with the current backlog.
    pub(crate) fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.backlog.release_withheld();
        state.backlog.renumber();
        state.active_faults = ActiveFaults::new(faults);
        drop(state);
        self.wake();
    }

    pub(crate) fn faults(&self) -> Faults {
        let state = self.state();
        let active_faults = state.active_faults.as_ref();
        active_faults.map_or_else(Faults::none, |active_faults| active_faults.faults.clone())
    }

    /// Leases the next message, and plans the faults of its delivery.
    pub(super) fn take(&self, state: &mut State, recipient: Recipient) -> Option<(Leased, Plan)> {
        let now = self.clock.now();
        state.open_gate(now);
        let (ends, stream) = match recipient {
            Recipient::Push => (None, None),
            Recipient::Pull(ends, stream) => (Some(ends), stream),
        };
        loop {
            if !state.waiting.is_empty()
                && let Some(next) = state.backlog.peek(now)
                && state.waiting.holds(next.sequence, recipient)
            {
                return None;
            }
            let leased = state.backlog.take(now, ends, stream)?;
            let plan = self.plan(state, &leased, recipient);
            let until = match plan {
                _ if leased.is_put_back => None,
                Plan { delay, .. } if delay > Duration::ZERO => Some(PutBack::Until(now + delay)),
                Plan { lets_pass, .. } if lets_pass > 0 => Some(PutBack::Behind(lets_pass)),
                _ => None,
            };
            let Some(until) = until else {
                return Some((leased, plan));
            };
            state.backlog.put_back(leased.lease, until);
        }
    }

    fn plan(&self, state: &State, leased: &Leased, recipient: Recipient) -> Plan {
        let Some(active_faults) = &state.active_faults else {
            return Plan::FAULTLESS;
        };
        let (name, attempt) = (self.name.as_str(), leased.attempt());
        let mut plan = active_faults
            .faults
            .plan(name, leased.nth, attempt, self.clock.utc());
        if recipient != Recipient::Push {
            plan = plan.for_pull();
            // Confirmed acknowledgements (exactly-once delivery) are neither lost nor repeated.
            let strict = state.config.enable_exactly_once_delivery;
            plan.drop_answer &= !strict;
            plan.duplicate &= !strict;
        }
        if state.config.enable_message_ordering && !leased.message.ordering_key.is_empty() {
            plan = plan.in_order();
        }
        plan.duplicate &= !leased.is_repetition;
        plan
    }

    /// Plans the faults of an acknowledgement of a pulled message: it is lost, or the message is delivered again.
    pub(super) fn plan_of_ack(&self, state: &State, sequence: u64) -> Plan {
        let entry = state.backlog.unacked(sequence);
        let Some((entry, active_faults)) = entry.zip(state.active_faults.as_ref()) else {
            return Plan::FAULTLESS;
        };
        let (name, attempt) = (self.name.as_str(), entry.failures.saturating_add(1));
        let utc = self.clock.utc();
        let mut plan = active_faults
            .faults
            .plan(name, entry.nth, attempt, utc)
            .for_pull();
        plan.duplicate &= !entry.is_repetition;
        plan
    }
}

impl State {
    /// Releases withheld messages that are due. Returns true if there were any.
    pub(super) fn open_gate(&mut self, now: Instant) -> bool {
        let gate = self
            .active_faults
            .as_mut()
            .and_then(|active_faults| active_faults.gate.as_mut());
        let released = gate.map_or(0, |gate| gate.release(now));
        if released > 0 {
            self.backlog.release_withheld();
        }
        released > 0
    }

    /// Updates the count of withheld messages after some were removed.
    pub(super) fn count_withheld(&mut self) {
        let withheld = self.backlog.count_withheld();
        let gate = self
            .active_faults
            .as_mut()
            .and_then(|active_faults| active_faults.gate.as_mut());
        if let Some(gate) = gate {
            gate.keep(withheld);
        }
    }

    /// Returns the time of the next due event.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let gate = self
            .active_faults
            .as_ref()
            .and_then(|active_faults| active_faults.gate.as_ref());
        let gate = gate.and_then(BurstGate::due);
        [gate, self.backlog.next_due()].into_iter().flatten().min()
    }
}
