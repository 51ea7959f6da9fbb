//! Durations and timestamps.

use std::time::Duration;

use time::OffsetDateTime;

use crate::error::ApiError;

/// Converts a duration. Pub/Sub has no negative ones. (The library's own conversion panics for the lowest number of
/// seconds.)
pub(super) fn duration(field: &str, written: prost_types::Duration) -> Result<Duration, ApiError> {
    let seconds = u64::try_from(written.seconds).ok();
    let nanoseconds = u32::try_from(written.nanos).ok();
    let nanoseconds = nanoseconds.filter(|nanoseconds| *nanoseconds < 1_000_000_000);
    let duration = seconds.zip(nanoseconds);
    let duration = duration.map(|(seconds, nanoseconds)| Duration::new(seconds, nanoseconds));
    duration.ok_or_else(|| ApiError::invalid(format!("{field} is negative or no duration")))
}

pub(super) fn to_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        // Always less than 10⁹.
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

pub(crate) fn to_timestamp(time: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        // Always less than 10⁹.
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}

/// Converts a timestamp, which must be in the years 1 to 9999 (*google.protobuf.Timestamp*).
pub(crate) fn timestamp(
    field: &str,
    written: prost_types::Timestamp,
) -> Result<OffsetDateTime, ApiError> {
    let nanoseconds = i128::from(written.seconds) * 1_000_000_000 + i128::from(written.nanos);
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
    time.filter(|time| (1..=9_999).contains(&time.year()))
        .ok_or_else(|| ApiError::invalid(format!("{field} is no point in time")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::time::macros::datetime;

    #[test]
    fn durations_go_both_ways() {
        let written = prost_types::Duration {
            seconds: 1,
            nanos: 500_000_000,
        };
        assert_eq!(
            duration("ttl", written).unwrap(),
            Duration::from_millis(1_500)
        );
        assert_eq!(to_duration(Duration::from_millis(1_500)), written);
        for (seconds, nanos) in [(-1, 0), (0, -1), (i64::MIN, i32::MIN)] {
            assert!(duration("ttl", prost_types::Duration { seconds, nanos }).is_err());
        }
    }

    #[test]
    fn points_in_time_go_both_ways() {
        let time = datetime!(2030-01-02 03:04:05.678 UTC);
        assert_eq!(timestamp("time", to_timestamp(time)).unwrap(), time);
        let before = datetime!(1960-01-02 03:04:05.678 UTC);
        assert_eq!(timestamp("time", to_timestamp(before)).unwrap(), before);
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, i32::MIN), (253_402_300_800, 0)] {
            assert!(timestamp("time", prost_types::Timestamp { seconds, nanos }).is_err());
        }
    }
}
