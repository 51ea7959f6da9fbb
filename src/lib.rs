//! Receives Google Cloud Pub/Sub pushes and runs each message's handler **once**.
//!
//! Pub/Sub posts each message at least once and takes anything but five status codes as "again, please". This library is
//! what stands between those posts and a plain function. Declare the function, and `main` is one list:
//!
//! ```no_run
//! use pushgate::{Idempotency, Message, Outcome, Service, Subscriber};
//!
//! #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
//! struct Order {
//!     #[validate(length(min = 1))]
//!     id: String,
//! }
//!
//! async fn fulfil(order: Message<Order>) -> Outcome {
//!     println!("reserving stock for {}", order.id);
//!     Outcome::Success
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let orders = Subscriber::new("orders-fulfilment", fulfil)
//!         .topic("orders")
//!         .purpose("Reserves stock for every paid order.")
//!         .producers(["checkout"])
//!         .idempotency(Idempotency::by_message_id());
//!     Service::new().subscriber(orders).run()
//! }
//! ```
//!
//! # The path of a push
//! `push.rs` knows every step, and each step is a file of its own:
//! 1. `authentication/`: headers to a caller; before a byte of the body is read
//! 2. `admission.rs`, `body.rs`, `envelope/`: room in the process; the push, whatever its form, to an envelope, bounded in size and time
//! 3. `registry.rs`: subscription to subscriber, if this caller may push to it
//! 4. `admission.rs`: is there room for the subscription?
//! 5. `claim.rs`, `dedup/`: granted, done, or wait for the one at work
//! 6. `handling.rs`, `run.rs`, `lease.rs`: the handler, in a task of its own, with limits and a kept lease
//! 7. `settle.rs`, `dead_letter.rs`: recorded, dead-lettered or given back
//! 8. `reply.rs`: the status and the one log line

mod admission;
mod attempt;
mod authentication;
mod body;
mod breaker;
mod claim;
mod commands;
mod config;
mod connections;
mod context;
mod dead_letter;
mod decoding;
pub mod dedup;
mod derive;
mod drain;
mod encoding;
mod envelope;
mod excerpt;
mod executor;
mod field_names;
mod handler;
mod handling;
mod hash;
mod json_pointer;
mod large;
mod lease;
mod message;
mod metadata;
mod objects;
mod outcome;
mod payload;
mod pools;
mod publisher;
mod push;
mod readiness;
mod refusals;
mod registered;
mod registry;
mod reply;
mod retries;
mod run;
mod runs;
mod server;
mod service;
mod settle;
mod settlement;
mod state;
mod strict;
mod subscriber;
mod telemetry;
mod threads;
mod trace;
mod violations;
mod watchdog;

pub use bytes::Bytes;
pub use config::{Config, ConfigError, SETTINGS, Setting};
pub use context::Context;
pub use dead_letter::{
    ERROR_ATTRIBUTE, KEPT_PREFIX, MESSAGE_ID_ATTRIBUTE, PUBLISH_TIME_ATTRIBUTE, REASON_ATTRIBUTE,
};
pub use handler::{
    Arguments, AsyncAnswer, Delivery, DeliveryError, FromDelivery, Handler, Signature,
};
pub use message::{Attributes, Message, Payload, PayloadError, Raw};
pub use outcome::{IntoOutcome, Outcome};
pub use payload::{Content, PayloadType};
pub use publisher::{
    Confirmation, EVENT_ID_ATTRIBUTE, Outgoing, PublishError, Publisher, PublisherBuilder,
};
pub use server::Running;
pub use service::{Service, StartError};
pub use state::{Environment, State, StateType};
pub use subscriber::{
    AfterCrash, Alerts, Backoff, CircuitBreaker, Conflict, Example, Idempotency, Schedule,
    StoreDown, Subscriber, TopicSchema,
};
pub use time::OffsetDateTime;
pub use trace::{Trace, TraceError};

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
