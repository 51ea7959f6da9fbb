//! Limits the open connections, so that clients that send nothing do not use up the process's files.
//!
//! A connection without a complete request head is closed after [`HEAD_TIME`]. Afterwards it may be idle without a limit. If all
//! places are taken, connections without a request are closed for new ones: first those that never had one, and of these the
//! longest idle. A connection with a request in progress, such as an open StreamingPull, is never closed for another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::machine_instant;

/// The time in which a new connection must send the head of its first request.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(30);
/// The most connections, however many files the process may open.
const MOST: usize = 8_192;
/// The fewest connections, however few files the process may open.
const FEWEST: usize = 16;
/// The part of all connections that is closed at a time, since finding idle ones visits each connection.
const PART_CLOSED: usize = 64;
/// The time between two log lines about a lack of places.
const QUIET: Duration = Duration::from_secs(10);

/// Returns the limit of connections: half of the files that the process may open. The others are for pushes (`push/concurrency.rs`)
/// and the data folder.
pub(super) fn limit() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
    half.clamp(FEWEST, MOST)
}

/// All places for connections.
pub(super) struct Places {
    limit: usize,
    taken: Mutex<Taken>,
    /// Notified when a place is released, or when a connection becomes idle.
    changed: Notify,
}

#[derive(Default)]
struct Taken {
    connections: HashMap<u64, Client>,
    next_id: u64,
    logged: Option<Instant>,
}

/// The place of one connection, released when it is dropped.
pub(super) struct Place {
    id: u64,
    places: Arc<Places>,
}

/// The client of a connection.
#[derive(Clone)]
pub(super) struct Client(Arc<Usage>);

struct Usage {
    /// True if it speaks without TLS, which is known with its first request.
    is_plain: AtomicBool,
    requests: Mutex<Requests>,
    places: Arc<Places>,
    /// Cancelled when its place is needed, and with the emulator.
    closing: CancellationToken,
}

struct Requests {
    in_progress: usize,
    /// True after the head of the first request.
    has_begun: bool,
    idle_since: Instant,
}

/// A request in progress, until it is dropped.
pub(super) struct InUse(Client);

impl Places {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            taken: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits for a place, and closes idle connections if there is none. `closing` ends all connections.
    pub(super) async fn take(self: &Arc<Self>, closing: &CancellationToken) -> (Place, Client) {
        loop {
            if let Some(taken) = self.try_take(closing) {
                return taken;
            }
            self.changed.notified().await;
        }
    }

    fn try_take(self: &Arc<Self>, closing: &CancellationToken) -> Option<(Place, Client)> {
        let mut taken = self.taken();
        if taken.connections.len() >= self.limit {
            taken.close_idle(self.limit / PART_CLOSED + 1);
            return None;
        }
        let client = Client(Arc::new(Usage {
            is_plain: AtomicBool::new(false),
            requests: Mutex::new(Requests {
                in_progress: 0,
                has_begun: false,
                idle_since: machine_instant(),
            }),
            places: Arc::clone(self),
            closing: closing.child_token(),
        }));
        let id = taken.next_id;
        taken.next_id += 1;
        taken.connections.insert(id, client.clone());
        let places = Arc::clone(self);
        Some((Place { id, places }, client))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Closes some idle connections, unless earlier ones are still being closed.
    fn close_idle(&mut self, most: usize) {
        let mut clients = self.connections.values();
        if clients.any(|client| client.closing().is_cancelled()) {
            return;
        }
        let clients = self.connections.values();
        let mut idle: Vec<_> = clients
            .filter_map(|client| Some((client.idle()?, client)))
            .collect();
        let count = most.min(idle.len());
        if count < idle.len() {
            idle.select_nth_unstable_by_key(count, |(key, _)| *key);
        }
        for (_, client) in idle.iter().take(count) {
            client.closing().cancel();
        }
        let now = machine_instant();
        if self.logged.is_none_or(|logged| now >= logged + QUIET) {
            self.logged = Some(now);
            tracing::warn!(
                connections = self.connections.len(),
                closed = count,
                "the limit of connections is reached: the longest idle ones are closed; half of the limit of open files (ulimit -n) decides"
            );
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().connections.remove(&self.id);
        self.places.changed.notify_one();
    }
}

impl Client {
    /// Counts a request until the result is dropped.
    pub(super) fn begin(&self) -> InUse {
        let mut requests = self.requests();
        requests.has_begun = true;
        requests.in_progress += 1;
        drop(requests);
        InUse(self.clone())
    }

    /// Returns true if the client has sent the head of a request.
    pub(super) fn has_begun(&self) -> bool {
        self.requests().has_begun
    }

    /// Returns the token that ends the connection.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    pub(super) fn is_plain(&self) -> bool {
        self.0.is_plain.load(Ordering::Relaxed)
    }

    pub(super) fn set_plain(&self, is_plain: bool) {
        self.0.is_plain.store(is_plain, Ordering::Relaxed);
    }

    /// Returns the key by which idle connections are closed first, or `None` while it has a request.
    fn idle(&self) -> Option<(bool, Instant)> {
        let requests = self.requests();
        (requests.in_progress == 0).then_some((requests.has_begun, requests.idle_since))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        let requests = self.0.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut requests = self.0.requests();
        requests.in_progress -= 1;
        requests.idle_since = machine_instant();
        drop(requests);
        self.0.0.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::advance;

    use super::*;

    async fn taken(places: &Arc<Places>) -> (Place, Client) {
        advance(Duration::from_secs(1)).await;
        places.take(&CancellationToken::new()).await
    }

    fn is_closed((_, client): &(Place, Client)) -> bool {
        client.closing().is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn connections_without_a_request_are_closed_for_a_new_one() {
        let places = Places::new(3);
        let idle = taken(&places).await;
        drop(idle.1.begin());
        let busy = taken(&places).await;
        let request = busy.1.begin();
        let silent = taken(&places).await;
        for (closed, name) in [(silent, "silent"), (idle, "idle")] {
            let mut next = pin!(taken(&places));
            assert!(futures_util::poll!(&mut next).is_pending());
            advance(Duration::from_secs(1)).await;
            assert!(futures_util::poll!(&mut next).is_pending());
            assert!(is_closed(&closed), "{name}");
            assert!(!is_closed(&busy), "{name}");
            drop(closed);
            let (place, client) = next.await;
            std::mem::forget((place, client.begin()));
        }
        let mut next = pin!(taken(&places));
        assert!(futures_util::poll!(&mut next).is_pending());
        assert!(!is_closed(&busy));
        drop(request);
        assert!(futures_util::poll!(&mut next).is_pending());
        assert!(is_closed(&busy), "once its request has ended");
        drop(busy);
        next.await;
    }
}
