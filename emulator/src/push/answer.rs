//! The rest of an endpoint's answer after its status. Pub/Sub ignores it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, Response};
use percent_encoding::percent_decode;

/// The longest body that is read to its end, so that the connection can be reused.
const MAX_READ_BYTES: usize = 64 * 1024;
/// The longest time to read a body. An endless answer is valid, too.
pub(super) const MAX_READ_TIME: Duration = Duration::from_millis(100);
const MAX_KEPT_HEADERS: usize = 32;
/// The header with the endpoint's outcome of the message. Pub/Sub ignores it.
const OUTCOME_HEADER: &str = "pushgate-outcome";
const MAX_OUTCOME_BYTES: usize = 40;
/// The header with the endpoint's reason for it, percent-encoded UTF-8.
const REASON_HEADER: &str = "pushgate-reason";
const MAX_REASON_BYTES: usize = 4 * 1024;
/// The most bytes of a body that are kept.
pub(crate) const MAX_KEPT_BYTES: usize = 2 * 1024;

/// An answer for the console.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The endpoint's outcome of the message: lower-case letters, digits and hyphens.
    pub(crate) outcome: Option<String>,
    /// The endpoint's reason of the outcome.
    pub(crate) reason: Option<String>,
    /// The first 32 headers, in their order. Invalid UTF-8 is replaced.
    pub(crate) headers: Vec<(String, String)>,
    /// The first 2 KiB of the body that arrived within a tenth of a second.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Creates an answer without its body, which is read later.
    pub(super) fn of(response: &Response<Incoming>) -> Self {
        Self {
            status: response.status().as_u16(),
            outcome: outcome(response.headers()),
            reason: reason(response.headers()),
            headers: shown(response.headers()),
            body: Vec::new(),
        }
    }

    pub(super) fn interim(status: u16) -> Self {
        Self {
            status,
            outcome: None,
            reason: None,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn keep(&mut self, chunk: &Bytes) {
        let room = MAX_KEPT_BYTES.saturating_sub(self.body.len());
        self.body.extend(chunk.iter().take(room));
    }
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let headers = headers.iter().take(MAX_KEPT_HEADERS);
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    });
    headers.collect()
}

fn outcome(headers: &HeaderMap) -> Option<String> {
    let word = headers.get(OUTCOME_HEADER)?.to_str().ok()?;
    let is_plain = |each: u8| each.is_ascii_lowercase() || each.is_ascii_digit() || each == b'-';
    let is_word = (1..=MAX_OUTCOME_BYTES).contains(&word.len()) && word.bytes().all(is_plain);
    is_word.then(|| word.to_owned())
}

fn reason(headers: &HeaderMap) -> Option<String> {
    let encoded = headers.get(REASON_HEADER)?.as_bytes();
    if encoded.len() > MAX_REASON_BYTES {
        return None;
    }
    let reason = percent_decode(encoded).decode_utf8().ok()?;
    Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty())
}

/// Reads the body. Returns true if it was read to its end.
pub(super) async fn read(mut body: Incoming, mut answer: Option<&mut Answer>) -> bool {
    let mut bytes = 0;
    while !body.is_end_stream() && bytes < MAX_READ_BYTES {
        let Some(frame) = body.frame().await else {
            return true;
        };
        let Ok(frame) = frame else { return false };
        let Some(chunk) = frame.data_ref() else {
            continue;
        };
        bytes += chunk.len();
        if let Some(answer) = &mut answer {
            answer.keep(chunk);
        }
    }
    body.is_end_stream()
}
