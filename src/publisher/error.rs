//! Errors of publishing.

use std::sync::Arc;

use google_cloud_gax::error::rpc::Code;

use crate::handler::message::PayloadError;

/// An error of publishing a message, or of creating a publisher. No text holds payload data or an attribute's value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A short topic name without a project.
    #[error(
        "no project for topic {0:?}: set GOOGLE_CLOUD_PROJECT, or name the topic projects/PROJECT/topics/TOPIC"
    )]
    NoProject(String),
    /// A topic name that is neither a short nor a full one.
    #[error("topic is {0:?}, expected TOPIC or projects/PROJECT/topics/TOPIC")]
    TopicName(String),
    /// An emulator's address in another form than HOST:PORT.
    #[error("PUBSUB_EMULATOR_HOST is {0:?}, expected HOST:PORT")]
    Emulator(String),
    /// A setting of the publisher out of its range.
    #[error("{call} is {found}, expected {least} to {most}: see Publisher::builder")]
    Setting {
        /// The builder's method that sets it.
        call: &'static str,
        /// The value that was given.
        found: u128,
        /// The smallest value.
        least: u128,
        /// The largest value.
        most: u128,
    },
    /// Missing or unusable credentials.
    #[error("no Pub/Sub client: check the service's credentials, or PUBSUB_EMULATOR_HOST")]
    Client(#[source] Arc<google_cloud_gax::client_builder::Error>),
    /// A message that breaks the rules of its own type.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A message that JSON cannot represent.
    #[error("the message cannot be written as JSON")]
    Json(#[source] Arc<serde_json::Error>),
    /// A message that breaks one of Pub/Sub's limits (Google, *Quotas and limits*).
    #[error("{what} has {found} {unit}, at most {most} are allowed")]
    TooLarge {
        /// The part that is too large.
        what: String,
        /// Its size.
        found: usize,
        /// The largest size.
        most: usize,
        /// The unit of both sizes.
        unit: &'static str,
    },
    /// An attribute that cannot be set.
    #[error("attribute {name:?} {fault}")]
    Attribute {
        /// Its name.
        name: String,
        /// The reason.
        fault: &'static str,
    },
    /// A message that was not sent because an earlier one of its ordering key failed: it would have overtaken that one.
    #[error(
        "an earlier message of the same ordering key failed, so this one was not sent: publish both again, in order"
    )]
    KeyFailed,
    /// A message that Pub/Sub did not accept.
    #[error("cannot publish to {topic}: {}", explained(.cause))]
    Rejected {
        /// The topic's full name.
        topic: String,
        /// The error of Google's client, whose text repeats itself three times.
        cause: Arc<google_cloud_pubsub::Error>,
    },
    /// The runtime ended before Pub/Sub responded. The message may have been published.
    #[error("the publisher ended before Pub/Sub responded")]
    Ended,
}

impl PublishError {
    /// Returns true if publishing the same message again, with the same event id, can succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::KeyFailed | Self::Ended => true,
            Self::Rejected { cause, .. } => is_transient(cause),
            _ => false,
        }
    }

    /// Returns true if Pub/Sub rejected this message for a rule that other messages may keep.
    pub(crate) fn rejects_the_message(&self) -> bool {
        let Self::Rejected { cause, .. } = self else {
            return false;
        };
        cause.status().map(|status| status.code) == Some(Code::InvalidArgument)
    }

    pub(crate) fn of_client(topic: &str, error: google_cloud_pubsub::error::PublishError) -> Self {
        use google_cloud_pubsub::error::PublishError as Client;
        match error {
            Client::Rpc(cause) => Self::Rejected {
                topic: topic.to_owned(),
                cause,
            },
            Client::OrderingKeyPaused => Self::KeyFailed,
            _ => Self::Ended,
        }
    }
}

/// Returns the advice, and the most specific text of the error.
fn explained(error: &google_cloud_pubsub::Error) -> String {
    let advice = advice(error);
    match error.status() {
        Some(status) => format!("{advice} ({}: {})", status.code, status.message),
        None => {
            let mut innermost: &dyn std::error::Error = error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            format!("{advice} ({innermost})")
        }
    }
}

fn advice(error: &google_cloud_pubsub::Error) -> &'static str {
    match error.status().map(|status| status.code) {
        Some(Code::NotFound) => "check that it exists",
        Some(Code::PermissionDenied | Code::Unauthenticated) => {
            "check that this account has the role roles/pubsub.publisher"
        }
        _ if is_transient(error) => "Pub/Sub cannot be reached, or did not respond in time",
        _ => "Pub/Sub rejects the message",
    }
}

/// Returns true if Google advises to retry (Google, *Pub/Sub error codes*). Without a status, the request or its response was lost.
fn is_transient(error: &google_cloud_pubsub::Error) -> bool {
    match error.status() {
        Some(status) => matches!(
            status.code,
            Code::Aborted
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::ResourceExhausted
                | Code::Unavailable
                | Code::Unknown
        ),
        None => {
            error.is_exhausted()
                || error.is_timeout()
                || error.is_io()
                || error.is_connect()
                || error.is_transport()
                || error.is_transient_and_before_rpc()
        }
    }
}
