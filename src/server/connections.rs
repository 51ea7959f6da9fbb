//! Limits the open connections, and closes idle ones for new ones.
//!
//! An attacker can hold connections at no cost. So a connection without a request is closed after [`IDLE`], or immediately when its
//! place is needed: first those that never had a push of a known caller, and of these the longest idle one. A connection with a
//! request is never closed for another. There are more places than requests at a time, so a new connection always gets a place,
//! also for a health check.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// The time after which a connection without a request is closed.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// The default limit of connections. Cloud Run sends at most 1,000 requests at once to an instance.
const MOST: usize = 4096;
/// The part of all connections (a quarter) above which idle connections of one address are closed for its new ones. No connection
/// is rejected, since all clients of Cloud Run's front end or of a proxy share an address.
const SHARE_OF_A_PEER: usize = 4;
/// The part of all connections that is closed at a time, since finding idle ones visits each connection.
const PART_CLOSED: usize = 64;
/// The time until the next search for idle connections, if all had a request.
const PAUSE: Duration = Duration::from_millis(20);
/// The time between two log lines about a full table.
const QUIET: Duration = Duration::from_secs(10);

/// Returns the limits of concurrent connections and pushes. Both are lower if this process may open few files.
pub(crate) fn limits(concurrency: usize) -> (usize, usize) {
    let wanted = MOST.max(concurrency + concurrency / 2);
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    });
    // The remaining files are for the store, for handlers and for the process itself.
    let connections = wanted.min(files / 4 * 3).max(16);
    let pushes = concurrency.min(connections / 3 * 2);
    if connections < wanted {
        tracing::warn!(
            files,
            connections,
            pushes,
            "the limit of open files allows fewer than {wanted} connections: raise it to {} or more (ulimit -n)",
            wanted.div_ceil(3) * 4
        );
    }
    (connections, pushes)
}

/// All connections.
pub(crate) struct Connections {
    limit: usize,
    places: Arc<Semaphore>,
    open: Mutex<Open>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct Open {
    connections: HashMap<u64, Arc<Connection>>,
    by_peer: HashMap<IpAddr, usize>,
    logged: Option<Instant>,
}

/// One connection.
pub(crate) struct Connection {
    peer: IpAddr,
    usage: Mutex<Usage>,
    /// Cancelled when its place is needed.
    pub(crate) evicted: CancellationToken,
}

#[derive(Clone, Copy)]
struct Usage {
    requests: usize,
    idle_since: Instant,
    is_of_known_caller: bool,
}

/// The place of a connection, released when dropped.
pub(crate) struct Entry {
    id: u64,
    pub(crate) connection: Arc<Connection>,
    connections: Arc<Connections>,
    _place: OwnedSemaphorePermit,
}

/// A request that is not answered yet, until dropped.
pub(crate) struct InUse(Arc<Connection>);

impl Connections {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            places: Arc::new(Semaphore::new(limit)),
            open: Mutex::default(),
            next_id: AtomicU64::new(0),
        })
    }

    /// Returns a place for a connection of this peer, after closing idle connections if none is free.
    pub(crate) async fn enter(self: &Arc<Self>, peer: IpAddr) -> Entry {
        let of_peer = self.open().by_peer.get(&peer).copied().unwrap_or_default();
        if of_peer >= self.limit / SHARE_OF_A_PEER {
            self.close_idle(|connection| connection.peer == peer && !connection.is_trusted());
        }
        let place = loop {
            let place = Arc::clone(&self.places).acquire_owned();
            if self.places.available_permits() == 0 {
                self.make_room();
            }
            if let Ok(Ok(place)) = timeout(PAUSE, place).await {
                break place;
            }
        };
        self.add(peer, place)
    }

    fn add(self: &Arc<Self>, peer: IpAddr, place: OwnedSemaphorePermit) -> Entry {
        let connection = Arc::new(Connection {
            peer,
            usage: Mutex::new(Usage {
                requests: 0,
                idle_since: Instant::now(),
                is_of_known_caller: false,
            }),
            evicted: CancellationToken::new(),
        });
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open();
        open.connections.insert(id, Arc::clone(&connection));
        *open.by_peer.entry(peer).or_default() += 1;
        Entry {
            id,
            connection,
            connections: Arc::clone(self),
            _place: place,
        }
    }

    /// Closes some idle connections of any peer.
    pub(crate) fn make_room(&self) {
        self.close_idle(|_| true);
    }

    fn close_idle(&self, may_close: impl Fn(&Connection) -> bool) {
        let mut open = self.open();
        let count = open.connections.len();
        let mut idle: Vec<_> = open
            .connections
            .values()
            .filter(|connection| !connection.evicted.is_cancelled() && may_close(connection))
            .filter_map(|connection| Some((connection.idle()?, connection)))
            .collect();
        let enough = (self.limit / PART_CLOSED + 1).min(idle.len());
        if enough < idle.len() {
            idle.select_nth_unstable_by_key(enough, |(key, _)| *key);
        }
        for (_, connection) in idle.into_iter().take(enough) {
            connection.evicted.cancel();
        }
        if open.logged.is_none_or(|logged| logged.elapsed() >= QUIET) {
            open.logged = Some(Instant::now());
            tracing::warn!(
                connections = count,
                closed = enough,
                "the connection limit is reached: the longest idle connections are closed"
            );
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.connections.remove(&self.id);
        let peer = self.connection.peer;
        if let Some(count) = open.by_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                open.by_peer.remove(&peer);
            }
        }
    }
}

impl Connection {
    /// Counts a request until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InUse {
        self.usage().requests += 1;
        InUse(Arc::clone(self))
    }

    /// Records that a known caller uses the connection.
    pub(crate) fn trust(&self) {
        self.usage().is_of_known_caller = true;
    }

    fn is_trusted(&self) -> bool {
        self.usage().is_of_known_caller
    }

    /// Waits until the connection has been idle for [`IDLE`].
    pub(crate) async fn idled(&self) {
        loop {
            let now = Instant::now();
            let end = self.idle().map_or(now, |(_, since)| since) + IDLE;
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }

    /// Returns the key by which idle connections are closed first, or `None` while it has a request.
    fn idle(&self) -> Option<(bool, Instant)> {
        let usage = self.usage();
        (usage.requests == 0).then_some((usage.is_of_known_caller, usage.idle_since))
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.requests -= 1;
        usage.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(number: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, number).into()
    }

    fn evicted(entries: &[Entry]) -> Vec<u64> {
        let evicted = |entry: &&Entry| entry.connection.evicted.is_cancelled();
        entries
            .iter()
            .filter(evicted)
            .map(|entry| entry.id)
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_of_an_unknown_caller_is_closed() {
        let connections = Connections::new(16);
        let mut entries = Vec::new();
        for number in 0..16 {
            advance(SECOND).await;
            entries.push(connections.enter(peer(number)).await);
        }
        entries[0].connection.trust();
        let in_use = entries[1].connection.begin();
        drop(entries[2].connection.begin()); // a recent request
        let next = connections.enter(peer(99));
        let longest = Arc::clone(&entries[3].connection);
        let made = async {
            longest.evicted.cancelled().await;
            assert_eq!(evicted(&entries), [3]);
            drop(entries.remove(3));
        };
        let (next, ()) = tokio::join!(next, made);
        assert!(evicted(&entries).is_empty());
        assert_eq!(next.id, 16);
        drop(in_use);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_beyond_its_share_loses_idle_connections_of_its_own() {
        let connections = Connections::new(32);
        let mut entries = vec![connections.enter(peer(1)).await];
        for _ in 0..8 {
            advance(SECOND).await;
            entries.push(connections.enter(peer(2)).await);
        }
        assert!(evicted(&entries).is_empty());
        entries.push(connections.enter(peer(2)).await);
        assert_eq!(evicted(&entries), [1]);
        for entry in &entries {
            entry.connection.trust();
        }
        entries.push(connections.enter(peer(2)).await);
        assert_eq!(evicted(&entries), [1], "but none that pushed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_from_the_end_of_its_last_request() {
        let connections = Connections::new(16);
        let connection = connections.enter(peer(1)).await.connection.clone();
        let start = Instant::now();
        let in_use = connection.begin();
        let request = async {
            sleep_until(start + 2 * IDLE).await;
            drop(in_use);
        };
        tokio::join!(connection.idled(), request);
        assert_eq!(start.elapsed().as_secs(), 3 * IDLE.as_secs());
    }
}
