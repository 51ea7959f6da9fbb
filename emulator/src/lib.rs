//! A local Google Cloud Pub/Sub for laptops and tests, which pushes as Google does.
//!
//! It was written from Google's documentation alone, and knows nothing of the services that it pushes to.
//!
//! ```
//! use emulator::{Emulator, Message, SubscriptionConfig};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start().await?;
//! emulator.create_topic("projects/shop/topics/orders")?;
//! let subscription = SubscriptionConfig::new("projects/shop/subscriptions/billing", "projects/shop/topics/orders");
//! emulator.create_subscription(subscription.push_to("http://127.0.0.1:8080/"))?;
//! let id = emulator.publish("projects/shop/topics/orders", Message::new("one teapot"))?;
//! # assert!(!id.is_empty());
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//! A message is published through `api/` (gRPC, or REST transcoded to it) or through a handle of `library/`. `broker/` checks it
//! against its `schema/`, and adds it to every subscription of its topic whose `filter/` matches, if `messages/` has room. Each
//! subscription is a `delivery/`: `backlog/` chooses the next message, `throttle` bounds the pushes at once, `push/` sends one
//! with a token of `issuer/`, `pull` leases one to a client, and `settle` settles it; `faults/` plan failures. `journal/` saves
//! everything over a restart, `history/` records the deliveries, and `console/` shows them. `ARCHITECTURE.md` has the floors.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api;
mod bootstrap;
mod broker;
mod clock;
mod console;
mod convert;
mod delivery;
mod descriptor;
mod error;
mod event;
mod faults;
mod filter;
mod history;
mod iam;
mod issuer;
mod journal;
mod library;
mod messages;
mod push;
mod resources;
mod schema;
mod server;
mod strict_json;

pub use crate::bootstrap::{Bootstrap, BootstrapDefaults, BootstrapError, BootstrapFault};
pub use crate::delivery::Pace;
pub use crate::error::ApiError;
pub use crate::event::{DeliveryEvent, Progress, Reply, Settlement};
pub use crate::faults::{
    Burst, Delay, Faults, FaultsError, ForgeryKind, Outage, Plan, TokenChoice, TokenFault,
};
pub use crate::issuer::{Claim, Forgery, Issuer};
pub use crate::journal::JournalError;
pub use crate::library::{
    Bootstrapped, Emulator, MAX_HISTORY_MESSAGES, Options, Pulled, StartError, SubscriptionHandle,
    TopicHandle,
};
pub use crate::messages::message::{Message, ReceivedMessage};
pub use crate::resources::name::check_project;
pub use crate::resources::snapshot::SnapshotConfig;
pub use crate::resources::subscription::{
    DeadLetterPolicy, OidcToken, PushConfig, PushForm, RetryPolicy, SubscriptionConfig,
};
pub use crate::resources::topic::{Encoding, SchemaSettings, TopicConfig};
pub use crate::resources::without_effect::WithoutEffect;
pub use crate::schema::{SchemaDeclaration, SchemaLanguage};
pub use crate::server::{Tls, TlsError};
