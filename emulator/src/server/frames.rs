//! Bounds the control frames of a client, such as PING and SETTINGS, which HTTP/2 answers without a bound of its own.
//!
//! A connection has a credit in bytes. A control frame takes more of it than its answer brings back. Requests, their data and the
//! responses bring as many bytes as they have, and time brings some. Clients with traffic therefore may send their pings and window
//! updates, and a connection that sends control frames alone is closed.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::machine_instant;

/// The beginning of a connection with HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's header (RFC 9113, section 4.1).
const HEADER_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
/// The flag of the last frame of a stream, which may be empty.
const END_STREAM: u8 = 1;

/// The credit of a new connection: some 700 frames, since a flooding client can connect again.
const FIRST: usize = 16 * 1024;
/// The largest credit: some 10,000 frames.
const MOST: usize = 256 * 1024;
/// The credit of one second: some 2,500 frames.
const PER_SECOND: u32 = 64 * 1024;
/// The credit that a control frame takes besides its length. Its answer has at most 17 bytes.
const COST: usize = 32;

/// The frames that a client sends.
pub(super) struct Frames {
    position: Position,
    credit: usize,
    /// The time of the last credit for time.
    credited: Instant,
}

/// The position in the bytes of a connection.
enum Position {
    /// This many bytes of the preface were read.
    Preface(usize),
    /// The connection does not have HTTP/2.
    OtherProtocol,
    Header {
        header: [u8; HEADER_BYTES],
        filled: usize,
    },
    /// The rest of a frame.
    Payload(usize),
}

/// The error of a connection that has used up its credit.
#[derive(Debug, thiserror::Error)]
#[error(
    "the client sends too many HTTP/2 control frames, such as PING, SETTINGS or WINDOW_UPDATE, for its requests"
)]
pub(super) struct TooManyFrames;

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            position: Position::Preface(0),
            credit: FIRST,
            credited: machine_instant(),
        }
    }

    /// Records bytes of the client.
    ///
    /// # Errors
    /// If the credit is used up.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), TooManyFrames> {
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.position {
                Position::OtherProtocol => return Ok(()),
                Position::Payload(left) => {
                    let part = bytes.len().min(*left);
                    *left -= part;
                    bytes = bytes.get(part..).unwrap_or_default();
                    if *left == 0 {
                        self.position = Position::HEADER;
                    }
                }
                Position::Preface(read) => {
                    let is_http2 = PREFACE.get(*read) == Some(first);
                    *read += 1;
                    if !is_http2 {
                        self.position = Position::OtherProtocol;
                    } else if *read == PREFACE.len() {
                        self.position = Position::HEADER;
                    }
                    bytes = rest;
                }
                Position::Header { header, filled } => {
                    if let Some(byte) = header.get_mut(*filled) {
                        *byte = *first;
                    }
                    *filled += 1;
                    bytes = rest;
                    if *filled == HEADER_BYTES {
                        let header = *header;
                        self.begin(header)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Records bytes that were sent to the client.
    pub(super) fn written(&mut self, bytes: usize) {
        self.credit = (self.credit + bytes).min(MOST);
    }

    fn begin(&mut self, header: [u8; HEADER_BYTES]) -> Result<(), TooManyFrames> {
        let [high, middle, low, kind, flags, ..] = header;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        self.position = match length {
            0 => Position::HEADER,
            length => Position::Payload(length),
        };
        match kind {
            DATA if length == 0 && flags & END_STREAM == 0 => self.spend(COST),
            DATA | HEADERS | CONTINUATION => {
                self.written(length);
                Ok(())
            }
            _ => self.spend(COST + length),
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TooManyFrames> {
        if self.credit < bytes {
            self.add_for_time();
        }
        self.credit = self.credit.checked_sub(bytes).ok_or(TooManyFrames)?;
        Ok(())
    }

    fn add_for_time(&mut self) {
        let now = machine_instant();
        let elapsed = (now - self.credited).min(Duration::from_secs(60));
        self.credited = now;
        let credit = elapsed.as_millis() * u128::from(PER_SECOND) / 1_000;
        self.written(usize::try_from(credit).unwrap_or(MOST));
    }
}

impl Position {
    const HEADER: Self = Self::Header {
        header: [0; HEADER_BYTES],
        filled: 0,
    };
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 0];
        frame.extend(std::iter::repeat_n(1, length.into()));
        frame
    }

    fn with_http2() -> Frames {
        let mut frames = Frames::new();
        frames.read(PREFACE).unwrap();
        frames
    }

    /// Returns the number of repetitions that are read, up to a million.
    fn accepted(frames: &mut Frames, bytes: &[u8], answer: usize) -> usize {
        let is_accepted = |_: &usize| {
            let read = frames.read(bytes);
            frames.written(answer);
            read.is_ok()
        };
        (0..1_000_000).take_while(is_accepted).count()
    }

    /// Reads pings, whose answers are written, and returns true if they are accepted.
    fn accepted_in_second(frames: &mut Frames, pings: &[u8]) -> bool {
        let read = frames.read(pings);
        frames.written(pings.len());
        read.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn control_frames_are_bounded_by_number_and_by_rate() {
        let mut frames = with_http2();
        let ping = frame(PING, 0, 8);
        let first = accepted(&mut frames, &ping, 17);
        assert!((700..800).contains(&first), "{first}");
        for (rate, is_allowed) in [(2_500, true), (3_500, false)] {
            let mut frames = with_http2();
            advance(Duration::from_secs(10)).await;
            let mut accepted_seconds = 0;
            while accepted_seconds < 100 && accepted_in_second(&mut frames, &ping.repeat(rate)) {
                accepted_seconds += 1;
                advance(Duration::from_secs(1)).await;
            }
            assert_eq!(accepted_seconds == 100, is_allowed, "{rate}");
        }
        for (kind, length) in [
            (2, 5),
            (3, 4),
            (4, 0),
            (4, 60),
            (8, 4),
            (DATA, 0),
            (99, 200),
        ] {
            let frame = frame(kind, 0, length);
            let accepted = accepted(&mut with_http2(), &frame, 9);
            assert!(accepted < 800, "{kind} {accepted}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_traffic_may_send_control_frames() {
        let mut frames = with_http2();
        let request = [frame(HEADERS, 0, 40), frame(DATA, END_STREAM, 60)].concat();
        let control = [frame(PING, 0, 8), frame(8, 0, 4), frame(8, 0, 4)].concat();
        let call = [request, control].concat();
        assert_eq!(accepted(&mut frames, &call, 60), 1_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_found_in_parts_of_any_size() {
        let pings = frame(PING, 0, 8).repeat(1_000);
        for part in [1, 5, 17, 400] {
            let mut frames = with_http2();
            let failed = pings
                .chunks(part)
                .position(|part| frames.read(part).is_err());
            let read = failed.unwrap() * part / 17;
            let expected = FIRST / (COST + 8);
            assert!(read.abs_diff(expected) <= 400 / 17, "{part} {read}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn http_1_has_no_frames() {
        let mut frames = Frames::new();
        let request = b"PUT /v1/projects/shop/topics/orders HTTP/1.1\r\n\r\n";
        assert_eq!(accepted(&mut frames, request, 0), 1_000_000);
    }
}
