//! Receives Google Cloud Pub/Sub pushes and runs each message's handler **once**.
//!
//! Pub/Sub pushes each message at least once, and redelivers it after any status code but five. This library verifies, deduplicates
//! and answers these pushes, and calls a plain function. Declare the function, and `main` is one list:
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
//! `push/mod.rs` conducts the HTTP side, and `delivery/mod.rs` the rest; each step is one file or folder:
//! 1. `push/authentication/`: headers to a caller, before a byte of the body is read
//! 2. `delivery/admission.rs`: one of the places of the process
//! 3. `push/forms/`: the body, bounded by `push/body.rs`, to an envelope
//! 4. `push/binding.rs`: subscription to subscriber, if this caller may push to it
//! 5. `delivery/admission.rs`, `breaker.rs`: one of the subscription's places, and a permit
//! 6. `delivery/claim.rs`, `dedup/`: granted, in progress, or done
//! 7. `delivery/run.rs`, `delivery/lease.rs`: the handler, in a separate task, with limits and a renewed lease
//! 8. `delivery/settle/`: recorded, released, or dead-lettered; then `push/reply.rs`: the status and the log line

mod breaker;
mod check;
mod commands;
mod config;
pub mod dedup;
mod delivery;
mod environment;
mod generate;
mod handler;
mod loggable;
mod package;
mod publisher;
mod push;
mod server;
mod service;
mod shutdown;
mod subscriber;
mod telemetry;
mod trace;

pub use bytes::Bytes;
pub use config::{Config, ConfigError, SETTINGS, Setting};
pub use delivery::dead_letter::{
    ERROR_ATTRIBUTE, KEPT_PREFIX, MESSAGE_ID_ATTRIBUTE, PUBLISH_TIME_ATTRIBUTE, REASON_ATTRIBUTE,
    REPLAY_COUNT_ATTRIBUTE, REPLAY_OF_ATTRIBUTE,
};
pub use environment::Environment;
pub use handler::content::Content;
pub use handler::context::Context;
pub use handler::message::{Attributes, Message, Payload, PayloadError, PayloadType, Raw};
pub use handler::outcome::{IntoOutcome, Outcome};

pub use handler::state::{State, StateType};
pub use handler::{Arguments, AsyncAnswer, FromInput, Handler, Input, InputError, Signature};
pub use publisher::{
    Confirmation, EVENT_ID_ATTRIBUTE, Outgoing, PublishError, Publisher, PublisherBuilder,
};
pub use server::Running;
pub use service::{Service, StartError};
pub use subscriber::{
    AfterCrash, Alerts, Backoff, CircuitBreaker, Conflict, Example, Idempotency, Schedule,
    StoreDown, Subscriber, TopicSchema,
};
pub use telemetry::metrics::{METRICS, Metric, MetricKind};
pub use telemetry::otlp::ExportError;
pub use time::OffsetDateTime;
pub use trace::{Trace, TraceError};

/// The examples of the pages, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/start/first-subscriber.md")]
#[doc = include_str!("../docs/start/own-repository.md")]
#[doc = include_str!("../docs/guides/idempotency-keys.md")]
#[doc = include_str!("../docs/guides/errors-and-retries.md")]
#[doc = include_str!("../docs/guides/testing.md")]
#[doc = include_str!("../docs/guides/publishing.md")]
#[doc = include_str!("../docs/guides/ordering.md")]
#[doc = include_str!("../docs/guides/long-work.md")]
struct Pages;
