//! Reading a body, bounded in size and in time.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

/// The bounds of every body.
pub(crate) struct Bodies {
    pub(crate) limit_bytes: usize,
    pub(crate) timeout: Duration,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("body is larger than {0} bytes: see PUSHGATE_BODY_LIMIT_BYTES")]
    TooLarge(usize),
    #[error("body took longer than {0:?}: see PUSHGATE_BODY_TIMEOUT_SECONDS")]
    TooSlow(Duration),
    #[error("body broke off")]
    BrokenOff(#[source] axum::BoxError),
}

impl Bodies {
    /// Reads it all.
    pub(crate) async fn read(&self, body: Body) -> Result<Bytes, BodyError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit_bytes {
            return Err(BodyError::TooLarge(self.limit_bytes));
        }
        match timeout(self.timeout, Limited::new(body, self.limit_bytes).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if is_too_large(error.as_ref()) => {
                Err(BodyError::TooLarge(self.limit_bytes))
            }
            Ok(Err(error)) => Err(BodyError::BrokenOff(error)),
            Err(_) => Err(BodyError::TooSlow(self.timeout)),
        }
    }
}

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}
