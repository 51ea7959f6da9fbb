//! Tests of subscribers: in memory, repeated, crashed, and with a local Pub/Sub. Behind the feature `testing`.
//!
//! | to test | use |
//! |---|---|
//! | a handler | call it: it is a function, see [`Context::for_test`](crate::Context::for_test) |
//! | a subscriber with deduplication, limits and dead letters, without HTTP | [`InMemory`] |
//! | that a message which is delivered twice, or whose instance crashes, has the same effects | [`assert_repeatable`] |
//! | the messages that a handler publishes | [`recorder`] |
//! | the whole service with a local Pub/Sub and real tokens | [`Local`] |
//!
//! # In memory
//! ```
//! use pushgate::testing::{InMemory, Sent};
//! # use pushgate::{Idempotency, Message, Outcome, Service, Subscriber};
//! # #[derive(serde::Serialize, serde::Deserialize, validator::Validate, schemars::JsonSchema)]
//! # struct Order { id: String }
//! # async fn fulfil(_: Message<Order>) {}
//! # fn service() -> Service {
//! #     Service::new().subscriber(Subscriber::new("orders-fulfilment", fulfil).topic("orders")
//! #         .purpose("Reserves stock.").producers(["checkout"]).idempotency(Idempotency::by_message_id()))
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let service = InMemory::start(service()).await; // the same function that `main` runs
//! let order = Sent::json(&Order { id: "A-1".into() });
//! assert_eq!(service.deliver("orders-fulfilment", &order).await.outcome, "handled");
//! assert_eq!(service.deliver("orders-fulfilment", &order).await.outcome, "duplicate");
//! # }
//! ```
//!
//! # Time
//! In a test with `#[tokio::test(start_paused = true)]` time is virtual: limits, leases and pauses of minutes end at once.
//!
//! # The whole service
//! ```
//! use pushgate::testing::{Local, Sent};
//! # use pushgate::{Idempotency, Message, Outcome, Service, Subscriber};
//! # #[derive(serde::Serialize, serde::Deserialize, validator::Validate, schemars::JsonSchema)]
//! # struct Order { id: String }
//! # async fn fulfil(_: Message<Order>) {}
//! # fn service() -> Service {
//! #     Service::new().subscriber(Subscriber::new("orders-fulfilment", fulfil).topic("orders")
//! #         .purpose("Reserves stock.").producers(["checkout"]).idempotency(Idempotency::by_message_id()))
//! # }
//!
//! # #[tokio::main] async fn main() {
//! let local = Local::start(service()).await;
//! let id = local.publish("orders", &Sent::json(&Order { id: "A-1".into() }));
//! assert_eq!(local.outcome("orders-fulfilment", &id).await.outcome, "handled");
//! # }
//! ```

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit: what fails here is a failed test"
)]

mod crash;
mod in_memory;
mod local;
mod recorder;
mod repeatable;
mod sent;

pub use emulator::Forgery;

pub use self::in_memory::{DeadLettered, Delivered, InMemory};
pub use self::local::Local;
pub use self::recorder::{Recorded, Records, recorder};
pub use self::repeatable::{Case, assert_repeatable};
pub use self::sent::Sent;
