//! A publisher that records instead of publishing.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use validator::Validate;

use crate::publisher::{Channel, Publisher, Recording};

/// A message that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<T> {
    /// The message.
    pub message: T,
    /// Its attributes, with the event id and the trace.
    pub attributes: BTreeMap<String, String>,
    /// Its ordering key, or the empty string.
    pub ordering_key: String,
}

/// The messages of a [`recorder`].
pub struct Records<T> {
    recording: Recording,
    message: PhantomData<fn(T)>,
}

/// Returns a publisher to a topic, by its short name, that keeps its messages, and the list of them. The limits of Pub/Sub and the
/// rules of the type are checked as by the real one.
///
/// ```
/// use pushgate::testing::recorder;
/// # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, validator::Validate)]
/// # struct StockReserved { order_id: String }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (publisher, published) = recorder::<StockReserved>("reservations");
/// let id = publisher.publish(StockReserved { order_id: "A-1".into() }).await.expect("recorded");
/// assert_eq!(id, "1");
/// assert_eq!(published.all()[0].message, StockReserved { order_id: "A-1".into() });
/// # }
/// ```
#[must_use]
pub fn recorder<T: Serialize + Validate>(topic: &str) -> (Publisher<T>, Records<T>) {
    let topic = format!("projects/test-project/topics/{topic}");
    let recording = Recording::of(topic);
    let channel = Channel::recording(&recording);
    let records = Records {
        recording,
        message: PhantomData,
    };
    (Publisher::of(channel), records)
}

impl<T: DeserializeOwned> Records<T> {
    /// Returns the messages so far, the first one first.
    ///
    /// # Panics
    /// If a message does not fit its type.
    #[must_use]
    pub fn all(&self) -> Vec<Recorded<T>> {
        let drafts = self.recording.drafts();
        let recorded = drafts.iter().map(|draft| Recorded {
            message: serde_json::from_slice(&draft.data).expect("the message fits its type"),
            attributes: draft.attributes.clone(),
            ordering_key: draft.ordering_key.clone(),
        });
        recorded.collect()
    }
}
