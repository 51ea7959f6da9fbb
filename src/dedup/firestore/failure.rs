//! Why a call has no answer, as the store's errors.

use tonic::{Code, Status};

use super::super::StoreError;
use super::{refused, unavailable};

/// What Firestore says, without the rest of the answer.
#[derive(Debug, thiserror::Error)]
#[error("Firestore at {server}: {code:?}, {message}")]
struct FirestoreError {
    server: String,
    code: Code,
    message: String,
}

#[derive(Debug, thiserror::Error)]
#[error("rivals have changed the record again and again")]
struct Contention;

pub(super) fn contention() -> StoreError {
    unavailable(Contention)
}

/// Why a call has no answer.
pub(super) enum Failure {
    Said(Status),
    Credentials(google_cloud_gax::error::CredentialsError),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Said(status)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no credentials for Firestore")]
struct NoCredentials(#[source] google_cloud_gax::error::CredentialsError);

impl Failure {
    /// What the request itself, its credentials or the database are to blame for wants a person; everything else passes
    /// (Google, *Error codes*: UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED may be tried again).
    pub(super) fn at(self, server: &str) -> StoreError {
        let status = match self {
            Self::Credentials(error) if error.is_transient() => {
                return unavailable(NoCredentials(error));
            }
            Self::Credentials(error) => return refused(NoCredentials(error)),
            Self::Said(status) => status,
        };
        let error = FirestoreError {
            server: server.to_owned(),
            code: status.code(),
            message: status.message().to_owned(),
        };
        match error.code {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => refused(error),
            _ => unavailable(error),
        }
    }
}
