//! An instance that crashes at one of the steps of a delivery.

use std::future::pending;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::dedup::{
    Claim, ClaimStore, DedupStore, MessageKey, OperatorStore, Record, StepResult, StoreError,
    Ticket, TicketStore,
};
use crate::handler::{HandlerResult, Work};
use crate::subscriber::Subscriber;

/// A crash at one of the places that a delivery passes.
pub(super) struct Crash {
    /// The places before it.
    left: AtomicUsize,
    /// Notified when it happens.
    pub(super) happened: Notify,
    place: OnceLock<&'static str>,
}

impl Crash {
    /// Creates a crash after so many places.
    pub(super) fn at(number: usize) -> Self {
        Self {
            left: AtomicUsize::new(number),
            happened: Notify::new(),
            place: OnceLock::new(),
        }
    }

    /// Returns the place of the crash.
    pub(super) fn place(&self) -> &'static str {
        self.place.get().copied().unwrap_or_default()
    }

    /// Returns true if the instance crashes here, or has crashed before.
    fn is_here(&self, place: &'static str) -> bool {
        let passed = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if passed.is_err() {
            let _ = self.place.set(place);
            self.happened.notify_one();
        }
        passed.is_err()
    }

    /// Ends here, if the instance crashes.
    async fn pass(&self, place: &'static str) {
        if self.is_here(place) {
            pending().await
        }
    }

    /// Returns the subscriber with a handler that crashes where it waits.
    pub(super) fn within(self: &Arc<Self>, subscriber: &Subscriber) -> Subscriber {
        let mut subscriber = subscriber.clone();
        if let Work::Async(handler) = subscriber.work.clone() {
            let crash = Arc::clone(self);
            subscriber.work = Work::Async(Arc::new(move |input| {
                Box::pin(CrashingHandler {
                    running: Some(handler(input)),
                    crash: Arc::clone(&crash),
                })
            }));
        }
        subscriber
    }
}

/// A handler that is dropped where it waits.
struct CrashingHandler {
    running: Option<BoxFuture<'static, HandlerResult>>,
    crash: Arc<Crash>,
}

impl Future for CrashingHandler {
    type Output = HandlerResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<HandlerResult> {
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        let polled = running.as_mut().poll(context);
        if polled.is_pending() && self.crash.is_here("at an .await of the handler") {
            self.running = None;
        }
        polled
    }
}

/// A store whose instance crashes before or after a step.
pub(super) struct CrashingStore {
    pub(super) store: Arc<dyn DedupStore>,
    pub(super) crash: Arc<Crash>,
}

#[async_trait]
impl ClaimStore for CrashingStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let claimed = self.store.claim(ticket).await;
        self.crash.pass("after the claim").await;
        claimed
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.store.look(key).await
    }
}

#[async_trait]
impl TicketStore for CrashingStore {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        let begun = self.store.begin(ticket).await;
        self.crash
            .pass("after the record of the run's beginning")
            .await;
        begun
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.store.renew(ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.crash
            .pass("after the handler, before its record")
            .await;
        let finished = self.store.finish(ticket).await;
        self.crash.pass("after the record, before the reply").await;
        finished
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.crash
            .pass("after a failed run, before the release")
            .await;
        let released = self.store.release(ticket).await;
        self.crash.pass("after the release, before the reply").await;
        released
    }
}

#[async_trait]
impl OperatorStore for CrashingStore {}

#[async_trait]
impl DedupStore for CrashingStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}
