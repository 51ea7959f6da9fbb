//! Errors of requests to the emulator, with Google's texts.

use std::error::Error;

/// The error of a request. Only `api/` and `server/` know the status codes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// There is no resource of this short name.
    #[error("Resource not found (resource={0})")]
    NotFound(String),
    /// A resource of this short name exists.
    #[error("Resource already exists in the project (resource={0})")]
    AlreadyExists(String),
    /// The request violates a rule of Pub/Sub, which the text names.
    #[error("{0}")]
    InvalidArgument(String),
    /// The request is valid for Pub/Sub, but not supported by this emulator.
    #[error("{0}")]
    Unimplemented(String),
    /// The request is valid, but not in the current state of its resource.
    #[error("{0}")]
    FailedPrecondition(String),
    /// A value is outside the range that Pub/Sub documents.
    #[error("{0}")]
    OutOfRange(String),
    /// Another request changed the same resource.
    #[error("{0}")]
    Aborted(String),
    /// An error of the emulator itself; the text names the place.
    #[error("{0}")]
    Internal(String),
    /// The emulator is stopping, or cannot write its data folder.
    #[error("{0}")]
    Unavailable(String),
    /// A limit is reached: of the backlog of a subscription, or of the emulator.
    #[error("{0}")]
    ResourceExhausted(String),
}

impl ApiError {
    /// Returns true if the same request can succeed later without a change.
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

    /// Returns the error for a change in memory that cannot be saved, or that was not made for this reason.
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
