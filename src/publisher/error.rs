//! Why a message is not published.

use std::sync::Arc;

use google_cloud_gax::error::rpc::Code;

use crate::handler::message::PayloadError;

/// Why a message is not published, or a publisher cannot be made. No text holds payload data or an attribute's value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic's short name alone does not say where it is.
    #[error(
        "no project for topic {0:?}: set GOOGLE_CLOUD_PROJECT, or name the topic projects/PROJECT/topics/TOPIC"
    )]
    NoProject(String),
    /// Neither a short nor a full name.
    #[error("topic is {0:?}, expected TOPIC or projects/PROJECT/topics/TOPIC")]
    TopicName(String),
    /// An emulator's address of another form.
    #[error("PUBSUB_EMULATOR_HOST is {0:?}, expected HOST:PORT")]
    Emulator(String),
    /// A setting of the publisher out of its range.
    #[error("{call} is {found}, expected {least} to {most}: see Publisher::builder")]
    Setting {
        /// The call that sets it.
        call: &'static str,
        /// What was given.
        found: u128,
        /// The smallest value.
        least: u128,
        /// The largest.
        most: u128,
    },
    /// No credentials, or none that can be used.
    #[error("no Pub/Sub client: check the service's credentials, or PUBSUB_EMULATOR_HOST")]
    Client(#[source] Arc<google_cloud_gax::client_builder::Error>),
    /// The message breaks the rules of its own type.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The message has no form in JSON.
    #[error("the message cannot be written as JSON")]
    Json(#[source] Arc<serde_json::Error>),
    /// The message breaks one of Pub/Sub's limits (Google, *Quotas and limits*).
    #[error("{what} has {found} {unit}, at most {most} are allowed")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        found: usize,
        /// The largest size.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// An attribute that cannot be set.
    #[error("attribute {name:?} {fault}")]
    Attribute {
        /// Its name.
        name: String,
        /// Why not.
        fault: &'static str,
    },
    /// An earlier message of the same ordering key failed. This one was not sent, so that it does not overtake that one.
    #[error(
        "an earlier message of the same ordering key failed, so this one was not sent: publish both again, in order"
    )]
    KeyFailed,
    /// Pub/Sub did not take it.
    #[error("cannot publish to {topic}: {}", explained(.cause))]
    Refused {
        /// The topic's full name.
        topic: String,
        /// What Pub/Sub or the way to it said; its own text says the same three times over.
        cause: Arc<google_cloud_pubsub::Error>,
    },
    /// The runtime has ended before the answer came; whether the message was published is not known.
    #[error("the publisher has ended before Pub/Sub's answer")]
    Ended,
}

impl PublishError {
    /// Whether publishing the same message again, with the same event id, can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::KeyFailed | Self::Ended => true,
            Self::Refused { cause, .. } => is_transient(cause),
            _ => false,
        }
    }

    /// True if Pub/Sub answered that this message breaks a rule: another one may be published.
    pub(crate) fn refuses_the_message(&self) -> bool {
        let Self::Refused { cause, .. } = self else {
            return false;
        };
        cause.status().map(|status| status.code) == Some(Code::InvalidArgument)
    }

    pub(crate) fn of_client(topic: &str, error: google_cloud_pubsub::error::PublishError) -> Self {
        use google_cloud_pubsub::error::PublishError as Client;
        match error {
            Client::Rpc(cause) => Self::Refused {
                topic: topic.to_owned(),
                cause,
            },
            Client::OrderingKeyPaused => Self::KeyFailed,
            _ => Self::Ended,
        }
    }
}

/// What to look at, and the one sentence that tells most.
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
        Some(Code::NotFound) => "does it exist?",
        Some(Code::PermissionDenied | Code::Unauthenticated) => {
            "does this account have the role roles/pubsub.publisher?"
        }
        _ if is_transient(error) => "Pub/Sub could not be asked, or did not answer in time",
        _ => "Pub/Sub refuses the message",
    }
}

/// As Google advises (Google, *Pub/Sub error codes*); without a status the request or its answer was lost on the way.
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
