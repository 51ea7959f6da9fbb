//! Google's messages and the emulator's settings, in both directions: defaults, and what is refused because it would have no
//! effect.

#[cfg_attr(not(test), expect(dead_code, reason = "the broker does not pull yet"))]
mod message;
mod push_config;
mod subscription;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the broker does not pull and seek yet")
)]
mod time;
mod topic;

pub(super) use self::message::message;
pub(super) use self::push_config::push_config;
pub(super) use self::subscription::{subscription, subscription_config};
pub(super) use self::topic::{topic, topic_config};
use crate::error::ApiError;

/// Refuses a field that is set but would have no effect.
fn refuse(is_set: bool, field: &str, reason: &str) -> Result<(), ApiError> {
    if !is_set {
        return Ok(());
    }
    Err(ApiError::unimplemented(format!(
        "The emulator does not act upon {field}: {reason}"
    )))
}

/// Refuses tags and transforms, which topics and subscriptions both have.
fn refuse_extras(message: &str, has_transforms: bool, has_tags: bool) -> Result<(), ApiError> {
    refuse(
        has_transforms,
        &format!("{message}.messageTransforms"),
        "messages would arrive untransformed",
    )?;
    refuse(
        has_tags,
        &format!("{message}.tags"),
        "there is no resource manager",
    )
}
