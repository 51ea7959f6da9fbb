//! Durations, numbers and short facts of declarations in words.

use std::time::Duration;

use super::markdown::{joined_or, text};
use crate::subscriber::Subscriber;

const UNITS: [(u64, &str); 3] = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];

/// Returns a duration in the largest unit that leaves no remainder.
pub(super) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let milliseconds = duration.subsec_millis();
    if milliseconds > 0 {
        return if seconds == 0 {
            format!("{milliseconds} ms")
        } else {
            format!("{} s", duration.as_secs_f64())
        };
    }
    // Short durations stay in seconds, to be compared with deadlines.
    let fits = |(size, _): &&(u64, &str)| seconds >= 10 * 60 && seconds.is_multiple_of(*size);
    match UNITS.iter().find(fits) {
        Some((size, unit)) if seconds == *size => format!("1 {unit}"),
        Some((size, unit)) => format!("{} {unit}s", seconds / size),
        None => format!("{seconds} s"),
    }
}

/// Returns a rough duration: hours and minutes, or minutes; below a minute, seconds.
pub(crate) fn rough(duration: Duration) -> String {
    let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{} s", duration.as_secs()),
        (0, _) => format!("{minutes} min"),
        (_, 0) => format!("{hours} h"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// Returns a share of one as a percentage.
pub(super) fn percent(share: f64) -> String {
    let percent = (share * 10_000.0).round() / 100.0;
    format!("{percent} %")
}

/// Returns the owner as Markdown.
pub(super) fn owner(declared: &Subscriber) -> String {
    let owner = declared.operation.owner.as_deref();
    owner.map_or_else(|| "none declared".into(), text)
}

/// Returns the declared load and latency.
pub(super) fn expected(declared: &Subscriber) -> String {
    let expected = &declared.operation.expected;
    let rate = expected.messages_per_second;
    let latency = expected.latency.map(time);
    let rate = rate.map(|rate| format!("{rate} messages a second"));
    let latency = latency.map(|latency| format!("{latency} from publish to ack for 95 of 100"));
    joined_or("none declared", rate.into_iter().chain(latency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        for (milliseconds, expected) in [
            (100, "100 ms"),
            (1_500, "1.5 s"),
            (60_000, "60 s"),
            (600_000, "10 minutes"),
            (3_600_000, "1 hour"),
            (3_601_000, "3601 s"),
            (604_800_000, "7 days"),
        ] {
            assert_eq!(time(Duration::from_millis(milliseconds)), expected);
        }
        for (seconds, expected) in [
            (59, "59 s"),
            (119, "1 min"),
            (3_600, "1 h"),
            (6_059, "1 h 40 min"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(percent(0.5), "50 %");
        assert_eq!(percent(0.001), "0.1 %");
    }
}
