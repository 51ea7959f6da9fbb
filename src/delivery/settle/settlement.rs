//! The ends of runs and of deliveries.

use tokio::task::JoinError;

use crate::delivery::dead_letter::{HANDLER, PAYLOAD, Reason};
use crate::delivery::delivery::Delivery;
use crate::handler::outcome::Outcome;
use crate::handler::{HandlerResult, InputError, NoOutcome};

/// The end of a delivery: the only list of all ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The handler succeeded, and the success is recorded.
    Handled,
    /// The handler had nothing to do, and that is recorded.
    Discarded,
    /// The message is on its dead-letter topic.
    DeadLettered,
    /// The message was handled before, or by the delivery that this one waited for.
    Duplicate,
    /// The key was handled before with another payload; the message counts as handled, as declared.
    OtherPayloadIgnored,
    /// The key was handled before with another payload; the message is redelivered, as declared.
    OtherPayload,
    /// The handler succeeded without a claim and without a record, as declared for a store that is down.
    Unguarded,
    /// The handler succeeded, but the success is not recorded: a later duplicate would run again.
    Unrecorded,
    /// The handler failed; the claim is released.
    Failed,
    /// The handler passed its hard limit and was stopped.
    TimedOut,
    /// The handler passed its hard limit and cannot be stopped; its claim is kept until it ends.
    StillRunning,
    /// The handler panicked, or the application behind a gateway was cut off.
    Panicked,
    /// The handler was stopped, since the service shuts down.
    Stopped,
    /// The handler was not called.
    NotBegun,
    /// The delivery that this one waited for has failed.
    FailedElsewhere,
    /// Another delivery holds the claim.
    InProgress,
    /// The handler succeeded after its claim was lost to another ticket, whose delivery decides the result.
    FencedOut,
    /// The message can never succeed, but could not be dead-lettered; the claim is released.
    NotDeadLettered,
}

/// An end and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) end: End,
    /// The reason in words, for the log.
    pub(crate) reason: Option<String>,
    /// The number of the claim, if it was granted: above 1 if an earlier claim's lease expired.
    pub(crate) claim_number: Option<u32>,
}

impl End {
    /// Returns the outcome in the log, in metrics and in the reply.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Discarded => "discarded",
            Self::DeadLettered => "dead-lettered",
            Self::Duplicate => "duplicate",
            Self::OtherPayloadIgnored => "ignored",
            Self::OtherPayload => "other payload",
            Self::Unguarded => "handled unguarded",
            Self::Unrecorded => "unrecorded",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::StillRunning => "still running",
            Self::Panicked => "panicked",
            Self::Stopped => "stopped",
            Self::NotBegun => "not begun",
            Self::FailedElsewhere => "failed elsewhere",
            Self::InProgress => "in progress elsewhere",
            Self::FencedOut => "fenced out",
            Self::NotDeadLettered => "not dead-lettered",
        }
    }

    /// Returns true if the handler succeeded.
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Handled | Self::Discarded)
    }

    /// Returns true if Pub/Sub redelivers the message, as long as it has delivery attempts left.
    pub(crate) fn is_redelivered(self) -> bool {
        !matches!(
            self,
            Self::Handled
                | Self::Discarded
                | Self::DeadLettered
                | Self::Duplicate
                | Self::OtherPayloadIgnored
                | Self::Unguarded
                | Self::Unrecorded
        )
    }

    pub(crate) fn because(self, reason: impl Into<String>) -> Settlement {
        Settlement {
            reason: Some(reason.into()),
            ..self.into()
        }
    }
}

impl From<End> for Settlement {
    fn from(end: End) -> Self {
        Self {
            end,
            reason: None,
            claim_number: None,
        }
    }
}

/// The end of a run, from which the message is settled.
pub(crate) enum RunEnd {
    /// The message can never succeed.
    DeadLetter(Reason),
    /// The message gets this settlement once the store has recorded it.
    Settle(Settlement),
}

impl RunEnd {
    /// Returns the end of a handler's task; `if_aborted` if the task was aborted.
    pub(crate) fn of(ended: Result<HandlerResult, JoinError>, if_aborted: impl Into<Self>) -> Self {
        match ended {
            Ok(Ok(Outcome::Success)) => End::Handled.into(),
            Ok(Ok(Outcome::Discard { reason })) => End::Discarded.because(reason).into(),
            Ok(Ok(Outcome::Retry { reason })) => End::Failed.because(reason).into(),
            Ok(Ok(Outcome::DeadLetter { reason })) => Self::DeadLetter(Reason {
                kind: HANDLER,
                text: reason,
            }),
            Ok(Err(NoOutcome::Input(InputError::Payload(error)))) => Self::DeadLetter(Reason {
                kind: PAYLOAD,
                text: error.to_string(),
            }),
            Ok(Err(NoOutcome::Input(error @ InputError::MissingState(_)))) => {
                End::Failed.because(error.to_string()).into()
            }
            Ok(Err(NoOutcome::CutOff(reason))) => End::Panicked.because(reason).into(),
            Err(error) if error.is_cancelled() => if_aborted.into(),
            Err(_) => End::Panicked.into(),
        }
    }

    pub(crate) fn timed_out(delivery: &Delivery) -> Self {
        let limit = delivery.subscriber.limits.hard;
        End::TimedOut.because(format!(
            "the handler passed its hard limit of {limit:?}: see .ack_deadline(…) and .hard_limit(…)"
        )).into()
    }
}

impl From<Settlement> for RunEnd {
    fn from(settlement: Settlement) -> Self {
        Self::Settle(settlement)
    }
}

impl From<End> for RunEnd {
    fn from(end: End) -> Self {
        Self::Settle(end.into())
    }
}
