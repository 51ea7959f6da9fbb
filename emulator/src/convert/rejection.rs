//! Rejects settings that the emulator does not support, with the reason.

use crate::error::ApiError;

/// A field that the emulator does not support, true if it is set, and the reason.
pub(super) type Unsupported = (&'static str, bool, &'static str);

/// # Errors
/// If one of the fields is set.
pub(super) fn reject(message: &str, fields: &[Unsupported]) -> Result<(), ApiError> {
    for (field, is_set, reason) in fields {
        if *is_set {
            return Err(ApiError::unimplemented(format!(
                "The emulator does not act upon {message}.{field}: {reason}"
            )));
        }
    }
    Ok(())
}
