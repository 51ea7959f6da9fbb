//! Publishing typed messages to a topic, from a handler or from any other program.

mod builder;
mod channel;
mod client;
mod draft;
mod error;
mod limits;
mod outgoing;
mod settings;
mod topic;

use std::marker::PhantomData;

use serde::Serialize;
use validator::Validate;

pub use self::builder::PublisherBuilder;
pub(crate) use self::channel::Channel;
pub use self::channel::Confirmation;
pub(crate) use self::client::connect;
pub(crate) use self::draft::{Draft, new_event_id};
pub use self::error::PublishError;
pub use self::outgoing::Outgoing;
pub(crate) use self::settings::Settings;
pub(crate) use self::topic::{full_name, short_name};
use crate::handler::state::Environment;

/// The attribute that says which event a message is about, unless another name is chosen.
pub const EVENT_ID_ATTRIBUTE: &str = "event-id";

/// Publishes messages of one type to one topic; made once, and shared, for example as a [`State`](crate::State).
///
/// ```
/// use pushgate::{Context, Message, Outgoing, Publisher, PublishError, Service, State};
///
/// #[derive(serde::Serialize, serde::Deserialize, validator::Validate)]
/// struct StockReserved {
///     #[validate(length(min = 1))]
///     order_id: String,
/// }
///
/// # fn main() {
/// let service = Service::new()
///     .state(|environment| Publisher::<StockReserved>::open(environment, "reservations"));
/// # }
///
/// async fn reserved(context: &Context, reservations: &Publisher<StockReserved>) -> Result<(), PublishError> {
///     let event = Outgoing::new(StockReserved { order_id: "A-1".into() })
///         .caused_by(context)
///         // The same in each run of the handler, so that subscribers can tell a repetition.
///         .event_id(format!("{}-reserved", context.idempotency_key()));
///     reservations.publish(event).await?;
///     Ok(())
/// }
/// ```
///
/// **What is promised.** A message id is Pub/Sub's confirmation. A lost answer is asked for again, so a message may be
/// published twice, then with the same event id: subscribers that declare
/// [`Idempotency::by_attribute("event-id")`](crate::Idempotency::by_attribute) run once for it. A handler awaits what it
/// publishes before it returns a success; then nothing is left to be sent when the service leaves.
///
/// **Order.** Messages of one ordering key are sent one after another, in the order of their [`enqueue`](Self::enqueue). If one
/// fails, all of its key that were handed over before that was known fail with it, [`PublishError::KeyFailed`]: none
/// overtakes it. After that the key is free again, so publish what failed once more, in order. Who must be sure that nothing
/// ever overtakes publishes the next message of a key when the one before is confirmed.
///
/// **Memory.** Unconfirmed messages are bounded ([`buffer_bytes`](PublisherBuilder::buffer_bytes)); who publishes more waits.
/// A key costs memory only while messages of it are unconfirmed.
///
/// **Leaving.** What was handed over is sent, even if its confirmation is dropped, or the publisher, as long as the Tokio
/// runtime goes on; [`flush`](Self::flush) waits for it. A program calls it before its `main` ends.
pub struct Publisher<T> {
    channel: Channel,
    event_id_attribute: String,
    message: PhantomData<fn(T)>,
}

impl<T: Serialize + Validate> Publisher<T> {
    /// A publisher to this topic, with all defaults: see [`builder`](Self::builder). Made for
    /// [`Service::state`](crate::Service::state); any other program gives [`Environment::of_process`].
    ///
    /// # Errors
    /// If the project is not known, the topic's name cannot be one, or there are no credentials.
    pub async fn open(
        environment: Environment,
        topic: impl Into<String>,
    ) -> Result<Self, PublishError> {
        Self::builder(topic).open(environment).await
    }

    /// A publisher to be set up: `topic` is its short name, in the project of `GOOGLE_CLOUD_PROJECT` (else the metadata server
    /// tells), or its full name, `projects/P/topics/T`.
    pub fn builder(topic: impl Into<String>) -> PublisherBuilder<T> {
        PublisherBuilder::new(topic.into())
    }

    /// Publishes a message, and waits until Pub/Sub has it; gives the message id.
    ///
    /// # Errors
    /// If the message breaks its own rules or Pub/Sub's limits, or Pub/Sub does not take it in time.
    pub async fn publish(&self, message: impl Into<Outgoing<T>>) -> Result<String, PublishError> {
        self.enqueue(message).await?.await
    }

    /// Hands a message over, after waiting for room; messages that follow soon travel in one request with it. The
    /// [`Confirmation`] tells what became of it; dropped, the message is sent all the same.
    ///
    /// # Errors
    /// If the message breaks its own rules or Pub/Sub's limits.
    pub async fn enqueue(
        &self,
        message: impl Into<Outgoing<T>>,
    ) -> Result<Confirmation, PublishError> {
        let draft = message.into().draft(&self.event_id_attribute)?;
        self.channel.enqueue(draft).await
    }

    /// Sends at once what waits for company, and waits until everything that was handed over is confirmed or has failed.
    pub async fn flush(&self) {
        self.channel.flush().await;
    }

    /// The topic's full name.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.channel.topic()
    }
}
