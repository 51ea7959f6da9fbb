//! The form of a subscription's pushes, and the callers and audiences that it accepts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller_faults::{audience_fault, caller_fault};
use super::collector::Faults;
use super::{Idempotency, Subscriber};

/// The form of a subscription's pushes, as far as a push cannot prove it. A subscriber has one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Form {
    /// Each push shows its form: wrapped, or unwrapped with metadata, or an event that names this subscription.
    #[default]
    Evident,
    /// A push without metadata is payload, and nothing else.
    Unwrapped,
    /// Events of a subscription that Eventarc has created under another name.
    Eventarc,
}

/// The form of the pushes, and the tokens that they are accepted with.
#[derive(Clone, Default)]
pub(crate) struct PushSettings {
    pub(crate) form: Form,
    /// The accepted audiences; empty for those of the settings.
    pub(crate) audiences: Vec<String>,
    /// The accepted callers; empty for those of the settings.
    pub(crate) callers: Vec<String>,
}

impl Subscriber {
    /// Declares that the subscription pushes without Pub/Sub's wrapper (`no_wrapper`), to `/push/SUBSCRIPTION`.
    ///
    /// Every body that arrives at this path without `x-goog-pubsub-*` headers then counts as payload, even if it looks like a
    /// wrapped push, since a publisher could have made it. Do not declare it for a subscription that does wrap: its wrapper
    /// would be taken for payload.
    ///
    /// Without `write_metadata` such a push has no message id, so the idempotency must not need one. It also has no
    /// attributes, ordering key or publish time. With `write_metadata` it has all but the delivery attempt, and each push
    /// shows its form. Declare it all the same: a push that lost these headers on the way is then refused or taken for
    /// payload, and its body never for a wrapped push.
    #[must_use]
    pub fn unwrapped(mut self) -> Self {
        self.pushes.form = Form::Unwrapped;
        self
    }

    /// Declares that Eventarc pushes, from a subscription that it has created and named. The trigger's
    /// destination path is `/push/SUBSCRIPTION`, with the name declared here.
    ///
    /// A CloudEvent that arrives at this path belongs to this subscriber, if its subscription is in the same project. Message
    /// ids are unique within a topic only, so point one trigger at it and not several.
    #[must_use]
    pub fn eventarc(mut self) -> Self {
        self.pushes.form = Form::Eventarc;
        self
    }

    /// Adds an audience that this subscription's tokens must be for, instead of `PUSHGATE_AUDIENCE`. There may be two while one
    /// replaces the other.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.pushes.audiences.push(audience.into());
        self
    }

    /// Sets the service accounts that may push to this subscription, instead of `PUSHGATE_CALLERS`.
    #[must_use]
    pub fn callers<S: Into<String>>(mut self, emails: impl IntoIterator<Item = S>) -> Self {
        self.pushes.callers = emails.into_iter().map(Into::into).collect();
        self
    }

    /// Returns true if duplicates cannot be recognised without Pub/Sub's metadata.
    pub(crate) fn needs_message_id(&self) -> bool {
        let idempotency = self.idempotency.as_ref();
        idempotency.is_none_or(Idempotency::needs_metadata)
    }
}

impl PushSettings {
    pub(super) fn check(&self, faults: &mut Faults) {
        for email in &self.callers {
            if let Some(fault) = caller_fault(email) {
                faults.add(format!("the caller {email:?} {fault}: see .callers([…])"));
            }
        }
        for audience in &self.audiences {
            if let Some(fault) = audience_fault(audience) {
                faults.add(format!(
                    "the audience {audience:?} {fault}: see .audience(…)"
                ));
            }
        }
    }
}
