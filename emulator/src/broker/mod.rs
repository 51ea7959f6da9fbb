//! The topics, subscriptions and snapshots of one emulator, and the operations of all interfaces on them.

mod faults;
mod first_use;
mod policies;
mod project;
mod publish;
mod records;
mod replay;
mod restore;
mod retention;
mod saved;
mod schemas;
mod snapshot;
mod subscriptions;
mod topics;
mod without_effect;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::publish::first_sequence;
use self::snapshot::Snapshot;
use self::topics::Topic;
pub(crate) use self::without_effect::log_without_effect;
use crate::clock::Clock;
use crate::delivery::{Delivery, Pace, Remembered};
use crate::error::ApiError;
use crate::faults::Faults;
use crate::history::History;
use crate::iam::Policies;
use crate::journal::data_folder::{DataFolder, OptionalDataFolder};
use crate::messages::storage::Storage;
use crate::push::Pusher;
use crate::resources::name::ResourceName;
use crate::schema::Schemas;

/// All topics, subscriptions and snapshots. Methods do not wait. Tasks that they start deliver the messages.
///
/// The order of locks is: resources, schemas, policies. The lock of a subscription follows the resources.
pub(crate) struct Broker {
    resources: Mutex<Resources>,
    schemas: Mutex<Schemas>,
    policies: Policies,
    pusher: Pusher,
    clock: Clock,
    data_folder: OptionalDataFolder,
    history: Arc<History>,
    remembered: Arc<Remembered>,
    pace: Pace,
    seed: u64,
    faults: Faults,
    is_strict: bool,
    creates_missing: bool,
    runtime: Handle,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

struct Resources {
    topics: BTreeMap<ResourceName, Topic>,
    subscriptions: BTreeMap<ResourceName, Arc<Delivery>>,
    snapshots: BTreeMap<ResourceName, Snapshot>,
    storage: Storage,
    /// The sequence of the next message, which is also its id.
    next_sequence: u64,
}

/// The context of a broker and its tasks.
pub(crate) struct BrokerContext {
    pub(crate) runtime: Handle,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) data_folder: OptionalDataFolder,
    /// The default seed of faults.
    pub(crate) seed: u64,
    /// The faults of new subscriptions.
    pub(crate) faults: Faults,
    /// True if settings without effect are rejected.
    pub(crate) is_strict: bool,
    /// True if topics and subscriptions are created on first use.
    pub(crate) creates_missing: bool,
    pub(crate) history: Arc<History>,
}

impl Broker {
    /// Creates a broker without topics. Its tasks end when `stopping` is cancelled.
    pub(crate) fn new(pusher: Pusher, clock: Clock, pace: Pace, context: BrokerContext) -> Self {
        let resources = Resources {
            topics: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            storage: Storage::new(context.data_folder.clone()),
            next_sequence: first_sequence(),
        };
        Self {
            resources: Mutex::new(resources),
            schemas: Mutex::new(Schemas::default()),
            policies: Policies::default(),
            pusher,
            clock,
            data_folder: context.data_folder,
            history: context.history,
            remembered: Arc::default(),
            pace,
            seed: context.seed,
            faults: context.faults,
            is_strict: context.is_strict,
            creates_missing: context.creates_missing,
            runtime: context.runtime,
            tasks: context.tasks,
            stopping: context.stopping,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a task that ends with the emulator.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    fn resources(&self) -> Locked<'_> {
        let resources = self.resources.lock();
        let folder = self.data_folder.as_deref();
        let resources = resources.unwrap_or_else(PoisonError::into_inner);
        folder.inspect(|folder| folder.begin());
        Locked { resources, folder }
    }
}

/// The locked resources. Their changes are recorded as one group. So after a crash every message is in all of its
/// subscriptions, and every deletion is complete.
struct Locked<'a> {
    resources: MutexGuard<'a, Resources>,
    folder: Option<&'a DataFolder>,
}

impl Deref for Locked<'_> {
    type Target = Resources;

    fn deref(&self) -> &Resources {
        &self.resources
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Resources {
        &mut self.resources
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.folder.inspect(|folder| folder.complete());
    }
}

impl Resources {
    fn find_topic(&mut self, name: &ResourceName) -> Result<&mut Topic, ApiError> {
        self.topics.get_mut(name).ok_or_else(|| name.not_found())
    }

    fn find_subscription(&self, name: &ResourceName) -> Result<&Arc<Delivery>, ApiError> {
        self.subscriptions.get(name).ok_or_else(|| name.not_found())
    }
}

/// Returns an error if a limit is reached.
fn check_count(what: &str, found: usize, limit: usize) -> Result<(), ApiError> {
    if found < limit {
        return Ok(());
    }
    Err(ApiError::ResourceExhausted(format!(
        "The emulator holds at most {limit} {what}"
    )))
}
