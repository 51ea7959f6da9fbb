//! Why a request to the emulator is refused, in the words of Google's API.

use std::error::Error;

/// Why the emulator refuses a request; the interfaces in `api/` alone know the status codes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// There is no topic, subscription or message of this short name.
    #[error("Resource not found (resource={0})")]
    NotFound(String),
    /// A topic or subscription of this short name exists.
    #[error("Resource already exists in the project (resource={0})")]
    AlreadyExists(String),
    /// The request breaks a rule of Pub/Sub; the text says which.
    #[error("{0}")]
    InvalidArgument(String),
    /// The request is a good one for Pub/Sub, but asks for something that this emulator does not do.
    #[error("{0}")]
    Unimplemented(String),
    /// The request is a good one, but not in the present state of what it names.
    #[error("{0}")]
    FailedPrecondition(String),
    /// A value lies beyond the range that Pub/Sub documents.
    #[error("{0}")]
    OutOfRange(String),
    /// Somebody else changed what the request was about to change.
    #[error("{0}")]
    Aborted(String),
    /// The emulator itself is wrong; the text says where.
    #[error("{0}")]
    Internal(String),
    /// The emulator is about to stop, or cannot write its data folder.
    #[error("{0}")]
    Unavailable(String),
    /// Something is full: the backlog of a subscription, or the emulator itself.
    #[error("{0}")]
    ResourceExhausted(String),
}

impl ApiError {
    /// Whether the same request can succeed later without anyone changing it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::ResourceExhausted(_) | Self::Aborted(_) | Self::Unavailable(_)
        )
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidArgument(reason.into())
    }

    pub(crate) fn precondition(reason: impl Into<String>) -> Self {
        Self::FailedPrecondition(reason.into())
    }

    /// The answer to a change that was made in memory and cannot be kept, or was not made for that reason.
    pub(crate) fn unsaved(error: &dyn Error) -> Self {
        let mut message = format!("The data folder cannot be written: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::Unavailable(message)
    }

    pub(crate) fn internal(reason: impl Into<String>) -> Self {
        Self::Internal(reason.into())
    }

    pub(crate) fn aborted(reason: impl Into<String>) -> Self {
        Self::Aborted(reason.into())
    }

    pub(crate) fn unimplemented(reason: impl Into<String>) -> Self {
        Self::Unimplemented(reason.into())
    }
}
