//! The emulator's clock in JSON, which is not part of Google's API.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The body of `POST /emulator/v1/clock:advance`: `{"seconds": "3600s"}`.
#[derive(Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceBody {
    /// The time to advance. Everything due within it happens immediately. The clock never moves back.
    #[serde(deserialize_with = "crate::resources::duration::deserialize_seconds")]
    pub(super) seconds: Duration,
}

/// The response: the new time of the clock.
#[derive(Debug, Serialize)]
pub(super) struct ClockBody {
    #[serde(with = "time::serde::rfc3339")]
    pub(super) now: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json, to_value};
    use time::macros::datetime;

    fn rejected(body: Value, words: &str) {
        let error = from_value::<AdvanceBody>(body).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn the_clock_is_moved_by_seconds() {
        let hour: AdvanceBody = from_value(json!({"seconds": "3600s"})).unwrap();
        assert_eq!(hour.seconds, Duration::from_secs(3600));
        let hour: AdvanceBody = from_value(json!({"seconds": 3600})).unwrap();
        assert_eq!(hour.seconds, Duration::from_secs(3600));
        rejected(json!({"seconds": "-1s"}), "\"-1s\" is not a duration");
        rejected(json!({"seconds": -1}), "\"-1s\" is not a duration");
        rejected(json!({"second": "1s"}), "unknown field `second`");
        rejected(json!({}), "missing field `seconds`");
        let now = datetime!(2030-01-02 03:04:05.678 UTC);
        let written = to_value(ClockBody { now }).unwrap();
        assert_eq!(written, json!({"now": "2030-01-02T03:04:05.678Z"}));
    }
}
