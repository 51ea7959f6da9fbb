//! How a subscription delivers, where the push itself cannot prove it.

use super::{Idempotency, Subscriber};

/// What a subscriber's pushes are, as far as they cannot tell themselves. A subscriber has one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Each push tells: wrapped, or unwrapped with metadata, or an event that names this subscription.
    Evident,
    /// Without metadata, a push is payload, and nothing else.
    Unwrapped,
    /// Events of a subscription with another name.
    Eventarc,
}

impl Subscriber {
    /// The subscription pushes without Pub/Sub's wrapper (`no_wrapper`), to `/push/SUBSCRIPTION`.
    ///
    /// Every body that comes to this path without `x-goog-pubsub-*` headers is payload then, also one that looks like a
    /// wrapped push, since a publisher could have made it. So a subscription that does wrap must not be declared so: its
    /// wrapper would be taken for payload.
    ///
    /// Without `write_metadata` such a push has no message id, so the idempotency must not need one; nor has it attributes, an
    /// ordering key or a publish time. With `write_metadata` it has all but the delivery attempt, and each push tells its
    /// form; declare it all the same, so that a push which lost these headers on the way is refused or taken for payload, and
    /// its body never for a wrapped push.
    #[must_use]
    pub fn unwrapped(mut self) -> Self {
        self.form = Form::Unwrapped;
        self
    }

    /// Eventarc pushes, from a subscription that it has created under a name of its own; the trigger's destination path is
    /// `/push/SUBSCRIPTION`, with the name declared here.
    ///
    /// A CloudEvent that comes to this path belongs to this subscriber, if its subscription is of the same project. Message
    /// ids are unique within a topic only, so point one trigger at it and not several.
    #[must_use]
    pub fn eventarc(mut self) -> Self {
        self.form = Form::Eventarc;
        self
    }

    /// Whether duplicates cannot be told without Pub/Sub's message id.
    pub(crate) fn needs_message_id(&self) -> bool {
        let idempotency = self.idempotency.as_ref();
        idempotency.is_none_or(Idempotency::needs_metadata)
    }
}
