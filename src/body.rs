//! Reading a body, bounded in size and in time, and all bodies together in size.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::admission::Place;

/// The bounds of every body, and the room for all.
pub(crate) struct Bodies {
    limit_bytes: usize,
    timeout: Duration,
    budget_bytes: usize,
    room_kibibytes: Arc<Semaphore>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("body is larger than {0} bytes: see PUSHGATE_BODY_LIMIT_BYTES")]
    TooLarge(usize),
    #[error("the bodies in this process need all of {0} bytes: see PUSHGATE_BODIES_BYTES")]
    NoRoom(usize),
    #[error("body took longer than {0:?}: see PUSHGATE_BODY_TIMEOUT_SECONDS")]
    TooSlow(Duration),
    #[error("body broke off")]
    BrokenOff(#[source] axum::BoxError),
}

impl Bodies {
    pub(crate) fn new(limit_bytes: usize, timeout: Duration, budget_bytes: usize) -> Self {
        Self {
            limit_bytes,
            timeout,
            budget_bytes,
            room_kibibytes: Arc::new(Semaphore::new(budget_bytes / 1024)),
        }
    }

    /// Reads it all. Its room is taken before its first byte is read, and given back when the place is dropped.
    pub(crate) async fn read(&self, body: Body) -> Result<(Bytes, Place), BodyError> {
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        let hint = body.size_hint();
        if bytes(hint.lower()) > self.limit_bytes {
            return Err(BodyError::TooLarge(self.limit_bytes));
        }
        let largest = hint
            .upper()
            .map_or(self.limit_bytes, bytes)
            .min(self.limit_bytes);
        let mut place = Arc::clone(&self.room_kibibytes)
            .try_acquire_many_owned(kibibytes(largest))
            .map_err(|_| BodyError::NoRoom(self.budget_bytes))?;
        let body = self.read_within(body).await?;
        let unused = kibibytes(largest) - kibibytes(body.len()).min(kibibytes(largest));
        drop(place.split(usize::try_from(unused).unwrap_or_default()));
        Ok((body, place))
    }

    async fn read_within(&self, body: Body) -> Result<Bytes, BodyError> {
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

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}
