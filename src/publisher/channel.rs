//! Sends messages to one topic: bounded in memory, in batches, in order within an ordering key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use google_cloud_pubsub::client::{BasePublisher, Publisher};
use google_cloud_pubsub::model::Message;
use google_cloud_pubsub::publisher::PublishFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::PublishError;
use super::client::connect;
use super::draft::Draft;
#[cfg(feature = "testing")]
use super::recording::Recording;
use super::settings::Settings;
use super::topic::full_name;
use crate::config::pubsub_emulator;
use crate::environment::Environment;

/// The memory of a message beside its bytes: its task, its channel, its entries in maps.
const OVERHEAD_BYTES: usize = 1_024;

/// Sends messages to one topic.
pub(crate) struct Channel(Sink);

enum Sink {
    Google(Arc<Shared>),
    #[cfg(feature = "testing")]
    Recording(Recording),
}

struct Shared {
    client: BasePublisher,
    topic: String,
    settings: Settings,
    unordered: Publisher,
    keys: Mutex<HashMap<String, KeyPublisher>>,
    free_kibibytes: Arc<Semaphore>,
    /// Set under the lock of the keys, so that no message of a key is sent after a failed one.
    has_failed: AtomicBool,
}

/// The publisher of one ordering key while messages of the key are unconfirmed. A publisher of Google's client keeps a task
/// for every key, and rejects a key after a failure. A publisher for each key is dropped when no message of it is left, or
/// when one has failed.
struct KeyPublisher {
    publisher: Publisher,
    unconfirmed: usize,
    generation: u64,
}

/// A message's use of a [`KeyPublisher`].
struct KeyUse {
    key: String,
    generation: u64,
}

/// The result of an enqueued message: its id, or the error.
#[must_use = "a message that is not confirmed may be lost"]
pub struct Confirmation(JoinHandle<Result<String, PublishError>>);

impl Channel {
    /// Opens the channel to a topic, by its short or its full name.
    pub(crate) async fn open(
        topic: &str,
        environment: Environment,
        settings: Settings,
    ) -> Result<Self, PublishError> {
        settings.check()?;
        let emulator = pubsub_emulator(&environment).map_err(PublishError::Emulator)?;
        let topic = full_name(topic, environment).await?;
        let client = connect(emulator.as_deref(), settings.retry_time_limit)
            .await
            .map_err(|error| PublishError::Client(Arc::new(error)))?;
        Ok(Self::new(client, topic, settings))
    }

    fn new(client: BasePublisher, topic: String, settings: Settings) -> Self {
        let unordered = publisher(&client, &topic, settings);
        Self(Sink::Google(Arc::new(Shared {
            client,
            topic,
            settings,
            unordered,
            keys: Mutex::default(),
            free_kibibytes: Arc::new(Semaphore::new(kibibytes(settings.buffer_bytes) as usize)),
            has_failed: AtomicBool::new(false),
        })))
    }

    /// Returns a channel that keeps its messages.
    #[cfg(feature = "testing")]
    pub(crate) fn recording(recording: &Recording) -> Self {
        Self(Sink::Recording(recording.clone()))
    }

    /// Returns the channel to Google, or none if it only records.
    fn shared(&self) -> Option<&Arc<Shared>> {
        match &self.0 {
            Sink::Google(shared) => Some(shared),
            #[cfg(feature = "testing")]
            Sink::Recording(_) => None,
        }
    }

    pub(crate) fn topic(&self) -> &str {
        match &self.0 {
            Sink::Google(shared) => &shared.topic,
            #[cfg(feature = "testing")]
            Sink::Recording(recording) => &recording.topic,
        }
    }

    /// Checks the limits, waits for free memory, and passes the message to Google's client.
    pub(crate) async fn enqueue(&self, draft: Draft) -> Result<Confirmation, PublishError> {
        #[cfg(feature = "testing")]
        if let Sink::Recording(recording) = &self.0 {
            let id = recording.record(draft);
            return Ok(Confirmation(tokio::spawn(async { id })));
        }
        let shared = self.shared().ok_or(PublishError::Ended)?;
        let cost = kibibytes(draft.check()? + OVERHEAD_BYTES);
        let memory = Arc::clone(&shared.free_kibibytes)
            .acquire_many_owned(cost)
            .await
            .map_err(|_| PublishError::Ended)?;
        let (response, key) = shared.send(draft.into_message())?;
        let confirmed = Arc::clone(shared).confirm(response, key, memory);
        Ok(Confirmation(tokio::spawn(confirmed)))
    }

    pub(crate) async fn flush(&self) {
        let Some(shared) = self.shared() else {
            return;
        };
        for publisher in shared.publishers() {
            publisher.flush().await;
        }
        // Each message occupies its memory until it is confirmed or has failed.
        let all = kibibytes(shared.settings.buffer_bytes);
        let _all = shared.free_kibibytes.acquire_many(all).await;
    }
}

impl Shared {
    /// Passes the message to the client under the lock, so that messages of one key keep their order.
    fn send(&self, message: Message) -> Result<(PublishFuture, Option<KeyUse>), PublishError> {
        if message.ordering_key.is_empty() {
            return Ok((self.unordered.publish(message), None));
        }
        let key = message.ordering_key.clone();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if self.settings.stops_at_failure && self.has_failed.load(Ordering::Relaxed) {
            return Err(PublishError::KeyFailed);
        }
        let of_key = keys.entry(key.clone()).or_insert_with(|| KeyPublisher {
            publisher: publisher(&self.client, &self.topic, self.settings),
            unconfirmed: 0,
            generation: rand::random(),
        });
        of_key.unconfirmed += 1;
        let generation = of_key.generation;
        let response = of_key.publisher.publish(message);
        Ok((response, Some(KeyUse { key, generation })))
    }

    /// Waits for the response, and frees the memory and the key. It runs in a task, so a dropped [`Confirmation`] does not stop
    /// it.
    async fn confirm(
        self: Arc<Self>,
        response: PublishFuture,
        key: Option<KeyUse>,
        memory: OwnedSemaphorePermit,
    ) -> Result<String, PublishError> {
        let response = response.await;
        if let Some(key) = key {
            self.release(key, response.is_err());
        }
        drop(memory);
        response.map_err(|error| PublishError::of_client(&self.topic, error))
    }

    /// Drops the key's publisher after its last message, and at once after a failure: the client fails all messages that wait
    /// in it, and the next message gets a new one.
    fn release(&self, of: KeyUse, has_failed: bool) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_failed.fetch_or(has_failed, Ordering::Relaxed);
        let Entry::Occupied(mut entry) = keys.entry(of.key) else {
            return;
        };
        if entry.get().generation != of.generation {
            return;
        }
        entry.get_mut().unconfirmed -= 1;
        if has_failed || entry.get().unconfirmed == 0 {
            entry.remove();
        }
    }

    fn publishers(&self) -> Vec<Publisher> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let ordered = keys.values().map(|of_key| of_key.publisher.clone());
        ordered.chain([self.unordered.clone()]).collect()
    }
}

impl Future for Confirmation {
    type Output = Result<String, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let confirmed = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(confirmed.unwrap_or(Err(PublishError::Ended)))
    }
}

fn publisher(client: &BasePublisher, topic: &str, settings: Settings) -> Publisher {
    client
        .publisher(topic)
        .set_message_count_threshold(settings.batch_messages)
        .set_byte_threshold(settings.batch_bytes)
        .set_delay_threshold(settings.batch_delay)
        .build()
}

/// Rounds up. Settings and limits keep the result far below the type's maximum.
fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::client::connect;
    use super::*;

    #[tokio::test]
    async fn a_failed_key_is_free_again_unless_a_failure_stops_all() {
        for stops_at_failure in [false, true] {
            let retry_time_limit = Duration::from_millis(1);
            let settings = Settings {
                retry_time_limit,
                stops_at_failure,
                ..Settings::default()
            };
            // No server listens there.
            let client = connect(Some("127.0.0.1:1"), retry_time_limit)
                .await
                .expect("a client");
            let channel = Channel::new(client, "projects/p/topics/orders".into(), settings);
            let message = || Draft {
                data: "x".into(),
                attributes: Default::default(),
                ordering_key: "k".into(),
            };
            let first = channel.enqueue(message()).await.expect("memory");
            assert!(first.await.is_err());
            let second = channel.enqueue(message()).await;
            assert_eq!(second.is_err(), stops_at_failure);
        }
    }
}
