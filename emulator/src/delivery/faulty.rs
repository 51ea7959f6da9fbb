//! Faults on request: what of a delivery goes wrong, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::backlog::{PutBack, Taken};
use super::{Delivery, State};
use crate::faults::{BurstGate, Faults, Plan};

/// The faults of a subscription and what they hold back.
pub(super) struct Faulty {
    pub(super) faults: Faults,
    gate: Option<BurstGate>,
}

/// Who a message is taken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taker {
    Push,
    /// A client that pulls, with the end of the lease and its stream.
    Pull(Instant, Option<u64>),
}

impl Faulty {
    pub(super) fn new(faults: Faults) -> Option<Self> {
        let gate = faults.burst.map(BurstGate::new);
        (!faults.is_none()).then_some(Self { faults, gate })
    }

    /// Whether a message that has just come must wait for others.
    pub(super) fn holds_back(&mut self, now: Instant) -> bool {
        let Some(gate) = &mut self.gate else {
            return false;
        };
        gate.arrive(now);
        true
    }
}

impl Delivery {
    /// Sets the faults from now on. Messages are counted anew, those at hand first.
    pub(crate) fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.backlog.release_held();
        state.backlog.renumber();
        state.faulty = Faulty::new(faults);
        drop(state);
        self.wake();
    }

    pub(crate) fn faults(&self) -> Faults {
        let state = self.state();
        let faulty = state.faulty.as_ref();
        faulty.map_or_else(Faults::none, |faulty| faulty.faults.clone())
    }

    /// The next message to deliver, and what of its delivery goes wrong.
    pub(super) fn take(&self, state: &mut State, taker: Taker) -> Option<(Taken, Plan)> {
        let now = self.clock.now();
        state.open_gate(now);
        let (ends, stream) = match taker {
            Taker::Push => (None, None),
            Taker::Pull(ends, stream) => (Some(ends), stream),
        };
        loop {
            let taken = state.backlog.take(now, ends, stream)?;
            let plan = self.plan(state, &taken, taker);
            let until = match plan {
                _ if taken.is_put_back => None,
                Plan { delay, .. } if delay > Duration::ZERO => Some(PutBack::Until(now + delay)),
                Plan { lets_pass, .. } if lets_pass > 0 => Some(PutBack::Behind(lets_pass)),
                _ => None,
            };
            let Some(until) = until else {
                return Some((taken, plan));
            };
            state.backlog.put_back(taken.lease, until);
        }
    }

    fn plan(&self, state: &State, taken: &Taken, taker: Taker) -> Plan {
        let Some(faulty) = &state.faulty else {
            return Plan::FAULTLESS;
        };
        let (name, attempt) = (self.name.as_str(), taken.attempt());
        let mut plan = faulty
            .faults
            .plan(name, taken.nth, attempt, self.clock.utc());
        if taker != Taker::Push {
            plan = plan.for_pull();
            // What exactly-once delivery confirms is neither lost nor repeated.
            let strict = state.config.enable_exactly_once_delivery;
            plan.drop_answer &= !strict;
            plan.duplicate &= !strict;
        }
        if state.config.enable_message_ordering && !taken.message.ordering_key.is_empty() {
            plan = plan.in_order();
        }
        plan.duplicate &= !taken.is_repetition;
        plan
    }

    /// What goes wrong with an acknowledgement of a pulled message: it is lost, or the message comes again all the same.
    pub(super) fn plan_of_ack(&self, state: &State, sequence: u64) -> Plan {
        let entry = state.backlog.unacked(sequence);
        let Some((entry, faulty)) = entry.zip(state.faulty.as_ref()) else {
            return Plan::FAULTLESS;
        };
        let (name, attempt) = (self.name.as_str(), entry.failures.saturating_add(1));
        let utc = self.clock.utc();
        let mut plan = faulty.faults.plan(name, entry.nth, attempt, utc).for_pull();
        plan.duplicate &= !entry.is_repetition;
        plan
    }
}

impl State {
    /// Lets messages go that have waited for each other long enough.
    pub(super) fn open_gate(&mut self, now: Instant) -> bool {
        let gate = self.faulty.as_mut().and_then(|faulty| faulty.gate.as_mut());
        let released = gate.map_or(0, |gate| gate.release(now));
        if released > 0 {
            self.backlog.release_held();
        }
        released > 0
    }

    /// Counts those that wait for each other anew, after some were taken out.
    pub(super) fn count_held(&mut self) {
        let held = self.backlog.count_held();
        let gate = self.faulty.as_mut().and_then(|faulty| faulty.gate.as_mut());
        if let Some(gate) = gate {
            gate.keep(held);
        }
    }

    /// When time alone changes something.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let gate = self.faulty.as_ref().and_then(|faulty| faulty.gate.as_ref());
        let gate = gate.and_then(BurstGate::due);
        [gate, self.backlog.next_due()].into_iter().flatten().min()
    }
}
