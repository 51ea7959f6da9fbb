//! The way to one topic: bounded in memory, batched by Google's client, in order within an ordering key.

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
use super::settings::Settings;
use super::topic::full_name;
use crate::config::host_and_port;
use crate::handler::state::Environment;

/// What a message costs beside its bytes: its task, its channel, its place in maps.
const OVERHEAD_BYTES: usize = 1_024;

/// Sends messages to one topic.
pub(crate) struct Channel(Arc<Shared>);

struct Shared {
    client: BasePublisher,
    topic: String,
    settings: Settings,
    unordered: Publisher,
    lanes: Mutex<HashMap<String, Lane>>,
    room_kibibytes: Arc<Semaphore>,
    /// Set under the lock of the lanes, so that nothing of a key is handed over behind a failure.
    has_failed: AtomicBool,
}

/// The messages of one ordering key that are not settled yet. Google's client keeps a task for every key it has seen, and
/// refuses a key after a failure until it is told otherwise; so each key gets a publisher of its own, which is let go when
/// nothing of it is left, or when it has failed.
struct Lane {
    publisher: Publisher,
    unsettled: usize,
    generation: u64,
}

/// Where a message was handed over: its key, and which lane of that key.
struct Place {
    key: String,
    generation: u64,
}

/// What becomes of a message that was handed over: its id, or why there is none.
#[must_use = "a message that is not confirmed may be lost"]
pub struct Confirmation(JoinHandle<Result<String, PublishError>>);

impl Channel {
    /// The way to a topic, by its short or its full name.
    pub(crate) async fn open(
        topic: &str,
        environment: Environment,
        settings: Settings,
    ) -> Result<Self, PublishError> {
        settings.check()?;
        let emulator = match environment.get("PUBSUB_EMULATOR_HOST") {
            Some(host) => {
                Some(host_and_port(host).ok_or_else(|| PublishError::Emulator(host.to_owned()))?)
            }
            None => None,
        };
        let topic = full_name(topic, environment).await?;
        let client = connect(emulator.as_deref(), settings.patience)
            .await
            .map_err(|error| PublishError::Client(Arc::new(error)))?;
        Ok(Self::new(client, topic, settings))
    }

    fn new(client: BasePublisher, topic: String, settings: Settings) -> Self {
        let unordered = publisher(&client, &topic, settings);
        Self(Arc::new(Shared {
            client,
            topic,
            settings,
            unordered,
            lanes: Mutex::default(),
            room_kibibytes: Arc::new(Semaphore::new(kibibytes(settings.buffer_bytes) as usize)),
            has_failed: AtomicBool::new(false),
        }))
    }

    pub(crate) fn topic(&self) -> &str {
        &self.0.topic
    }

    /// Checks the limits, waits for room, and hands over.
    pub(crate) async fn enqueue(&self, draft: Draft) -> Result<Confirmation, PublishError> {
        let cost = kibibytes(draft.check()? + OVERHEAD_BYTES);
        let room = Arc::clone(&self.0.room_kibibytes)
            .acquire_many_owned(cost)
            .await
            .map_err(|_| PublishError::Ended)?;
        let (answer, place) = self.0.hand_over(draft.into_message())?;
        let settling = Arc::clone(&self.0).settle(answer, place, room);
        Ok(Confirmation(tokio::spawn(settling)))
    }

    pub(crate) async fn flush(&self) {
        for publisher in self.0.publishers() {
            publisher.flush().await;
        }
        // Each message holds its room until it is settled.
        let _all = self
            .0
            .room_kibibytes
            .acquire_many(kibibytes(self.0.settings.buffer_bytes))
            .await;
    }
}

impl Shared {
    /// Under the lock, so that messages of one key keep the order in which they come here.
    fn hand_over(&self, message: Message) -> Result<(PublishFuture, Option<Place>), PublishError> {
        if message.ordering_key.is_empty() {
            return Ok((self.unordered.publish(message), None));
        }
        let key = message.ordering_key.clone();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.settings.stops_at_failure && self.has_failed.load(Ordering::Relaxed) {
            return Err(PublishError::KeyFailed);
        }
        let lane = lanes.entry(key.clone()).or_insert_with(|| Lane {
            publisher: publisher(&self.client, &self.topic, self.settings),
            unsettled: 0,
            generation: rand::random(),
        });
        lane.unsettled += 1;
        let generation = lane.generation;
        Ok((
            lane.publisher.publish(message),
            Some(Place { key, generation }),
        ))
    }

    /// Goes on when nobody waits for it, so that room and lane are given back in any case.
    async fn settle(
        self: Arc<Self>,
        answer: PublishFuture,
        place: Option<Place>,
        room: OwnedSemaphorePermit,
    ) -> Result<String, PublishError> {
        let answer = answer.await;
        if let Some(place) = place {
            self.leave(place, answer.is_err());
        }
        drop(room);
        answer.map_err(|error| PublishError::of_client(&self.topic, error))
    }

    /// A lane that failed is left at once: the client fails all that is in it, and what comes now begins a new one.
    fn leave(&self, place: Place, has_failed: bool) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_failed.fetch_or(has_failed, Ordering::Relaxed);
        let Entry::Occupied(mut lane) = lanes.entry(place.key) else {
            return;
        };
        if lane.get().generation != place.generation {
            return;
        }
        lane.get_mut().unsettled -= 1;
        if has_failed || lane.get().unsettled == 0 {
            lane.remove();
        }
    }

    fn publishers(&self) -> Vec<Publisher> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let ordered = lanes.values().map(|lane| lane.publisher.clone());
        ordered.chain([self.unordered.clone()]).collect()
    }
}

impl Future for Confirmation {
    type Output = Result<String, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let settled = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(settled.unwrap_or(Err(PublishError::Ended)))
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

/// Rounded up; settings and limits keep it far below the type's end.
fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::client::connect;
    use super::*;

    #[tokio::test]
    async fn a_key_is_free_after_a_failure_unless_the_first_one_stops_everything() {
        for stops_at_failure in [false, true] {
            let patience = Duration::from_millis(1);
            let settings = Settings {
                patience,
                stops_at_failure,
                ..Settings::default()
            };
            // Nobody listens there.
            let client = connect(Some("127.0.0.1:1"), patience)
                .await
                .expect("a client");
            let channel = Channel::new(client, "projects/p/topics/orders".into(), settings);
            let message = || Draft {
                data: "x".into(),
                attributes: Default::default(),
                ordering_key: "k".into(),
            };
            let first = channel.enqueue(message()).await.expect("room");
            assert!(first.await.is_err());
            let second = channel.enqueue(message()).await;
            assert_eq!(second.is_err(), stops_at_failure);
        }
    }
}
