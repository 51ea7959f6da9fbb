//! Publishes typed messages to a topic, from a handler or from any other program.

mod builder;
mod channel;
mod client;
mod dead_letter_client;
mod draft;
mod error;
mod outgoing;
#[cfg(feature = "testing")]
mod recording;
mod settings;
mod topic;

use std::marker::PhantomData;

use serde::Serialize;
use validator::Validate;

pub use self::builder::PublisherBuilder;
pub(crate) use self::channel::Channel;
pub use self::channel::Confirmation;
pub(crate) use self::dead_letter_client::DeadLetterClient;
pub(crate) use self::draft::{Draft, new_event_id};
pub use self::error::PublishError;
pub use self::outgoing::Outgoing;
#[cfg(feature = "testing")]
pub(crate) use self::recording::Recording;
pub(crate) use self::settings::Settings;
pub(crate) use self::topic::{full_name, short_name};
use crate::environment::Environment;

/// The default name of the attribute that holds the event id.
pub const EVENT_ID_ATTRIBUTE: &str = "event-id";

/// Publishes messages of one type to one topic. Create it once and share it, for example as a [`State`](crate::State).
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
///         // The same in each run of the handler, so that subscribers recognize a repetition.
///         .event_id(format!("{}-reserved", context.idempotency_key()));
///     reservations.publish(event).await?;
///     Ok(())
/// }
/// ```
///
/// **Guarantee.** A message id is Pub/Sub's confirmation. A request whose response was lost is retried, so a message may be
/// published twice, with the same event id. Subscribers that declare
/// [`Idempotency::by_attribute("event-id")`](crate::Idempotency::by_attribute) run once for it. A handler must await its
/// messages before it returns a success, so that none is unsent when the service shuts down.
///
/// **Order.** Messages of one ordering key are sent one after another, in the order of [`enqueue`](Self::enqueue). If one
/// fails, the messages of its key that wait behind it fail with [`PublishError::KeyFailed`], so that none overtakes it. After
/// that the key is free again: publish the failed messages once more, in order. To exclude any overtaking, await each message
/// of a key before publishing the next.
///
/// **Memory.** [`buffer_bytes`](PublisherBuilder::buffer_bytes) bounds the unconfirmed messages; when it is reached, publishing
/// waits. A key costs memory only while messages of it are unconfirmed.
///
/// **Shutdown.** An enqueued message is sent even if its confirmation or the publisher is dropped, as long as the Tokio runtime
/// runs. [`flush`](Self::flush) waits for all of them: call it before `main` ends.
pub struct Publisher<T> {
    channel: Channel,
    event_id_attribute: String,
    message: PhantomData<fn(T)>,
}

impl<T: Serialize + Validate> Publisher<T> {
    /// Opens a publisher with the defaults of [`builder`](Self::builder). [`Service::state`](crate::Service::state) provides the
    /// environment; other programs pass [`Environment::of_process`].
    ///
    /// # Errors
    /// If the project is unknown, the topic's name is invalid, or there are no credentials.
    pub async fn open(
        environment: Environment,
        topic: impl Into<String>,
    ) -> Result<Self, PublishError> {
        Self::builder(topic).open(environment).await
    }

    /// Returns a builder for a publisher. `topic` is a full name, `projects/P/topics/T`, or a short name in the project of
    /// `GOOGLE_CLOUD_PROJECT`, or else of the metadata server.
    pub fn builder(topic: impl Into<String>) -> PublisherBuilder<T> {
        PublisherBuilder::new(topic.into())
    }

    /// Publishes a message, waits for Pub/Sub's confirmation, and returns the message id.
    ///
    /// # Errors
    /// If the message breaks its own rules or Pub/Sub's limits, or Pub/Sub does not accept it in time.
    pub async fn publish(&self, message: impl Into<Outgoing<T>>) -> Result<String, PublishError> {
        self.enqueue(message).await?.await
    }

    /// Waits for free memory, and enqueues a message; later messages may share its request. Await the [`Confirmation`] for the
    /// result. The message is sent even if the confirmation is dropped.
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

    /// Sends waiting messages at once, and waits until all enqueued messages are confirmed or have failed.
    pub async fn flush(&self) {
        self.channel.flush().await;
    }

    /// Returns a publisher with this channel.
    #[cfg(feature = "testing")]
    pub(crate) fn of(channel: Channel) -> Self {
        Self {
            channel,
            event_id_attribute: EVENT_ID_ATTRIBUTE.to_owned(),
            message: PhantomData,
        }
    }

    /// Returns the topic's full name.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.channel.topic()
    }
}
