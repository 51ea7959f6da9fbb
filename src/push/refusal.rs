//! The reasons to reject a push before its message is claimed.

use crate::delivery::NotClaimed;
use crate::delivery::admission::OverCapacity;
use crate::push::authentication::AuthenticationError;
use crate::push::binding::BindingError;
use crate::push::body::BodyError;
use crate::push::forms::EnvelopeError;
use crate::push::operator::NotOperator;
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
    #[error("not allowed to read the status")]
    Operator(#[from] NotOperator),
    #[error("the subscription is paused")]
    Paused(#[from] Paused),
    #[error("a step of the push panicked outside the handler")]
    Defect,
}

/// The setting by which a subscription is paused.
#[derive(Debug, thiserror::Error)]
#[error(
    "PUSHGATE_PAUSED names it, and this push uses up a delivery attempt: pushgate pause would not"
)]
pub(crate) struct Paused;

/// A request that cannot be a push, by its method or path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEndpoint {
    #[error(
        "a request to {0:?}, expected POST / or POST /push/SUBSCRIPTION: check the push endpoint"
    )]
    Path(String),
    /// Neither a push nor a health check, such as the requests of scanners.
    #[error("there is no endpoint at {0:?}")]
    Nothing(String),
    #[error("the method is {0}, expected POST")]
    Method(String),
}

impl Refusal {
    /// Returns true unless the request cannot be a push, such as those of scanners.
    pub(crate) fn is_push(&self) -> bool {
        !matches!(
            self,
            Self::Endpoint(NoEndpoint::Nothing(_) | NoEndpoint::Method(_)) | Self::Operator(_)
        )
    }

    /// Returns the kind for metrics and for the limit of log lines. It holds nothing of the request.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Endpoint(NoEndpoint::Path(_)) => "unknown_path",
            Self::Endpoint(NoEndpoint::Nothing(_)) => "not_a_push",
            Self::Endpoint(NoEndpoint::Method(_)) => "method",
            Self::Authentication(error) => error.kind(),
            Self::Binding(BindingError::UnknownSubscription { .. }) => "unknown_subscription",
            Self::Binding(BindingError::OtherCaller { .. }) => "other_caller",
            Self::Binding(BindingError::OtherAudience { .. }) => "other_audience",
            Self::Body(BodyError::TooLarge(_)) => "body_too_large",
            Self::Body(BodyError::NoRoom(_)) => "bodies_over_capacity",
            Self::Body(BodyError::TooSlow(_)) => "body_too_slow",
            Self::Body(BodyError::Incomplete(_)) => "body_incomplete",
            Self::Envelope(_) => "envelope_invalid",
            Self::NotClaimed(NotClaimed::ShuttingDown(_)) => "shutting_down",
            Self::NotClaimed(NotClaimed::OverCapacity(OverCapacity::Process(_))) => {
                "process_over_capacity"
            }
            Self::NotClaimed(NotClaimed::OverCapacity(OverCapacity::Subscription)) => {
                "subscription_over_capacity"
            }
            Self::NotClaimed(NotClaimed::CircuitOpen(_)) => "circuit_open",
            Self::NotClaimed(NotClaimed::Store(_)) => "store_down",
            Self::Operator(_) => "not_an_operator",
            Self::Paused(_) => "paused",
            Self::Defect => "defect",
        }
    }
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
