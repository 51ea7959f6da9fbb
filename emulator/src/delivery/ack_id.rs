//! Acknowledgement ids, which are opaque to clients.

use std::fmt;
use std::str::FromStr;

use crate::error::ApiError;

/// One lease of one pulled message (Google, *ReceivedMessage*, `ackId`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct AckId {
    pub(super) tag: u64,
    pub(super) lease: u64,
    pub(super) sequence: u64,
}

impl fmt::Display for AckId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:016x}-{:x}-{:x}",
            self.tag, self.lease, self.sequence
        )
    }
}

impl FromStr for AckId {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16));
        let id = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(tag)), Some(Ok(lease)), Some(Ok(sequence)), None) => Some(Self {
                tag,
                lease,
                sequence,
            }),
            _ => None,
        };
        id.ok_or_else(|| ApiError::invalid("You have passed an invalid ack ID to the service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = AckId {
            tag: u64::MAX,
            lease: 1,
            sequence: 1_700_000_000_000_000_000,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_text_that_is_no_id_is_rejected() {
        for text in ["", "-", "1-2", "1-2-3-4", "x-1-2", "1-2-ffffffffffffffffff"] {
            assert!(text.parse::<AckId>().is_err(), "{text:?}");
        }
    }
}
