//! A message that is delivered again must have no other effect, wherever its first delivery ended.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Sent;
use super::crash::{Crash, CrashingStore};
use super::in_memory::{InMemory, Shared};
use crate::service::Service;
use crate::subscriber::AfterCrash;

/// The most crashes of a delivery that are tried.
const CRASHES: usize = 1_000;
/// The most deliveries after a crash.
const DELIVERIES: usize = 10;

/// A service with fresh states, and the effects that its handlers have on them.
pub struct Case<E> {
    service: Service,
    effects: Box<dyn Fn() -> E>,
}

impl<E> Case<E> {
    /// Creates a case. `effects` returns what the handler has done, such as the rows of a table or the calls of a fake.
    pub fn new(service: Service, effects: impl Fn() -> E + 'static) -> Self {
        Self {
            service,
            effects: Box::new(effects),
        }
    }
}

/// Delivers a message undisturbed, and then to fresh cases: twice, twice at the same time, and with a crash at each step: after
/// each call of the store, and at each `.await` of an `async` handler that waits. After a crash the message is delivered again
/// once its lease has expired. The effects must be those of the undisturbed delivery.
///
/// Use `#[tokio::test(start_paused = true)]`, so that leases take no time.
///
/// A subscriber with [`AfterCrash::Park`](crate::AfterCrash::Park) dead-letters a message whose run was interrupted, so the effects
/// after such a crash are not compared.
///
/// # Panics
/// If the effects differ: the message names the crash. Also if the undisturbed delivery, or one after a crash, is not settled.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use pushgate::testing::{Case, Sent, assert_repeatable};
/// use pushgate::{Idempotency, Message, Raw, Service, State, Subscriber};
///
/// async fn count(_: Message<Raw>, counter: State<Arc<AtomicU32>>) {
///     counter.store(1, Ordering::SeqCst); // fetch_add would fail the test: a crash after it counts the message twice
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # tokio::time::pause();
/// let case = || {
///     let counter = Arc::new(AtomicU32::new(0));
///     let state = Arc::clone(&counter);
///     let subscriber = Subscriber::new("uploads-count", count)
///         .topic("uploads")
///         .purpose("Counts uploads.")
///         .producers(["uploader"])
///         .idempotency(Idempotency::by_message_id());
///     let service = Service::new().subscriber(subscriber).state(move |_| {
///         let state = Arc::clone(&state);
///         async move { Ok::<_, std::io::Error>(state) }
///     });
///     Case::new(service, move || counter.load(Ordering::SeqCst))
/// };
/// assert_repeatable(case, "uploads-count", &Sent::raw("a file")).await;
/// # }
/// ```
pub async fn assert_repeatable<E: PartialEq + Debug>(
    case: impl Fn() -> Case<E>,
    subscription: &str,
    message: &Sent,
) {
    let expected = effects_of(case(), async |instance| {
        settled(&instance, subscription, message, "undisturbed").await;
    })
    .await;
    let twice = effects_of(case(), async |instance| {
        for _ in 0..2 {
            settled(&instance, subscription, message, "delivered twice").await;
        }
    });
    assert_eq!(twice.await, expected, "delivered twice");
    let at_once = effects_of(case(), async |instance| {
        let deliver = || instance.deliver(subscription, message);
        tokio::join!(deliver(), deliver());
    });
    assert_eq!(at_once.await, expected, "delivered twice at the same time");
    for number in 0..CRASHES {
        match crash(case(), number, subscription, message).await {
            Crashed::At { place, effects } => {
                assert_eq!(effects, expected, "after a crash {place} (crash {number})");
            }
            Crashed::Parked => {}
            Crashed::Never => return,
        }
    }
    panic!("a delivery has more than {CRASHES} steps at which it may crash");
}

async fn effects_of<E>(case: Case<E>, deliver: impl AsyncFnOnce(InMemory)) -> E {
    let instance = InMemory::start(case.service).await;
    deliver(instance).await;
    (case.effects)()
}

async fn settled(instance: &InMemory, subscription: &str, message: &Sent, how: &str) {
    for _ in 0..DELIVERIES {
        let delivered = instance.deliver(subscription, message).await;
        if !delivered.is_redelivered {
            return;
        }
        if delivered.outcome != "in progress elsewhere" && how != "crashed" {
            panic!("{how}: the message is not settled: {delivered:?}");
        }
    }
    panic!("{how}: the message is not settled after {DELIVERIES} deliveries");
}

/// The result of a delivery that was to crash.
enum Crashed<E> {
    At {
        place: &'static str,
        effects: E,
    },
    /// The message was parked, since its run was interrupted.
    Parked,
    /// The delivery ended before.
    Never,
}

async fn crash<E>(case: Case<E>, number: usize, subscription: &str, message: &Sent) -> Crashed<E> {
    let shared = Shared::open(case.service).await;
    let declared = shared.subscribers.iter().find(|one| one.id == subscription);
    let (lease, parks) = declared.map_or((Duration::ZERO, false), |one| {
        (one.dedup.lease, one.dedup.after_crash == AfterCrash::Park)
    });
    let crash = Arc::new(Crash::at(number));
    let first = InMemory::of(Shared {
        subscribers: shared
            .subscribers
            .iter()
            .map(|one| crash.within(one))
            .collect(),
        store: Arc::new(CrashingStore {
            store: Arc::clone(&shared.store),
            crash: Arc::clone(&crash),
        }),
        ..shared.clone()
    });
    let first = first.await;
    tokio::select! {
        _ = first.deliver(subscription, message) => return Crashed::Never,
        () = crash.happened.notified() => {}
    }
    first.kill();
    drop(first);
    let second = InMemory::of(shared).await;
    sleep(lease + Duration::from_millis(1)).await;
    settled(&second, subscription, message, "crashed").await;
    if parks && !second.dead_letters().is_empty() {
        return Crashed::Parked;
    }
    Crashed::At {
        place: crash.place(),
        effects: (case.effects)(),
    }
}
