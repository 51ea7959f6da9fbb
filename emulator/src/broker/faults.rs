//! Faults of subscriptions, which outlive a restart as subscriptions do.

use super::Broker;
use crate::delivery::Delivery;
use crate::faults::{Faults, FaultsError};
use crate::history::Note;
use crate::journal::Kind;

impl Broker {
    /// # Errors
    /// If a fault is out of its range.
    pub(crate) fn set_faults(
        &self,
        delivery: &Delivery,
        faults: Faults,
    ) -> Result<(), FaultsError> {
        faults.check()?;
        let said = serde_json::to_string(&faults).unwrap_or_default();
        let note = Note::FaultsChanged { faults: said };
        self.history.noted(delivery.name(), note);
        if faults.is_none() {
            delivery.set_faults(faults);
            self.keep_none(Kind::Faults, delivery.name());
            return Ok(());
        }
        let faults = faults.begin(self.seed, self.clock.utc());
        self.keep_faults(delivery.name(), &faults);
        delivery.set_faults(faults);
        Ok(())
    }
}
