//! Predictions for a message before it is published: the subscribers that receive it, and those that would dead-letter it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Subscriber, filter};
use crate::handler::Input;
use crate::handler::context::Context;
use crate::handler::state::States;

impl Subscriber {
    /// Returns true if its filter passes a message with these attributes.
    pub(crate) fn gets(&self, attributes: &BTreeMap<String, String>) -> bool {
        let filter = self.cloud.filter.as_deref();
        filter.is_none_or(|filter| filter::passes(filter, attributes))
    }

    /// Returns the reasons why it would dead-letter the message; never a value.
    pub(crate) fn violations(
        &self,
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Vec<String> {
        let mut violations = Vec::new();
        for payload in &self.signature.payloads {
            if let Err(error) = payload.check(data, attributes) {
                violations.extend(error.violations().iter().cloned());
            }
        }
        violations.extend(self.missing_key(data, attributes));
        violations
    }

    /// Returns the fault of an idempotency key in an attribute or in the payload. A key function is not called: it may use
    /// data that only a delivery has.
    fn missing_key(
        &self,
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Option<String> {
        let idempotency = self.idempotency.as_ref()?;
        idempotency.place()?;
        let mut context = Context::for_test("");
        context.attributes = Arc::clone(attributes);
        let input = Input {
            data: data.clone(),
            context,
            states: States::default(),
        };
        let identified = idempotency.identify(&input);
        identified.err().map(|missing| missing.to_string())
    }
}
