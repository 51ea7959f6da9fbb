//! Pushes over kept connections, one after the other on each, as fast as the receiver answers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The digits of a message's id.
const DIGITS: usize = 16;

/// The pushes of one round.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) port: u16,
    pub(crate) token: String,
    pub(crate) data_bytes: usize,
    /// Of 100 pushes, those that repeat the one before.
    pub(crate) duplicates: u64,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    /// The status of every response.
    pub(crate) expected: u16,
}

/// The latencies of a round.
pub(crate) struct Measured {
    pub(crate) elapsed: Duration,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
}

/// A request with a place for the message's id, twice.
struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Measured {
    pub(crate) fn pushes(&self) -> usize {
        self.latencies.len()
    }

    /// Returns the latency that this share of pushes does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let index = (self.latencies.len().saturating_sub(1) as f64 * share) as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

impl Template {
    fn of(load: &Load) -> Self {
        let id = "#".repeat(DIGITS);
        let data = BASE64_STANDARD.encode(vec![b'x'; load.data_bytes]);
        let body = format!(
            r#"{{"message":{{"data":"{data}","attributes":{{"source":"checkout"}},"messageId":"{id}","message_id":"{id}","publishTime":"2030-01-02T03:04:05.678Z","publish_time":"2030-01-02T03:04:05.678Z"}},"subscription":"projects/bench/subscriptions/orders-0","deliveryAttempt":1}}"#
        );
        let request = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nUser-Agent: APIs-Google; (+https://developers.google.com/webmasters/APIs-Google)\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            load.port,
            load.token,
            body.len()
        );
        Self {
            places: request.match_indices(&id).map(|(place, _)| place).collect(),
            bytes: request.into_bytes(),
        }
    }

    fn write_id(&mut self, id: u64) {
        let text = format!("{id:0DIGITS$}");
        for place in &self.places {
            if let Some(digits) = self.bytes.get_mut(*place..*place + DIGITS) {
                digits.copy_from_slice(text.as_bytes());
            }
        }
    }
}

/// Pushes until the time is over. Ids begin at `ids`, so that each round has fresh ones.
///
/// # Errors
/// If a connection fails, or a response has another status than the expected one.
pub(crate) async fn push(load: &Load, ids: &Arc<AtomicU64>) -> io::Result<Measured> {
    let is_over = Arc::new(AtomicBool::new(false));
    let begin = Instant::now();
    let connections: Vec<_> = (0..load.connections)
        .map(|_| {
            let (load, ids, is_over) = (load.clone(), Arc::clone(ids), Arc::clone(&is_over));
            tokio::spawn(async move { one_connection(&load, &ids, &is_over).await })
        })
        .collect();
    tokio::time::sleep(load.duration).await;
    is_over.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for connection in connections {
        latencies.extend(connection.await.map_err(io::Error::other)??);
    }
    let elapsed = begin.elapsed();
    latencies.sort_unstable();
    Ok(Measured { elapsed, latencies })
}

async fn one_connection(
    load: &Load,
    ids: &AtomicU64,
    is_over: &AtomicBool,
) -> io::Result<Vec<Duration>> {
    let mut connection = TcpStream::connect(("127.0.0.1", load.port)).await?;
    connection.set_nodelay(true)?;
    let mut template = Template::of(load);
    let mut latencies = Vec::new();
    let mut answer = [0; 4096];
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        if number == 0 || number % 100 >= load.duplicates {
            template.write_id(ids.fetch_add(1, Ordering::Relaxed));
        }
        let begin = Instant::now();
        connection.write_all(&template.bytes).await?;
        let status = status(&mut connection, &mut answer).await?;
        latencies.push(begin.elapsed());
        if status != load.expected {
            let expected = load.expected;
            return Err(io::Error::other(format!(
                "status {status}, expected {expected}"
            )));
        }
    }
    Ok(latencies)
}

/// Reads a response, whose head and short body arrive at once.
async fn status(connection: &mut TcpStream, answer: &mut [u8]) -> io::Result<u16> {
    let mut length = 0;
    loop {
        let free = answer.get_mut(length..).unwrap_or_default();
        let read = connection.read(free).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
        let text = answer.get(..length).unwrap_or_default();
        if text.windows(4).any(|end| end == b"\r\n\r\n") {
            let digits = text
                .get(9..12)
                .and_then(|digits| std::str::from_utf8(digits).ok());
            let status = digits.and_then(|digits| digits.parse().ok());
            return status.ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
}
