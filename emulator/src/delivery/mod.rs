//! Delivers the messages of one subscription by push or pull.

mod ack_id;
mod active_faults;
mod backlog;
mod failure_log;
mod pull;
mod receive;
mod seek;
mod settings;
mod settle;
mod task;
mod throttle;
mod unanswered;
mod usage;
pub(crate) mod view;

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use self::ack_id::AckId;
use self::active_faults::ActiveFaults;
use self::backlog::Backlog;
pub(crate) use self::backlog::Remembered;
pub(crate) use self::pull::{AckResult, PullOptions, PulledMessage, StreamLimits};
pub(crate) use self::seek::SnapshotSeek;
pub(crate) use self::settle::{DeadLetter, Forwarder};
pub(crate) use self::task::DeliveryTask;
pub use self::throttle::Pace;
use self::throttle::Throttle;
pub(crate) use self::unanswered::Unanswered;
use self::unanswered::Waiting;
use crate::clock::Clock;
use crate::error::ApiError;
use crate::filter::Filter;
use crate::history::History;
use crate::journal::AckState;
use crate::journal::data_folder::OptionalDataFolder;
use crate::messages::storage::StoredMessage;
use crate::push::Destination;
use crate::resources::name::ResourceName;
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::topic::Origin;

/// The deliveries of one subscription. Its task pushes messages and ends leases. Other tasks add, pull and acknowledge
/// messages, and wake it.
pub(crate) struct Delivery {
    name: ResourceName,
    /// A random number that distinguishes the ack ids of this subscription from those of others and of an earlier one with
    /// its name.
    tag: u64,
    clock: Clock,
    data_folder: OptionalDataFolder,
    history: Arc<History>,
    /// Its topic, even if that was deleted. `None` if an earlier emulator wrote the data folder.
    origin: Option<Origin>,
    state: Mutex<State>,
    /// Wakes the task.
    changed: Notify,
    /// Wakes clients that pull.
    available: Notify,
    /// Cancelled when the subscription is deleted or the emulator stops.
    ended: CancellationToken,
    is_deleted: AtomicBool,
}

/// The parts that all subscriptions of an emulator share.
pub(crate) struct Shared {
    pub(crate) pace: Pace,
    pub(crate) clock: Clock,
    pub(crate) data_folder: OptionalDataFolder,
    pub(crate) history: Arc<History>,
    pub(crate) remembered: Arc<Remembered>,
}

struct State {
    config: SubscriptionConfig,
    filter: Filter,
    destination: Option<Arc<Destination>>,
    backlog: Backlog,
    waiting: Waiting,
    throttle: Throttle,
    active_faults: Option<ActiveFaults>,
    /// The latest seek to a snapshot.
    snapshot_seek: Option<SnapshotSeek>,
    /// The time of the last use of the subscription.
    last_active: OffsetDateTime,
    /// The number of current uses.
    users: usize,
}

impl Delivery {
    /// # Errors
    /// If the name, the filter or the push endpoint is invalid.
    pub(crate) fn new(
        config: SubscriptionConfig,
        origin: Option<Origin>,
        shared: Shared,
        ended: CancellationToken,
    ) -> Result<Self, ApiError> {
        let Shared {
            pace,
            clock,
            data_folder,
            history,
            remembered,
        } = shared;
        let name = ResourceName::subscription(&config.name)?;
        let state = State {
            filter: Filter::parse(&config.filter)?,
            destination: Destination::of(&config)?,
            backlog: Backlog::new(
                config.enable_message_ordering,
                config.retain_acked_messages,
                data_folder.is_some(),
                remembered,
            ),
            waiting: Waiting::default(),
            throttle: Throttle::new(pace),
            active_faults: None,
            snapshot_seek: None,
            last_active: clock.utc(),
            users: 0,
            config,
        };
        Ok(Self {
            name,
            tag: rand::random(),
            clock,
            data_folder,
            history,
            origin,
            state: Mutex::new(state),
            changed: Notify::new(),
            available: Notify::new(),
            ended,
            is_deleted: AtomicBool::new(false),
        })
    }

    pub(crate) fn name(&self) -> &ResourceName {
        &self.name
    }

    pub(crate) fn origin(&self) -> Option<Origin> {
        self.origin.clone()
    }

    /// Returns the name of its topic, even if that was deleted.
    fn topic(&self) -> Option<ResourceName> {
        let origin = self.origin.as_ref()?;
        ResourceName::topic(&origin.topic).ok()
    }

    pub(crate) fn config(&self) -> SubscriptionConfig {
        self.state().config.clone()
    }

    /// Ends the task and the streams, and drops the messages. Later changes are not recorded, since the next subscription
    /// may have the same name.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.backlog.stop_recording();
        state.backlog.clear();
        drop(state);
        self.is_deleted.store(true, Ordering::Relaxed);
        self.ended.cancel();
    }

    /// Wakes the task and the clients that pull.
    fn wake(&self) {
        self.changed.notify_one();
        self.available.notify_waiters();
    }

    /// Restores the messages of an earlier run.
    pub(crate) fn restore(
        &self,
        ack_states: impl Iterator<Item = (Arc<StoredMessage>, AckState)>,
        snapshot_seek: Option<SnapshotSeek>,
    ) {
        let mut state = self.state();
        state.snapshot_seek = snapshot_seek;
        for (message, ack_state) in ack_states {
            let failures = match ack_state {
                AckState::Unacked { failures } => Some(failures),
                AckState::Acked => None,
            };
            let kept_until = snapshot_seek.and_then(|snapshot_seek| snapshot_seek.keeps(&message));
            state.backlog.restore(message, failures, kept_until);
        }
        drop(state);
        self.wake();
    }

    fn state(&self) -> Locked<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked {
            state,
            delivery: self,
        }
    }
}

/// The locked state of a subscription. Unlocking writes the changes to the data folder.
struct Locked<'a> {
    state: MutexGuard<'a, State>,
    delivery: &'a Delivery,
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let Some(folder) = &self.delivery.data_folder else {
            return;
        };
        let changes = self.state.backlog.take_ack_changes();
        if !changes.is_empty() {
            folder.change_ack_states(&self.delivery.name, changes);
        }
    }
}
