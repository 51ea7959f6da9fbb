//! The reasons to reject a push before its message is claimed.

use crate::delivery::NotClaimed;
use crate::delivery::admission::OverCapacity;
use crate::push::authentication::AuthenticationError;
use crate::push::binding::BindingError;
use crate::push::body::BodyError;
use crate::push::forms::EnvelopeError;
use crate::shutdown::ShuttingDown;

/// A push that is rejected before its message is claimed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no push endpoint")]
    Endpoint(#[from] NoEndpoint),
    #[error("{}", if .0.is_transient() { "cannot verify the token now" } else { "authentication failed" })]
    Authentication(#[from] AuthenticationError),
    #[error("{}", match .0 { BindingError::UnknownSubscription { .. } => "no subscriber for this subscription", _ => "not allowed to push here" })]
    Binding(#[from] BindingError),
    #[error("the body cannot be read")]
    Body(#[from] BodyError),
    #[error("not a push")]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    NotClaimed(#[from] NotClaimed),
    #[error("a step of the push itself panicked")]
    Defect,
}

/// A request that cannot be a push, by its method or path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEndpoint {
    #[error(
        "a request to {0:?}, expected POST / or POST /push/SUBSCRIPTION: check the push endpoint"
    )]
    Path(String),
    /// Neither a push nor a health check, such as the requests of scanners.
    #[error("nothing is at {0:?}")]
    Nothing(String),
    #[error("the method is {0}, expected POST")]
    Method(String),
}

impl From<ShuttingDown> for Refusal {
    fn from(error: ShuttingDown) -> Self {
        NotClaimed::from(error).into()
    }
}

impl From<OverCapacity> for Refusal {
    fn from(full: OverCapacity) -> Self {
        NotClaimed::from(full).into()
    }
}
