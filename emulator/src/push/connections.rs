//! The kept connections of each endpoint.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::Uri;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use crate::clock::machine_instant;

/// The most idle connections of all emulators in this process. Together with those in use (`concurrency.rs`), they stay below
/// 1,024 open files, even if the endpoint is in this process too.
static ROOM: Semaphore = Semaphore::const_new(100);
/// The longest idle time, shorter than that of servers (often five seconds), so that a connection is rarely closed when it
/// is used.
const IDLE_TIME: Duration = Duration::from_secs(4);
/// The most connections that are being opened to one endpoint. Systems drop those that wait to be accepted.
const MAX_OPENING: usize = 16;

/// The idle connections to one endpoint.
pub(super) struct Connections {
    state: Mutex<State>,
    opening: Semaphore,
}

#[derive(Default)]
struct State {
    /// Idle connections, the last used one at the back.
    idle: VecDeque<Idle>,
    /// True while a task closes idle connections.
    is_watched: bool,
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
    _room: SemaphorePermit<'static>,
}

/// The connections of all endpoints of subscriptions.
#[derive(Default)]
pub(super) struct Endpoints(Mutex<HashMap<String, Weak<Connections>>>);

impl Endpoints {
    /// Returns the kept connections to an endpoint. With a set for each subscription, many subscriptions of one endpoint
    /// would displace each other's connections, and open one for nearly every push.
    pub(super) fn to(&self, endpoint: &Uri) -> Arc<Connections> {
        let endpoint = endpoint.to_string();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = kept.get(&endpoint).and_then(Weak::upgrade) {
            return connections;
        }
        kept.retain(|_, connections| connections.strong_count() > 0);
        let connections = Arc::default();
        kept.insert(endpoint, Arc::downgrade(&connections));
        connections
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            opening: Semaphore::new(MAX_OPENING),
        }
    }
}

impl Connections {
    /// Waits until another connection may be opened. The semaphore is never closed, so the wait ends.
    pub(super) async fn turn_to_open(&self) -> Option<SemaphorePermit<'_>> {
        self.opening.acquire().await.ok()
    }

    /// Takes the connection that was used last, which is the likeliest to be open.
    pub(super) fn take(&self) -> Option<Box<Connection>> {
        let idle = self.state().idle.pop_back()?;
        Some(idle.connection)
    }

    /// Keeps a connection, or closes it if there is no room.
    pub(super) fn keep(self: &Arc<Self>, connection: Box<Connection>) {
        let Ok(room) = ROOM.try_acquire() else { return };
        let mut state = self.state();
        let now = machine_instant();
        state.idle.push_back(Idle {
            connection,
            since: now,
            _room: room,
        });
        if !state.is_watched {
            state.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(self), now + IDLE_TIME));
        }
    }

    /// Closes connections that were idle for too long, and returns the next expiry, if any is left.
    fn close_expired(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        while let Some(oldest) = state.idle.front() {
            let expiry = oldest.since + IDLE_TIME;
            if expiry > now {
                return Some(expiry);
            }
            state.idle.pop_front();
        }
        state.is_watched = false;
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes idle connections until none is left.
async fn watch(connections: Weak<Connections>, first: Instant) {
    let mut next = Some(first);
    while let Some(expiry) = next {
        sleep_until(expiry).await;
        next = connections
            .upgrade()
            .and_then(|connections| connections.close_expired(machine_instant()));
    }
}
