//! The errors of calls, as errors of the store.

use tonic::{Code, Status};

use super::super::StoreError;
use super::{rejected, unavailable};

/// The code and the message of Firestore's answer.
#[derive(Debug, thiserror::Error)]
#[error("Firestore at {server}: {code:?}, {message}")]
struct FirestoreError {
    server: String,
    code: Code,
    message: String,
}

#[derive(Debug, thiserror::Error)]
#[error("concurrent deliveries changed the record repeatedly")]
struct Contention;

pub(super) fn contention() -> StoreError {
    unavailable(Contention)
}

/// The failure of a call.
pub(super) enum Failure {
    Status(Status),
    Credentials(google_cloud_gax::error::CredentialsError),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no credentials for Firestore")]
struct NoCredentials(#[source] google_cloud_gax::error::CredentialsError);

impl Failure {
    /// Returns the store's error. Faults of the request, its credentials or the database need an operator. Others are transient
    /// (Google, *Error codes*: UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED may be retried).
    pub(super) fn at(self, server: &str) -> StoreError {
        let status = match self {
            Self::Credentials(error) if error.is_transient() => {
                return unavailable(NoCredentials(error));
            }
            Self::Credentials(error) => return rejected(NoCredentials(error)),
            Self::Status(status) => status,
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
            | Code::Unimplemented => rejected(error),
            _ => unavailable(error),
        }
    }
}
