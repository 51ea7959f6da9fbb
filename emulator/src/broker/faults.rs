//! Faults of subscriptions, which are saved like subscriptions.

use super::Broker;
use crate::delivery::Delivery;
use crate::error::ApiError;
use crate::faults::Faults;
use crate::history::Note;
use crate::journal::Kind;
use crate::resources::name::ResourceName;

impl Broker {
    /// # Errors
    /// If there is no such subscription, or if a fault is out of range.
    pub(crate) fn set_faults(&self, name: &ResourceName, faults: Faults) -> Result<(), ApiError> {
        let checked = faults.check();
        checked.map_err(|error| ApiError::invalid(error.to_string()))?;
        // The lock keeps the subscription until its faults are saved.
        let resources = self.resources();
        self.give_faults(resources.find_subscription(name)?, faults);
        Ok(())
    }

    /// Sets checked faults of a subscription. The caller holds the lock of the resources.
    pub(super) fn give_faults(&self, delivery: &Delivery, faults: Faults) {
        let json = serde_json::to_string(&faults).unwrap_or_default();
        let note = Note::FaultsChanged { faults: json };
        self.history.noted(delivery.name(), note);
        if faults.is_none() {
            delivery.set_faults(faults);
            self.delete_saved(Kind::Faults, delivery.name());
            return;
        }
        let faults = faults.begin(self.seed, self.clock.utc());
        self.save_faults(delivery.name(), &faults);
        delivery.set_faults(faults);
    }
}
