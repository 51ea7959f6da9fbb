//! Why a push is rejected before its message is claimed.

use crate::delivery::NotClaimed;
use crate::delivery::admission::OverCapacity;
use crate::delivery::drain::Leaving;
use crate::push::authentication::AuthenticationError;
use crate::push::binding::BindingError;
use crate::push::body::BodyError;
use crate::push::forms::EnvelopeError;

/// A push that is rejected before its message is claimed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no push endpoint")]
    Endpoint(#[from] NoEndpoint),
    #[error("{}", if .0.is_transient() { "cannot check the token now" } else { "authentication failed" })]
    Authentication(#[from] AuthenticationError),
    #[error("{}", match .0 { BindingError::UnknownSubscription { .. } => "no subscriber for this subscription", _ => "not allowed to push here" })]
    Binding(#[from] BindingError),
    #[error("the body cannot be taken")]
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
    /// Not even a post, so nobody's push: strangers look around.
    #[error("nothing is at {0:?}")]
    Nothing(String),
    #[error("the method is {0}, expected POST")]
    Method(String),
}

impl From<Leaving> for Refusal {
    fn from(leaving: Leaving) -> Self {
        NotClaimed::from(leaving).into()
    }
}

impl From<OverCapacity> for Refusal {
    fn from(full: OverCapacity) -> Self {
        NotClaimed::from(full).into()
    }
}
