//! The result of a handler.

use std::error::Error;

use crate::loggable::chain;

/// The result of a handler for its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The effect has happened. The message is recorded as done and acknowledged.
    Success,
    /// A transient failure: Pub/Sub redelivers the message after its back-off.
    Retry {
        /// The reason, for the log. It must not contain payload data.
        reason: String,
    },
    /// A permanent failure: the message is published to the dead-letter topic with the reason, and a person decides.
    DeadLetter {
        /// The reason, for the log and for the reader of the dead-letter topic.
        reason: String,
    },
    /// There is nothing to do, and no person needs to act: the message is recorded as done, as after a success.
    Discard {
        /// The reason, for the log.
        reason: String,
    },
}

impl Outcome {
    /// Returns a transient failure, after which Pub/Sub redelivers the message.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
        }
    }

    /// Returns a permanent failure: no later run can succeed.
    pub fn dead_letter(reason: impl Into<String>) -> Self {
        Self::DeadLetter {
            reason: reason.into(),
        }
    }

    /// Returns a success without an effect.
    pub fn discard(reason: impl Into<String>) -> Self {
        Self::Discard {
            reason: reason.into(),
        }
    }
}

/// A return value of handlers: nothing, an [`Outcome`], or a `Result` of either, so that `?` causes a retry.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "return `()`, `Outcome`, or `Result` of one of them with an error that is `std::error::Error`, `anyhow::Error` or a string",
    note = "an `async fn`, which returns a future, is declared with `Subscriber::new`"
)]
pub trait IntoOutcome {
    /// Converts the value to an outcome.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Outcome::Success
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoOutcome, E: Into<Box<dyn Error + Send + Sync>>> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(value) => value.into_outcome(),
            Err(error) => Outcome::Retry {
                reason: chain(error.into().as_ref()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_retry_with_its_whole_chain() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot reserve")]
        struct Reserve(#[source] std::io::Error);
        let result: Result<(), Reserve> =
            Err(Reserve(std::io::Error::other("warehouse is closed")));
        assert_eq!(
            result.into_outcome(),
            Outcome::retry("cannot reserve: warehouse is closed")
        );
    }

    #[test]
    fn an_error_text_becomes_a_retry() {
        assert_eq!(
            Err::<(), _>("later").into_outcome(),
            Outcome::retry("later")
        );
    }

    #[test]
    fn a_nested_outcome_is_kept() {
        assert_eq!(
            Ok::<_, String>(Outcome::discard("seen")).into_outcome(),
            Outcome::discard("seen")
        );
    }

    #[test]
    fn a_handler_without_a_result_succeeds() {
        assert_eq!(().into_outcome(), Outcome::Success);
    }
}
