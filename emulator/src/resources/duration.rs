//! Durations in Google's JSON: seconds with an `s` (*ProtoJSON format*, `Duration`).

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::resources::subscription::MAX_DURATION;

/// Reads a duration such as `"600s"` or `"0.500s"`.
pub(crate) fn read(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    let duration = Duration::new(whole.parse().ok()?, nanoseconds);
    (duration <= MAX_DURATION).then_some(duration)
}

/// Formats a duration with 0, 3, 6 or 9 digits of a second.
pub(crate) fn write(duration: Duration) -> String {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    match nanoseconds {
        0 => format!("{seconds}s"),
        _ if nanoseconds % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanoseconds / 1_000_000),
        _ if nanoseconds % 1_000 == 0 => format!("{seconds}.{:06}s", nanoseconds / 1_000),
        _ => format!("{seconds}.{nanoseconds:09}s"),
    }
}

/// Returns the reason for which a text is not a duration.
pub(crate) fn rejection(text: &str) -> String {
    format!(
        "{text:?} is not a duration: expected seconds with an s, such as \"600s\" or \"0.5s\", and at most 315576000000s"
    )
}

/// Serializes a duration, for `#[serde(with = "crate::resources::duration")]`.
pub(crate) fn serialize<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(*duration))
}

/// Reads a duration, for `#[serde(with = "crate::resources::duration")]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).ok_or_else(|| D::Error::custom(rejection(&text)))
}

/// Reads a duration, or a plain number of seconds, for `#[serde(deserialize_with = "…")]`.
pub(crate) fn deserialize_seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected seconds, such as \"600s\" or 600")]
    enum Written {
        Number(serde_json::Number),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Number(number) => format!("{number}s"),
        Written::Text(text) => text,
    };
    read(&text).ok_or_else(|| D::Error::custom(rejection(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Duration>) {
        assert_eq!(read(text), expected, "{text:?}");
    }

    #[test]
    fn seconds_have_at_most_nine_digits_after_the_point() {
        check("0.5s", Some(Duration::from_millis(500)));
        check("0.000000001s", Some(Duration::from_nanos(1)));
        check("0.0000000001s", None);
    }

    #[test]
    fn a_duration_has_a_maximum() {
        check("315576000000s", Some(MAX_DURATION));
        check("315576000001s", None);
    }

    #[test]
    fn a_duration_is_a_number_of_seconds_with_an_s() {
        check("600s", Some(Duration::from_secs(600)));
        for text in ["600", "-1s", "1.s", ".5s", "s", "", "10m", "1e3s"] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (nanoseconds, text) in [
            (2_000_000_000, "2s"),
            (1_500_000_000, "1.500s"),
            (1_000, "0.000001s"),
            (1, "0.000000001s"),
        ] {
            let duration = Duration::from_nanos(nanoseconds);
            assert_eq!(write(duration), text);
            check(text, Some(duration));
        }
    }
}
