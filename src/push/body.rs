//! Reads bodies: each is limited in size and in time, and all together in size.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::delivery::admission::Place;

/// The limits of each body, and the memory for all.
pub(crate) struct Bodies {
    /// The most bytes of a body.
    limit_bytes: usize,
    /// The longest time in which a body arrives.
    timeout: Duration,
    /// The most bytes of all bodies together.
    budget_bytes: usize,
    /// The free part of that budget.
    room_kibibytes: Arc<Semaphore>,
    /// A lock, so that of two bodies that need the last free bytes one gets them.
    turn: Mutex<()>,
}

/// The reason why a body is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("body is larger than {0} bytes: see PUSHGATE_BODY_LIMIT_BYTES")]
    TooLarge(usize),
    #[error("too many bytes of bodies in this process, limit {0}: see PUSHGATE_BODIES_BYTES")]
    NoRoom(usize),
    #[error("body took longer than {0:?}: see PUSHGATE_BODY_TIMEOUT_SECONDS")]
    TooSlow(Duration),
    #[error("the connection ended before the body was complete")]
    Incomplete(#[source] axum::BoxError),
}

impl Bodies {
    pub(crate) fn new(limit_bytes: usize, timeout: Duration, budget_bytes: usize) -> Self {
        Self {
            limit_bytes,
            timeout,
            budget_bytes,
            room_kibibytes: Arc::new(Semaphore::new(budget_bytes / 1024)),
            turn: Mutex::default(),
        }
    }

    /// Reads the whole body. The place counts the bytes that have arrived, until it is dropped.
    pub(crate) async fn read(&self, body: Body) -> Result<(Bytes, Place), BodyError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit_bytes {
            return Err(BodyError::TooLarge(self.limit_bytes));
        }
        if kibibytes(announced) > self.room_kibibytes.available_permits() {
            return Err(BodyError::NoRoom(self.budget_bytes));
        }
        timeout(self.timeout, self.collect(body, announced))
            .await
            .unwrap_or(Err(BodyError::TooSlow(self.timeout)))
    }

    async fn collect(&self, mut body: Body, announced: usize) -> Result<(Bytes, Place), BodyError> {
        let mut place = self.room(0)?;
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| BodyError::Incomplete(error.into()))?;
            let Ok(data) = frame.into_data() else {
                continue; // trailers
            };
            let length = read.len() + data.len();
            if length > self.limit_bytes {
                return Err(BodyError::TooLarge(self.limit_bytes));
            }
            place = self.grown(place, length)?;
            if read.is_empty() && body.is_end_stream() {
                return Ok((data, place));
            }
            if read.is_empty() {
                read.reserve(announced);
            }
            read.extend_from_slice(&data);
        }
        Ok((read.freeze(), place))
    }

    /// Extends the place to this number of bytes. If two bodies need the last free bytes, one is rejected and releases its place before
    /// the other tries.
    fn grown(&self, mut place: Place, bytes: usize) -> Result<Place, BodyError> {
        let more = kibibytes(bytes).saturating_sub(place.num_permits());
        if more > 0 {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            match self.room(more) {
                Ok(room) => place.merge(room),
                Err(full) => {
                    drop(place);
                    return Err(full);
                }
            }
        }
        Ok(place)
    }

    fn room(&self, kibibytes: usize) -> Result<Place, BodyError> {
        let room = Arc::clone(&self.room_kibibytes);
        room.try_acquire_many_owned(u32::try_from(kibibytes).unwrap_or(u32::MAX))
            .map_err(|_full| BodyError::NoRoom(self.budget_bytes))
    }
}

fn kibibytes(bytes: usize) -> usize {
    bytes.div_ceil(1024)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;

    const KIB: usize = 1024;

    fn body(parts: Receiver<Bytes>) -> Body {
        Body::from_stream(stream::unfold(parts, async |mut parts| {
            let part = parts.recv().await?;
            Some((Ok::<_, std::io::Error>(part), parts))
        }))
    }

    #[tokio::test]
    async fn of_two_bodies_that_need_the_same_bytes_one_is_read() {
        let bodies = Bodies::new(64 * KIB, Duration::from_secs(10), 100 * KIB);
        let part = Bytes::from(vec![0; 32 * KIB]);
        let ((one, parts), (other, more)) = (channel(1), channel(1));
        let arrive = async {
            for _ in 0..2 {
                let _ = one.send(part.clone()).await;
                let _ = other.send(part.clone()).await;
            }
            drop((one, other));
        };
        let (one, other, ()) =
            tokio::join!(bodies.read(body(parts)), bodies.read(body(more)), arrive);
        let is_refused = |read: &Result<_, _>| matches!(read, Err(BodyError::NoRoom(_)));
        assert!(is_refused(&one) != is_refused(&other), "{one:?} {other:?}");
        let (read, place) = one.or(other).expect("one of them");
        assert_eq!(read.len(), 64 * KIB);
        assert_eq!(place.num_permits(), 64);
        assert_eq!(bodies.room_kibibytes.available_permits(), 36);
    }
}
