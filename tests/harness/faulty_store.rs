//! A store whose steps fail on request: before they happen, or after, with the answer lost.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use pushgate::dedup::{
    Claim, ClaimStore, DedupStore, MemoryStore, MessageKey, OperatorStore, Record, StepResult,
    StoreError, Ticket, TicketStore,
};
use tokio::sync::watch;

use super::{Service, Setup, subscriber};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Claim,
    Begin,
    Renew,
    Finish,
    Release,
    Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The step is not executed.
    Down,
    /// The step is executed, but its answer is lost.
    LostReply,
}

/// A memory store behind a bad network.
pub(crate) struct FaultyStore {
    inner: Mutex<Arc<MemoryStore>>,
    /// The failures still to come.
    faults: Mutex<HashMap<Step, (Fault, usize)>>,
    calls: watch::Sender<HashMap<Step, usize>>,
}

impl FaultyStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            faults: Mutex::default(),
            calls: watch::Sender::default(),
        })
    }

    /// Lets `step` fail `times` times from now on.
    pub(crate) fn fail(&self, step: Step, fault: Fault, times: usize) {
        self.faults
            .lock()
            .expect("faults")
            .insert(step, (fault, times));
    }

    /// Loses everything, as a server without persistence does.
    pub(crate) fn forget(&self) {
        *self.inner() = Arc::default();
    }

    fn inner(&self) -> MutexGuard<'_, Arc<MemoryStore>> {
        self.inner.lock().expect("the store")
    }

    /// The current store.
    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.inner())
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().expect("faults").clear();
    }

    pub(crate) fn calls(&self, step: Step) -> usize {
        self.calls.borrow().get(&step).copied().unwrap_or_default()
    }

    /// Waits for this number of calls of `step`.
    pub(crate) async fn called(&self, step: Step, times: usize) {
        let mut calls = self.calls.subscribe();
        let enough = calls.wait_for(|calls| calls.get(&step).copied().unwrap_or_default() >= times);
        super::soon("a step in the store", enough)
            .await
            .expect("the store");
    }

    async fn answer<T>(
        &self,
        step: Step,
        happen: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls
            .send_modify(|calls| *calls.entry(step).or_default() += 1);
        let fault = {
            let mut faults = self.faults.lock().expect("faults");
            match faults.get_mut(&step) {
                Some((fault, times)) if *times > 0 => {
                    *times -= 1;
                    Some(*fault)
                }
                _ => None,
            }
        };
        let lost =
            || StoreError::Unavailable(Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        match fault {
            Some(Fault::Down) => Err(lost()),
            Some(Fault::LostReply) => happen.await.and_then(|_| Err(lost())),
            None => happen.await,
        }
    }
}

#[async_trait]
impl ClaimStore for FaultyStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        self.answer(Step::Claim, self.store().claim(ticket)).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.answer(Step::Look, self.store().look(key)).await
    }
}

#[async_trait]
impl TicketStore for FaultyStore {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.answer(Step::Begin, self.store().begin(ticket)).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.answer(Step::Renew, self.store().renew(ticket)).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.answer(Step::Finish, self.store().finish(ticket)).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.answer(Step::Release, self.store().release(ticket))
            .await
    }
}

#[async_trait]
impl OperatorStore for FaultyStore {}

#[async_trait]
impl DedupStore for FaultyStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.store().ping().await
    }
}

/// A service on a faulty store, with short leases and long limits.
pub(crate) async fn on_faulty_store() -> (Service, Arc<FaultyStore>) {
    let store = FaultyStore::new();
    let short = subscriber("probe")
        .lease(Duration::from_secs(1))
        .ack_deadline(Duration::from_secs(600));
    (
        Setup::new()
            .subscriber(short)
            .store(store.clone())
            .start()
            .await,
        store,
    )
}
