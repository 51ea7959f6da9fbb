//! Errors of the console.

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::server::status::not_found;

/// The reason for not showing a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejection {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(
        "This message is no longer in the console's history, which keeps the latest {messages} messages, in at most 8 MiB. \
         Start the emulator with a larger --history to follow more of them. The message itself is not lost: subscriptions \
         hold it until it is acknowledged"
    )]
    Forgotten { messages: usize },
    #[error(
        "The console does not know this message: nothing has happened to a message of this id since the emulator was started"
    )]
    NotSeen,
    #[error(
        "The console records no messages, since the emulator was started with --history 0. Start it with a larger --history"
    )]
    NoHistory,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Self::Api(error) => error.into_response(),
            other => not_found(&other.to_string()),
        }
    }
}
