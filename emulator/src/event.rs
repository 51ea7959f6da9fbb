//! The events of pushes.

use std::fmt;
use std::time::Duration;

/// An event of one push.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeliveryEvent {
    /// The subscription's full name.
    pub subscription: String,
    /// The id of the message.
    pub message_id: String,
    /// 1 for the first push of the message, then one more for each nack and each expired deadline.
    pub attempt: u32,
    /// The progress of the push.
    pub progress: Progress,
}

/// The progress of a push.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The request is about to be sent.
    Started,
    /// The push has ended. An aborted push has no such event: its subscription was deleted, or the emulator stops.
    Ended {
        /// The endpoint's answer.
        reply: Reply,
        /// The time from the start of the request to the status line, or to the time-out.
        latency: Duration,
        /// The settlement of the message.
        settlement: Settlement,
    },
}

/// The end of one delivery: the answer of the endpoint, or the action of the client that pulled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply {
    /// The endpoint answered with this status.
    Status(u16),
    /// The endpoint refused the connection, or closed it early.
    NoAnswer,
    /// The endpoint did not answer within the ack deadline, so the request was aborted.
    DeadlineExceeded,
    /// A client that pulled the message acknowledged it.
    Ack,
    /// A client that pulled the message nacked it.
    Nack,
    /// The lease of a client that pulled the message expired.
    LeaseEnded,
}

impl Reply {
    /// Returns true if this acknowledges the message. Exactly five statuses do (Google, *Push subscriptions*, "Receive messages").
    /// Of these, 102 is an interim status, at which the push ends without waiting for the final one.
    #[must_use]
    pub fn is_ack(self) -> bool {
        matches!(self, Self::Status(102 | 200 | 201 | 202 | 204) | Self::Ack)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(formatter, "{status}"),
            Self::NoAnswer => formatter.write_str("no answer"),
            Self::DeadlineExceeded => formatter.write_str("deadline"),
            Self::Ack => formatter.write_str("ack"),
            Self::Nack => formatter.write_str("nack"),
            Self::LeaseEnded => formatter.write_str("lease ended"),
        }
    }
}

/// The settlement of a message after a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Settlement {
    /// It was acknowledged.
    Acked,
    /// It is redelivered, no earlier than after this time.
    Again {
        /// The longer of the message's own wait and the pause of the whole subscription.
        after: Duration,
    },
    /// Another delivery is under way or has settled it, or a seek has brought it back.
    Elsewhere,
    /// It reached the last delivery attempt, and was forwarded to the dead-letter topic.
    DeadLettered {
        /// The full name of that topic.
        topic: String,
    },
}

impl DeliveryEvent {
    /// Returns the reply, if the push has ended.
    #[must_use]
    pub fn reply(&self) -> Option<Reply> {
        match self.progress {
            Progress::Started => None,
            Progress::Ended { reply, .. } => Some(reply),
        }
    }

    /// Returns true if this is the end of a push that acknowledged its message.
    #[must_use]
    pub fn is_acked(&self) -> bool {
        self.settlement() == Some(&Settlement::Acked)
    }

    /// Returns the wait until the next push of the message, if there is one.
    #[must_use]
    pub fn next_attempt_in(&self) -> Option<Duration> {
        match self.settlement() {
            Some(Settlement::Again { after }) => Some(*after),
            _ => None,
        }
    }

    /// Returns the topic to which the message was forwarded as a dead letter, if it was.
    #[must_use]
    pub fn dead_lettered_to(&self) -> Option<&str> {
        match self.settlement() {
            Some(Settlement::DeadLettered { topic }) => Some(topic),
            _ => None,
        }
    }

    fn settlement(&self) -> Option<&Settlement> {
        match &self.progress {
            Progress::Started => None,
            Progress::Ended { settlement, .. } => Some(settlement),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;

    #[test]
    fn exactly_five_statuses_are_acks() {
        let acks: Vec<u16> = (100..600)
            .filter(|status| Reply::Status(*status).is_ack())
            .collect();
        assert_eq!(acks, [102, 200, 201, 202, 204]);
        assert!(!Reply::NoAnswer.is_ack());
        assert!(!Reply::DeadlineExceeded.is_ack());
    }
}
