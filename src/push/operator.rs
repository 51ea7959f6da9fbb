//! The operators, who may read the status of the service by its public address.

use std::collections::HashSet;

use crate::push::authentication::Caller;

/// The accounts of `PUSHGATE_OPERATORS`, with the audiences that their tokens may have.
pub(crate) struct Operators {
    pub(crate) emails: HashSet<String>,
    pub(crate) audiences: HashSet<String>,
}

/// The error of an authenticated caller that is no operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOperator {
    #[error("{0:?} is not an operator: check PUSHGATE_OPERATORS")]
    Email(String),
    #[error("the token is for {0:?}: check PUSHGATE_AUDIENCE")]
    Audience(String),
}

impl Operators {
    /// Returns the e-mail of an operator.
    pub(crate) fn check(&self, caller: Caller) -> Result<String, NotOperator> {
        if !self.emails.contains(&caller.email) {
            return Err(NotOperator::Email(caller.email));
        }
        match self.audiences.contains(&caller.audience) {
            true => Ok(caller.email),
            false => Err(NotOperator::Audience(caller.audience)),
        }
    }
}
