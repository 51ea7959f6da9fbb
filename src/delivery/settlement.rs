//! What became of a message, in one word.

use std::time::Duration;

/// What became of a message that was claimed, or that another delivery had claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// The handler succeeded, and that is recorded.
    Handled,
    /// The handler had nothing to do.
    Discarded { reason: String },
    /// The message is on its dead-letter topic.
    DeadLettered { reason: String, topic: String },
    /// Handled before, or by the delivery this one waited for.
    DoneBefore,
    /// Its key was handled before, with another payload; counts as handled, as declared.
    OtherPayloadIgnored,
    /// Its key was handled before, with another payload; comes again, as declared.
    OtherPayload,
    /// Settled in the world, without a claim and without a record, as declared for a store that is down.
    Unguarded { error: String },
    /// Settled in the world, but the store could not be told: a later duplicate would run again.
    Unrecorded { error: String },
    /// Given back, to be delivered again.
    Failed { reason: String },
    /// Given back, since the handler passed its hard limit.
    TimedOut { limit: Duration },
    /// The handler passed its hard limit and cannot be stopped; its claim is kept until it ends.
    StillRunning { limit: Duration },
    /// Given back; the handler panicked.
    Panicked,
    /// Given back, since the service is leaving.
    Left,
    /// Given back; the handler was not called.
    NotBegun { reason: String },
    /// The delivery this one waited for has failed.
    FailedElsewhere,
    /// Another delivery holds the claim.
    Busy,
    /// This delivery succeeded after it had lost its claim to another, which decides.
    FencedOut,
    /// It can never succeed, and could not be dead-lettered either; given back.
    NotDeadLettered { reason: String, error: String },
}
