//! The pending changes, and the progress of the writer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::change::Change;
use super::error::JournalError;

/// The bound of the queue, above which callers wait in [`Queue::room`]. The writer may have taken as many again.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The pending changes in the order of writing.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    taken: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct Waiting {
    writes: Vec<Vec<Change>>,
    bytes: usize,
    /// The number of the last write.
    last: u64,
    /// The number of the last write that was taken.
    taken: u64,
    /// The index in `writes` of the first write of an incomplete group.
    group: Option<usize>,
    closed: bool,
    ended: bool,
}

/// The progress of the writer.
#[derive(Clone, Default)]
pub(super) struct Progress {
    /// All writes up to this one are on the disk.
    pub(super) durable: u64,
    pub(super) failure: Option<JournalError>,
    /// Nothing more is written, and the file is closed.
    pub(super) ended: bool,
}

/// All writes that were pending, and the number of the last.
pub(super) struct Taken {
    pub(super) changes: Vec<Vec<Change>>,
    pub(super) last: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            taken: Notify::new(),
            progress: watch::Sender::default(),
        }
    }

    /// Adds a write and returns its number. A closed queue accepts the rest of a group, and otherwise only counts.
    pub(super) fn add(&self, changes: Vec<Change>) -> u64 {
        let mut waiting = self.waiting();
        waiting.last += 1;
        if waiting.takes_more() {
            waiting.bytes += changes.iter().map(Change::size_bytes).sum::<usize>();
            waiting.writes.push(changes);
            self.arrived.notify_one();
        }
        waiting.last
    }

    /// Starts a group. The writer takes all of its writes at once, after its end. Only one group is open at a time.
    pub(super) fn begin(&self) {
        let mut waiting = self.waiting();
        if !waiting.closed {
            waiting.group = Some(waiting.writes.len());
        }
    }

    /// Ends the group.
    pub(super) fn complete(&self) {
        self.waiting().group = None;
        self.arrived.notify_one();
    }

    /// Waits until the queue has room.
    pub(super) async fn room(&self) {
        loop {
            let taken = self.taken.notified();
            if self.waiting().has_room() {
                return;
            }
            taken.await;
        }
    }

    /// Blocks until there are pending writes. Returns `None` if the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut waiting = self.waiting();
        while waiting.is_waited_for() {
            let woken = self.arrived.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let taken = waiting.take();
        drop(waiting);
        self.taken.notify_waiters();
        (!taken.changes.is_empty()).then_some(taken)
    }

    /// Rejects further writes. Pending ones are still written.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_one();
    }

    pub(super) fn written(&self, last: u64) {
        self.progress
            .send_modify(|progress| progress.durable = last);
    }

    /// Ends the queue, with an error unless it was closed, and drops the pending writes.
    pub(super) fn end(&self, failure: Option<JournalError>) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.ended = true;
        waiting.group = None;
        waiting.writes.clear();
        waiting.bytes = 0;
        drop(waiting);
        self.progress.send_modify(|progress| {
            progress.ended = true;
            progress.failure = progress.failure.take().or(failure);
        });
        self.taken.notify_waiters();
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room(&self) -> bool {
        self.bytes < MAX_BYTES || self.closed
    }

    fn takes_more(&self) -> bool {
        !self.ended && (!self.closed || self.group.is_some())
    }

    /// Returns true if there is nothing to take now, but may be later.
    fn is_waited_for(&self) -> bool {
        match self.group {
            // An open group does not delay earlier writes.
            Some(complete) => complete == 0,
            None => self.writes.is_empty() && !self.closed,
        }
    }

    fn take(&mut self) -> Taken {
        let complete = self.group.unwrap_or(self.writes.len());
        let rest = self.writes.split_off(complete.min(self.writes.len()));
        let changes = std::mem::replace(&mut self.writes, rest);
        self.group = self.group.map(|_| 0);
        let rest = self.writes.iter().flatten();
        self.bytes = rest.map(Change::size_bytes).sum();
        self.taken += changes.len() as u64;
        Taken {
            changes,
            last: self.taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn message(bytes: usize) -> Vec<Change> {
        vec![Change::Message {
            sequence: 1,
            topic: String::new(),
            value: vec![0; bytes],
        }]
    }

    #[test]
    fn all_that_waits_is_taken_at_once() {
        let queue = Queue::new();
        for number in 1..=64 {
            assert_eq!(queue.add(message(10)), number);
        }
        let taken = queue.take().unwrap();
        assert_eq!(taken.changes.len(), 64);
        assert_eq!(taken.last, 64);
        queue.close();
        assert!(queue.take().is_none());
    }

    /// Returns a queue with one write before an open group, and one in it.
    fn with_open_group() -> Queue {
        let queue = Queue::new();
        queue.add(message(10));
        queue.begin();
        queue.add(message(10));
        queue
    }

    #[test]
    fn a_group_does_not_keep_back_what_came_before_it() {
        assert_eq!(with_open_group().take().unwrap().last, 1);
    }

    #[test]
    fn a_group_is_taken_whole() {
        let queue = with_open_group();
        queue.take();
        queue.close();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take().unwrap());
            queue.add(message(10));
            queue.complete();
            let taken = taken.join().unwrap();
            assert_eq!(taken.changes.len(), 2);
            assert_eq!(taken.last, 3);
        });
    }

    #[test]
    fn a_closed_queue_begins_no_group() {
        let queue = Queue::new();
        queue.close();
        queue.begin();
        queue.add(message(10));
        assert!(queue.take().is_none());
    }

    #[test]
    fn a_full_queue_has_room_once_it_is_taken() {
        let queue = Queue::new();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(queue.room()).poll(&mut context), Poll::Ready(()));
        queue.add(message(MAX_BYTES));
        let mut room = pin!(queue.room());
        assert_eq!(room.as_mut().poll(&mut context), Poll::Pending);
        queue.take();
        assert_eq!(room.poll(&mut context), Poll::Ready(()));
    }

    #[test]
    fn nobody_waits_for_room_in_a_queue_that_has_ended() {
        let queue = Queue::new();
        queue.add(message(MAX_BYTES));
        let mut context = Context::from_waker(Waker::noop());
        let mut room = pin!(queue.room());
        assert_eq!(room.as_mut().poll(&mut context), Poll::Pending);
        queue.end(None);
        assert_eq!(room.poll(&mut context), Poll::Ready(()));
    }
}
