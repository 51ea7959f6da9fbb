//! The notices of the subscriptions, as this process knows them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::dedup::layers::circuit::Circuit;
use crate::dedup::{DedupStore, Notice};
use crate::loggable::chain;

/// The longest time after which a change of an operator is known. `pushgate replay` waits for it.
pub(crate) const KNOWN_AFTER: Duration = Duration::from_secs(10);

/// The notices by subscription. They are read when duplicates arrive.
#[derive(Clone)]
pub(super) struct Notices {
    store: Arc<dyn DedupStore>,
    circuit: Circuit,
    known: Arc<Mutex<HashMap<String, Arc<Known>>>>,
}

/// One reading, which all callers share.
#[derive(Default)]
struct Known {
    read: OnceCell<(Instant, Arc<Notice>)>,
    before: Arc<Notice>,
}

impl Known {
    fn notice(&self) -> &Arc<Notice> {
        self.read.get().map_or(&self.before, |(_, notice)| notice)
    }
}

impl Notices {
    pub(super) fn new(store: Arc<dyn DedupStore>, circuit: Circuit) -> Self {
        Self {
            store,
            circuit,
            known: Arc::default(),
        }
    }

    /// Returns the notice, read within the last seconds. If the store does not answer, the last known one counts: to refuse all
    /// duplicates in an outage would use up their delivery attempts.
    pub(super) async fn of(&self, subscription: &str) -> Arc<Notice> {
        let known = self.current(subscription);
        let read = known.read.get_or_init(|| async {
            let start = Instant::now();
            let reading = Notice::read(self.store.as_ref(), subscription);
            let notice = self.circuit.run(reading).await.map(Arc::new);
            let notice = notice.unwrap_or_else(|error| {
                let error = chain(&error);
                tracing::warn!(
                    subscription,
                    error,
                    "the changes of operators cannot be read, so duplicates count as handled"
                );
                Arc::clone(&known.before)
            });
            (start, notice)
        });
        Arc::clone(&read.await.1)
    }

    /// Returns the generation that was known last.
    pub(super) fn generation(&self, subscription: &str) -> u64 {
        let known = self.known();
        let known = known.get(subscription);
        known.map_or(0, |known| known.notice().generation)
    }

    fn current(&self, subscription: &str) -> Arc<Known> {
        let mut all = self.known();
        let Some(known) = all.get_mut(subscription) else {
            return Arc::clone(all.entry(subscription.to_owned()).or_default());
        };
        let is_old = |(read, _): &(Instant, _)| read.elapsed() >= KNOWN_AFTER;
        if known.read.get().is_some_and(is_old) {
            *known = Arc::new(Known {
                read: OnceCell::new(),
                before: Arc::clone(known.notice()),
            });
        }
        Arc::clone(known)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
