//! The result of a delivery.

/// The end of a delivery: the only list of all ends. `push/reply.rs` chooses the status for each.
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
    /// The handler asked for a retry; the claim is released.
    Failed,
    /// The handler passed its hard limit and was stopped.
    TimedOut,
    /// The handler passed its hard limit and cannot be stopped; its claim is kept until it ends.
    StillRunning,
    /// The handler panicked.
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
