//! Settings without effect: rejected by a strict emulator, and otherwise named in the log.

use super::Broker;
use crate::error::ApiError;
use crate::resources::name::ResourceName;
use crate::resources::without_effect::WithoutEffect;

impl Broker {
    /// Rejects settings without effect if the emulator is strict. `message` is the name of Google's message.
    ///
    /// # Errors
    /// If it is strict and there are any.
    pub(crate) fn check_effect(
        &self,
        message: &str,
        settings: &WithoutEffect,
    ) -> Result<(), ApiError> {
        match settings.first() {
            Some(setting) if self.is_strict => Err(setting.rejection(message)),
            _ => Ok(()),
        }
    }
}

/// Logs the names of settings without effect.
pub(crate) fn log_without_effect(resource: &ResourceName, settings: &WithoutEffect) {
    let names = settings.names();
    if !names.is_empty() {
        let settings = names.join(", ");
        tracing::warn!(
            %resource, settings, "these settings are stored and have no effect here; --strict rejects them"
        );
    }
}
