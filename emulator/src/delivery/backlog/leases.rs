//! The leases of messages: their owners and their ends.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// A delivery under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub(crate) sequence: u64,
    /// The end of the lease. A push has none: the time-out of its request ends it.
    pub(crate) ends: Option<Instant>,
    /// The stream whose limits it counts against.
    pub(crate) stream: Option<u64>,
    size_bytes: usize,
}

/// The outstanding messages of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outstanding {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The most unused capacity of a table.
const SPARE: usize = 64;

/// The deliveries under way in one subscription, by number.
#[derive(Default)]
pub(super) struct Leases {
    leases: HashMap<u64, Lease>,
    ends: BTreeSet<(Instant, u64)>,
    /// The numbers of leases by sequence.
    of_messages: BTreeSet<(u64, u64)>,
    /// The number of pushes among them.
    pushes: usize,
    streams: HashMap<u64, Outstanding>,
    last: u64,
}

/// Shrinks a table that is mostly unused. Otherwise each of hundreds of subscriptions would keep its largest size.
pub(super) fn shrink_unused<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.capacity() > SPARE + 8 * table.len() {
        table.shrink_to(2 * table.len());
    }
}

impl Leases {
    pub(super) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(super) fn pushes(&self) -> usize {
        self.pushes
    }

    pub(super) fn begin(
        &mut self,
        sequence: u64,
        size_bytes: usize,
        ends: Option<Instant>,
        stream: Option<u64>,
    ) -> u64 {
        self.last += 1;
        self.of_messages.insert((sequence, self.last));
        match ends {
            Some(end) => drop(self.ends.insert((end, self.last))),
            None => self.pushes += 1,
        }
        if let Some(stream) = stream {
            let outstanding_of = self.streams.entry(stream).or_default();
            outstanding_of.messages += 1;
            outstanding_of.bytes += size_bytes;
        }
        let lease = Lease {
            sequence,
            ends,
            stream,
            size_bytes,
        };
        self.leases.insert(self.last, lease);
        self.last
    }

    pub(super) fn get(&self, number: u64) -> Option<&Lease> {
        self.leases.get(&number)
    }

    pub(super) fn end(&mut self, number: u64) -> Option<Lease> {
        let lease = self.leases.remove(&number)?;
        shrink_unused(&mut self.leases);
        self.of_messages.remove(&(lease.sequence, number));
        match lease.ends {
            Some(end) => drop(self.ends.remove(&(end, number))),
            None => self.pushes -= 1,
        }
        if let Some(stream) = lease.stream
            && let Some(outstanding_of) = self.streams.get_mut(&stream)
        {
            outstanding_of.messages = outstanding_of.messages.saturating_sub(1);
            outstanding_of.bytes = outstanding_of.bytes.saturating_sub(lease.size_bytes);
            if outstanding_of.messages == 0 {
                self.streams.remove(&stream);
            }
        }
        Some(lease)
    }

    /// Moves the end of a lease. Returns false if there is no such lease.
    pub(super) fn extend(&mut self, number: u64, until: Instant) -> bool {
        let Some(lease) = self.leases.get_mut(&number) else {
            return false;
        };
        // The time-out of a push is not moved.
        let Some(end) = &mut lease.ends else {
            return false;
        };
        self.ends.remove(&(*end, number));
        *end = until;
        self.ends.insert((until, number));
        true
    }

    /// Returns the expired leases, in the order of their messages.
    pub(super) fn ended(&self, now: Instant) -> Vec<u64> {
        let ended = self.ends.range(..=(now, u64::MAX));
        let with_messages = ended.filter_map(|(_, number)| {
            let lease = self.leases.get(number)?;
            Some((lease.sequence, *number))
        });
        let mut with_messages: Vec<(u64, u64)> = with_messages.collect();
        with_messages.sort_unstable();
        with_messages
            .into_iter()
            .map(|(_, number)| number)
            .collect()
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    pub(super) fn outstanding_of(&self, stream: u64) -> Outstanding {
        self.streams.get(&stream).copied().unwrap_or_default()
    }

    /// Ends all leases of a removed message.
    pub(super) fn end_all(&mut self, sequence: u64) {
        let first = (sequence, 0);
        let last = (sequence, u64::MAX);
        while let Some((_, number)) = self.of_messages.range(first..=last).next().copied() {
            self.end(number);
        }
    }
}
