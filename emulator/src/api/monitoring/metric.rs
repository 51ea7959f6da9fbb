//! The metrics of a subscription that show its backlog (Google, *Google Cloud metrics*, "pubsub").

use crate::delivery::view::View;

/// The monitored resource of these metrics.
pub(super) const RESOURCE: &str = "pubsub_subscription";

/// A gauge of whole numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Metric {
    UndeliveredMessages,
    OldestUnackedMessageAge,
}

impl Metric {
    pub(super) const ALL: [Self; 2] = [Self::UndeliveredMessages, Self::OldestUnackedMessageAge];

    /// Returns Google's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UndeliveredMessages => {
                "pubsub.googleapis.com/subscription/num_undelivered_messages"
            }
            Self::OldestUnackedMessageAge => {
                "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
            }
        }
    }

    /// Returns the name that Google gives the metric in PromQL: its first slash is a colon, and all other special characters are
    /// underscores (Google, *Mapping Cloud Monitoring metrics to PromQL*).
    pub(super) fn prometheus_name(self) -> String {
        self.name().replacen('/', ":", 1).replace(['.', '/'], "_")
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::UndeliveredMessages => "Unacknowledged messages of a subscription.",
            Self::OldestUnackedMessageAge => {
                "Age of the oldest unacknowledged message of a subscription, in seconds; 0 without one."
            }
        }
    }

    /// Returns the unit in the notation of Cloud Monitoring.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::UndeliveredMessages => "1",
            Self::OldestUnackedMessageAge => "s",
        }
    }

    /// Returns the current value.
    pub(super) fn of(self, view: &View) -> i64 {
        let age = || view.oldest_unacked.unwrap_or_default().as_secs();
        let value = match self {
            Self::UndeliveredMessages => view.backlog.try_into(),
            Self::OldestUnackedMessageAge => age().try_into(),
        };
        value.unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_prometheus_are_googles() {
        let names = Metric::ALL.map(Metric::prometheus_name);
        assert_eq!(
            names,
            [
                "pubsub_googleapis_com:subscription_num_undelivered_messages",
                "pubsub_googleapis_com:subscription_oldest_unacked_message_age",
            ]
        );
    }
}
