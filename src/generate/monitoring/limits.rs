//! The limits of alerts that a declaration decides, as Terraform's alerts have them.

use crate::subscriber::Subscriber;

/// The share of the ack deadline that a run may take: at the deadline Pub/Sub closes the request and redelivers.
const DEADLINE_SHARE: f64 = 0.8;

/// Returns the longest normal duration of a run in seconds: the declared latency, and at most four fifths of the ack deadline.
pub(super) fn latency_seconds(declared: &Subscriber) -> f64 {
    let most = declared.cloud.ack_deadline.as_secs_f64() * DEADLINE_SHARE;
    let expected = declared.operation.expected.latency;
    expected.map_or(most, |expected| most.min(expected.as_secs_f64()))
}
