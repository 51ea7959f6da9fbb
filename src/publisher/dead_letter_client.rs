//! Publishes dead letters with Google's client.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use google_cloud_gax::client_builder::Error as ClientError;
use google_cloud_pubsub::client::BasePublisher;
use google_cloud_pubsub::model::Message;
use tokio::sync::OnceCell;

use super::PublishError;
use super::client::connect;
use crate::delivery::dead_letter::{DeadLetter, DeadLetterPublisher, NotPublished};

/// The time limit for retries. It is below the limit of a dead letter, since the client's error is more exact than a time-out.
const RETRY_LIMIT: Duration = Duration::from_millis(1_800);

/// A client that connects for the first dead letter: most services never need it.
pub(crate) struct DeadLetterClient {
    emulator: Option<String>,
    client: Arc<OnceCell<BasePublisher>>,
}

/// The error of a client that cannot be created.
#[derive(Debug, thiserror::Error)]
enum NoClient {
    #[error("no Pub/Sub client: check the service's credentials, or PUBSUB_EMULATOR_HOST")]
    Client(#[source] ClientError),
    #[error("no Pub/Sub client: its task has ended")]
    Ended,
}

impl DeadLetterClient {
    /// Creates a client for Google, or for the emulator at `HOST:PORT`.
    pub(crate) fn new(emulator: Option<String>) -> Self {
        Self {
            emulator,
            client: Arc::default(),
        }
    }

    /// Returns the client. Its task continues if this publish times out, so that the next one finds the client.
    async fn client(&self) -> Result<BasePublisher, NoClient> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let (kept, emulator) = (Arc::clone(&self.client), self.emulator.clone());
        let made = tokio::spawn(async move {
            let client = kept.get_or_try_init(|| connect(emulator.as_deref(), RETRY_LIMIT));
            client.await.cloned()
        });
        made.await
            .map_err(|_| NoClient::Ended)?
            .map_err(NoClient::Client)
    }
}

#[async_trait]
impl DeadLetterPublisher for DeadLetterClient {
    /// Publishes with a new publisher on the client's connection: a reused one would keep a task for every ordering key, and
    /// reject a key after a failure.
    async fn publish(&self, topic: &str, dead_letter: DeadLetter) -> Result<(), NotPublished> {
        let client = self.client().await.map_err(|error| NotPublished {
            source: Box::new(error),
            is_of_this_message: false,
        })?;
        let publisher = client
            .publisher(topic)
            .set_message_count_threshold(1)
            .build();
        let message = Message::new()
            .set_data(dead_letter.data)
            .set_attributes(dead_letter.attributes)
            .set_ordering_key(dead_letter.ordering_key);
        let published = publisher.publish(message).await;
        published.map(drop).map_err(|error| {
            let error = PublishError::of_client(topic, error);
            NotPublished {
                is_of_this_message: error.rejects_the_message(),
                source: Box::new(error),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::delivery::dead_letter::PUBLISH_LIMIT;

    /// Publishes to a server that accepts connections and never responds.
    #[tokio::test(start_paused = true)]
    async fn a_dead_letter_without_an_answer_is_given_up_within_2_seconds() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("an address");
        let client = DeadLetterClient::new(Some(address.to_string()));
        let dead_letter = DeadLetter {
            data: "x".into(),
            attributes: [].into(),
            ordering_key: String::new(),
        };
        let begin = Instant::now();
        let sent = timeout(
            PUBLISH_LIMIT,
            client.publish("projects/p/topics/t", dead_letter),
        )
        .await;
        let error = sent.expect("before the time-out").expect_err("no answer");
        assert!(error.source.is::<PublishError>(), "{error:?}");
        assert!(begin.elapsed() <= Duration::from_secs(2));
    }
}
