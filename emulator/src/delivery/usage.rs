//! The use of a subscription, which prevents its expiration.

use time::OffsetDateTime;

use super::Delivery;

/// A current use of a subscription, which ends when this is dropped.
pub(crate) struct InUse<'a>(&'a Delivery);

impl Delivery {
    /// Uses the subscription until the result is dropped. Open connections and pulls are activity (Google, *Subscription
    /// properties*, "Expiration period").
    #[must_use = "it is not in use any more when this is dropped"]
    pub(crate) fn in_use(&self) -> InUse<'_> {
        self.state().users += 1;
        InUse(self)
    }

    /// Returns true if the subscription was unused for the time of its expiration policy.
    pub(crate) fn is_expired(&self, now: OffsetDateTime) -> bool {
        let state = self.state();
        let expiration = state.config.expiration;
        state.users == 0 && expiration.is_some_and(|ttl| now - state.last_active > ttl)
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.users -= 1;
        state.last_active = self.0.clock.utc();
    }
}
