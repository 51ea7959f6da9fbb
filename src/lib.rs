//! Receives Google Cloud Pub/Sub pushes and runs each message's handler **once**.
//!
//! # The idea
//! Pub/Sub pushes each message at least once, and redelivers it after any status code but five. A subscriber is a plain function and
//! a declaration beside it. This library verifies who pushes, recognizes duplicates, calls the function, and answers so that no
//! message is lost. From the declaration it derives the infrastructure, the documents and a local Pub/Sub. `main` is one list:
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
//!     Service::new()
//!         .package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
//!         .subscriber(orders)
//!         .run()
//! }
//! ```
//!
//! The program has the commands `serve`, `dev` (with the feature `dev`), `generate`, `check`, `publish` and more: see its `--help`.
//!
//! # What a handler takes
//! A [`Message`], a [`Context`] and [`State`]s, in any order.
//!
//! `Message<T>`: JSON, decoded and validated before the handler runs. A message that does not fit is dead-lettered.
//! ```
//! # use pushgate::Message;
//! #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
//! struct Refund {
//!     #[validate(range(min = 1))]
//!     cents: u32,
//! }
//!
//! async fn pay_back(refund: Message<Refund>) {
//!     println!("{} cents", refund.cents);
//! }
//! # let _ = pushgate::Subscriber::new("refunds-payment", pay_back);
//! ```
//!
//! `Message<`[`Raw`]`>`: the bytes as they were published.
//! ```
//! # use pushgate::{Message, Raw};
//! async fn archive(picture: Message<Raw>) {
//!     println!("{} bytes", picture.len());
//! }
//! # let _ = pushgate::Subscriber::new("pictures-archive", archive);
//! ```
//!
//! `Message<`[`Attributes`]`>`: the attributes of a message whose data do not matter.
//! ```
//! # use pushgate::{Attributes, Message};
//! async fn index(object: Message<Attributes>) {
//!     println!("{:?}", object.get("objectId"));
//! }
//! # let _ = pushgate::Subscriber::new("uploads-index", index);
//! ```
//!
//! [`Context`]: the key for the services that the handler calls, the time that is left, message id and attributes.
//! ```
//! # use pushgate::{Context, Message, Outcome, Raw};
//! async fn import(file: Message<Raw>, context: Context) -> Outcome {
//!     for line in file.split(|byte| *byte == b'\n') {
//!         if context.is_stopping() {
//!             return Outcome::retry("the time is up");
//!         }
//!         println!("{} bytes with the key {}", line.len(), context.idempotency_key());
//!         tokio::task::yield_now().await;
//!     }
//!     Outcome::Success
//! }
//! # let _ = pushgate::Subscriber::new("files-import", import);
//! ```
//!
//! [`State`]: what handlers share, opened once at the start.
//! ```
//! # use pushgate::{Environment, Message, Raw, Service, State};
//! struct Bank {
//!     url: String,
//! }
//!
//! async fn open(environment: Environment) -> Result<Bank, &'static str> {
//!     let url = environment.get("BANK_URL").ok_or("BANK_URL is not set")?;
//!     Ok(Bank { url: url.into() })
//! }
//!
//! async fn pay(_: Message<Raw>, bank: State<Bank>) {
//!     println!("calling {}", bank.url);
//! }
//! # let _ = pushgate::Subscriber::new("payments", pay);
//!
//! let service = Service::new().state(open);
//! ```
//!
//! `State<`[`Publisher<T>`](Publisher)`>`: publishes what follows from a message.
//! ```
//! # use pushgate::{Context, Message, Outgoing, PublishError, Publisher, Raw, Service, State};
//! #[derive(serde::Serialize, validator::Validate)]
//! struct Paid {
//!     cents: u32,
//! }
//!
//! async fn settle(_: Message<Raw>, context: Context, paid: State<Publisher<Paid>>) -> Result<(), PublishError> {
//!     let event = Outgoing::new(Paid { cents: 1999 })
//!         .caused_by(&context)
//!         .event_id(format!("{}-paid", context.idempotency_key()));
//!     paid.publish(event).await?;
//!     Ok(())
//! }
//! # let _ = pushgate::Subscriber::new("settlement", settle);
//!
//! let service = Service::new().state(|environment| Publisher::<Paid>::open(environment, "payments"));
//! ```
//!
//! # What it returns
//! `()`, an [`Outcome`], or a `Result` of one of them. An error means that the message is delivered again.
//!
//! [`Subscriber::new`] takes an `async` function, [`Subscriber::blocking`] one that waits on its thread, [`Subscriber::cpu`] one that
//! computes:
//! ```
//! # use pushgate::{Message, Raw, Subscriber};
//! fn write(letter: Message<Raw>) -> std::io::Result<()> {
//!     std::fs::write("letter", &**letter)
//! }
//! let letters = Subscriber::blocking("letters", write);
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
mod gateway;
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
#[cfg(feature = "testing")]
pub mod testing;
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
#[doc = include_str!("../docs/adopt.md")]
#[doc = include_str!("../docs/start/first-subscriber.md")]
#[doc = include_str!("../docs/start/own-repository.md")]
#[doc = include_str!("../docs/guides/idempotency-keys.md")]
#[doc = include_str!("../docs/guides/errors-and-retries.md")]
#[doc = include_str!("../docs/guides/testing.md")]
#[doc = include_str!("../docs/guides/publishing.md")]
#[doc = include_str!("../docs/guides/ordering.md")]
#[doc = include_str!("../docs/guides/long-work.md")]
struct Pages;
