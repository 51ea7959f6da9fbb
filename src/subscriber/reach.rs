//! Whether a message reaches a subscriber, and what it would be dead-lettered for: known before it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Subscriber, filter};
use crate::handler::Delivery;
use crate::handler::context::Context;
use crate::handler::state::States;

impl Subscriber {
    /// Whether its filter lets a message with these attributes through.
    pub(crate) fn gets(&self, attributes: &BTreeMap<String, String>) -> bool {
        let filter = self.filter.as_deref();
        filter.is_none_or(|filter| filter::passes(filter, attributes))
    }

    /// What it would dead-letter the message for; never a value.
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

    /// The idempotency key, where it stands in an attribute or in the payload. A function of the subscriber's own is not
    /// asked: it may look at what only a delivery has.
    fn missing_key(
        &self,
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Option<String> {
        let idempotency = self.idempotency.as_ref()?;
        idempotency.place()?;
        let mut context = Context::for_test("");
        context.attributes = Arc::clone(attributes);
        let delivery = Delivery {
            data: data.clone(),
            context,
            states: States::default(),
        };
        let identified = idempotency.identify(&delivery);
        identified.err().map(|missing| missing.to_string())
    }
}
