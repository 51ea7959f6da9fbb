//! All a handler can say about its message.

use std::error::Error;

use crate::loggable::chain;

/// What a handler says about its message. It never needs to know an HTTP status: `reply.rs` decides that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The effect has happened. The message is remembered as done and Pub/Sub forgets it.
    Success,
    /// It did not work now, but may later: Pub/Sub delivers again after its back-off.
    Retry {
        /// Why, for the log. It must not contain payload data.
        reason: String,
    },
    /// It can never work: the message goes to the dead-letter topic with the reason, for a person to look at.
    DeadLetter {
        /// Why, for the log and for the reader of the dead-letter topic.
        reason: String,
    },
    /// There is nothing to do, and nobody needs to look at it: remembered as done, like a success.
    Discard {
        /// Why, for the log.
        reason: String,
    },
}

impl Outcome {
    /// Asks Pub/Sub to deliver again, because what stands in the way can pass.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
        }
    }

    /// Gives the message up: no later attempt can succeed.
    pub fn dead_letter(reason: impl Into<String>) -> Self {
        Self::DeadLetter {
            reason: reason.into(),
        }
    }

    /// Lets the message go without an effect.
    pub fn discard(reason: impl Into<String>) -> Self {
        Self::Discard {
            reason: reason.into(),
        }
    }
}

/// What handlers may return: nothing, an [`Outcome`], or a `Result` of either, so that `?` means "again, later".
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "return `()`, `Outcome`, or `Result` of one of them with an error that is `std::error::Error`, `anyhow::Error` or a string",
    note = "an `async fn`, which returns a future, is declared with `Subscriber::new`"
)]
pub trait IntoOutcome {
    /// The outcome this value stands for.
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
    fn a_string_and_a_nested_outcome_are_understood() {
        assert_eq!(
            Err::<(), _>("later").into_outcome(),
            Outcome::retry("later")
        );
        assert_eq!(
            Ok::<_, String>(Outcome::discard("seen")).into_outcome(),
            Outcome::discard("seen")
        );
        assert_eq!(().into_outcome(), Outcome::Success);
    }
}
