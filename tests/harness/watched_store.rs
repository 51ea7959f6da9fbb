//! A store that counts its failed and successful steps.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use pushgate::dedup::{
    Claim, ClaimStore, DedupStore, MessageKey, OperatorStore, Record, StepResult, StoreError,
    Ticket, TicketStore,
};
use tokio::sync::watch;

use super::faulty_store::Step;
use super::soon;

pub(crate) struct WatchedStore {
    inner: Arc<dyn DedupStore>,
    ended: watch::Sender<HashMap<Step, Ended>>,
}

#[derive(Clone, Copy, Default)]
struct Ended {
    well: usize,
    badly: usize,
}

impl WatchedStore {
    pub(crate) fn new(inner: Arc<dyn DedupStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            ended: watch::Sender::default(),
        })
    }

    /// Waits for the next failure of this step.
    pub(crate) fn fails(&self, step: Step) -> impl Future<Output = ()> + use<> {
        self.more(step, |ended| ended.badly)
    }

    /// Waits for the next success of this step.
    pub(crate) fn succeeds(&self, step: Step) -> impl Future<Output = ()> + use<> {
        self.more(step, |ended| ended.well)
    }

    fn more(&self, step: Step, count: fn(Ended) -> usize) -> impl Future<Output = ()> + use<> {
        let mut ended = self.ended.subscribe();
        let number = move |ended: &HashMap<Step, Ended>| {
            count(ended.get(&step).copied().unwrap_or_default())
        };
        let before = number(&ended.borrow());
        async move {
            let once_more = ended.wait_for(|ended| number(ended) > before);
            soon("the end of a step in the store", once_more)
                .await
                .expect("the store");
        }
    }

    fn note<T>(&self, step: Step, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.ended.send_modify(|ended| {
            let ended = ended.entry(step).or_default();
            match answer {
                Ok(_) => ended.well += 1,
                Err(_) => ended.badly += 1,
            }
        });
        answer
    }
}

#[async_trait]
impl ClaimStore for WatchedStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        self.note(Step::Claim, self.inner.claim(ticket).await)
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.note(Step::Look, self.inner.look(key).await)
    }
}

#[async_trait]
impl TicketStore for WatchedStore {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.note(Step::Begin, self.inner.begin(ticket).await)
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.note(Step::Renew, self.inner.renew(ticket).await)
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.note(Step::Finish, self.inner.finish(ticket).await)
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.note(Step::Release, self.inner.release(ticket).await)
    }
}

#[async_trait]
impl OperatorStore for WatchedStore {}

#[async_trait]
impl DedupStore for WatchedStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}
