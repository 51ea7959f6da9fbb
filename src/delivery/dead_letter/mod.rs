//! Publishes a message that can never succeed to its dead-letter topic, as Google would after the last delivery attempt, with the
//! reason added.

mod content;

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use self::content::dead_letter;
pub(crate) use self::content::{
    DeadLetter, HANDLER, PAYLOAD, Reason, SOURCE_PROJECT, SOURCE_SUBSCRIPTION, TooLarge,
    identify_replay,
};
pub use self::content::{
    ERROR_ATTRIBUTE, KEPT_PREFIX, MESSAGE_ID_ATTRIBUTE, PUBLISH_TIME_ATTRIBUTE, REASON_ATTRIBUTE,
    REPLAY_COUNT_ATTRIBUTE, REPLAY_OF_ATTRIBUTE,
};
use crate::breaker::{Breaker, Open, Rules};
use crate::handler::Input;
use crate::loggable::chain;
use crate::telemetry::export::Recorder;
use crate::telemetry::spans::{fail, send_span};

/// The time limit of a publish, with connecting and a token: its message occupies its places meanwhile.
pub(crate) const PUBLISH_LIMIT: Duration = Duration::from_secs(2);

/// The circuit breaker of a dead-letter topic opens after one failure, since each failure occupies places of other messages.
const RULES: Rules = Rules {
    failures: 1,
    shortest_pause: Duration::from_secs(2),
    longest_pause: Duration::from_secs(60),
    probes: 1,
};

/// A publisher to any topic.
#[async_trait]
pub(crate) trait DeadLetterPublisher: Send + Sync {
    /// Publishes a dead letter to the topic of this full name. Returns once Pub/Sub has accepted it.
    async fn publish(&self, topic: &str, dead_letter: DeadLetter) -> Result<(), NotPublished>;
}

/// The error of a publisher.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct NotPublished {
    pub(crate) source: Box<dyn Error + Send + Sync>,
    /// True if the error concerns this message only, so that others can be dead-lettered.
    pub(crate) is_of_this_message: bool,
}

/// The reason why a message could not be dead-lettered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeadLetterError {
    #[error(transparent)]
    Publish(#[from] NotPublished),
    #[error("no answer from Pub/Sub within {} s", PUBLISH_LIMIT.as_secs())]
    NoAnswer,
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("publishing to the dead-letter topic is paused: {0}")]
    Paused(Open),
}

impl DeadLetterError {
    /// Returns the kind for metrics.
    fn kind(&self) -> &'static str {
        match self {
            Self::Publish(_) => "rejected",
            Self::NoAnswer => "no_answer",
            Self::TooLarge(_) => "too_large",
            Self::Paused(_) => "circuit_open",
        }
    }
}

/// The dead-letter topic of a subscriber.
pub(crate) struct DeadLetterTopic {
    /// `projects/P/topics/T`.
    pub(crate) name: String,
    /// The circuit breaker, open while dead letters cannot be published.
    breaker: Arc<Breaker>,
    recorder: Recorder,
}

impl DeadLetterTopic {
    pub(crate) fn new(name: String, subscriber: &str, recorder: Recorder) -> Self {
        Self {
            name,
            breaker: Breaker::new(format!("dead letters of {subscriber}"), RULES),
            recorder,
        }
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

/// Publishes to the dead-letter topics of all subscribers.
#[derive(Clone)]
pub(crate) struct DeadLetters(pub(crate) Arc<dyn DeadLetterPublisher>);

impl DeadLetters {
    /// Publishes the message; when this returns, Pub/Sub has accepted it. After a failure the subscriber's next messages fail
    /// immediately for a pause, so that they do not occupy the places of others.
    pub(crate) async fn publish(
        &self,
        topic: &DeadLetterTopic,
        input: &Input,
        reason: &Reason,
    ) -> Result<(), DeadLetterError> {
        let dead_letter = dead_letter(&topic.name, input, reason)?;
        let permit = topic.breaker.acquire().map_err(DeadLetterError::Paused)?;
        let start = Instant::now();
        let sending = pin!(async {
            match timeout(PUBLISH_LIMIT, self.0.publish(&topic.name, dead_letter)).await {
                Ok(sent) => sent.map_err(DeadLetterError::Publish),
                Err(_) => Err(DeadLetterError::NoAnswer),
            }
        });
        let Recorder { metrics, spans } = &topic.recorder;
        let begin = || send_span(&topic.name, reason.kind);
        let sent = spans.step(begin, sending, |span, sent| {
            if let Err(error) = sent {
                fail(span, error.kind());
            }
        });
        let sent = sent.await;
        let error = sent.as_ref().err().map(DeadLetterError::kind);
        metrics.sent(&topic.name, reason.kind, start.elapsed(), error);
        match &sent {
            Ok(()) => permit.succeed(),
            Err(DeadLetterError::Publish(error)) if error.is_of_this_message => drop(permit),
            Err(error) => permit.fail(&chain(error)),
        }
        sent
    }
}
