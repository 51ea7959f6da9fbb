//! Update masks: which fields of a resource a change replaces (*google.protobuf.FieldMask*).

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Snapshot, Subscription, Topic};
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};
use prost_types::FieldMask;

use super::descriptor::{self, PUBSUB};
use crate::error::ApiError;

/// A kind of resource, and its fields that no update changes.
struct Resource {
    name: &'static str,
    fixed: &'static [&'static str],
}

const TOPIC: Resource = Resource {
    name: "Topic",
    fixed: &["name", "satisfies_pzs", "state"],
};

const SUBSCRIPTION: Resource = Resource {
    name: "Subscription",
    fixed: &[
        "name",
        "topic",
        "filter",
        "enable_message_ordering",
        "detached",
        "state",
        "topic_message_retention_duration",
        "analytics_hub_subscription_info",
    ],
};

const SNAPSHOT: Resource = Resource {
    name: "Snapshot",
    fixed: &["name", "topic"],
};

/// A topic with the fields of `mask` as `change` has them.
///
/// # Errors
/// If the mask is empty, or names a field that is not there or does not change.
pub(super) fn merge_topic(
    current: &Topic,
    change: &Topic,
    mask: &FieldMask,
) -> Result<Topic, ApiError> {
    TOPIC.merge(current, change, mask)
}

/// A subscription with the fields of `mask` as `change` has them.
///
/// # Errors
/// If the mask is empty, or names a field that is not there or does not change.
pub(super) fn merge_subscription(
    current: &Subscription,
    change: &Subscription,
    mask: &FieldMask,
) -> Result<Subscription, ApiError> {
    SUBSCRIPTION.merge(current, change, mask)
}

/// A snapshot with the fields of `mask` as `change` has them.
///
/// # Errors
/// If the mask is empty, or names a field that is not there or does not change.
pub(super) fn merge_snapshot(
    current: &Snapshot,
    change: &Snapshot,
    mask: &FieldMask,
) -> Result<Snapshot, ApiError> {
    SNAPSHOT.merge(current, change, mask)
}

impl Resource {
    fn merge<T: prost::Message + Default>(
        &self,
        current: &T,
        change: &T,
        mask: &FieldMask,
    ) -> Result<T, ApiError> {
        if mask.paths.is_empty() {
            return Err(ApiError::invalid(format!(
                "The update_mask of the Update{}Request must be set, and name at least one field",
                self.name
            )));
        }
        let full_name = format!("{PUBSUB}.{}", self.name);
        let mut merged = descriptor::reflect(&full_name, current)?;
        let change = descriptor::reflect(&full_name, change)?;
        for path in &mask.paths {
            let fields = self.resolve(&merged.descriptor(), path)?;
            replace(&mut merged, Some(&change), &fields);
        }
        let merged = merged.transcode_to();
        merged.map_err(|error| ApiError::internal(format!("a merge cannot be read: {error}")))
    }

    /// The fields that a path leads through.
    fn resolve(
        &self,
        message: &MessageDescriptor,
        path: &str,
    ) -> Result<Vec<FieldDescriptor>, ApiError> {
        let fields = resolve(message, path).ok_or_else(|| {
            ApiError::invalid(format!(
                "The update_mask of the Update{0}Request has {path:?}, which is no field of a {0}",
                self.name
            ))
        })?;
        let first = fields
            .first()
            .map(FieldDescriptor::name)
            .unwrap_or_default();
        if self.fixed.contains(&first) {
            return Err(ApiError::invalid(format!(
                "The update_mask of the Update{0}Request has {path:?}, which does not change once a {0} exists",
                self.name
            )));
        }
        Ok(fields)
    }
}

/// A name between the dots is written as in Protocol Buffers or as in JSON; only messages have fields in them.
fn resolve(message: &MessageDescriptor, path: &str) -> Option<Vec<FieldDescriptor>> {
    let mut message = Some(message.clone());
    let mut fields = Vec::new();
    for name in path.split('.') {
        let scope = message?;
        let field = scope.get_field_by_name(name);
        let field = field.or_else(|| scope.get_field_by_json_name(name))?;
        let is_message = !field.is_list() && !field.is_map();
        message = field.kind().as_message().filter(|_| is_message).cloned();
        fields.push(field);
    }
    Some(fields)
}

/// Gives the last of `fields` the value that it has in `change`, or none. Messages on the way come into being when they get one.
fn replace(
    current: &mut DynamicMessage,
    change: Option<&DynamicMessage>,
    fields: &[FieldDescriptor],
) {
    let Some((field, deeper)) = fields.split_first() else {
        return;
    };
    let change = change.filter(|change| change.has_field(field));
    let value = change.map(|change| change.get_field(field));
    if deeper.is_empty() {
        match value {
            Some(value) => current.set_field(field, value.into_owned()),
            None => current.clear_field(field),
        }
    } else if value.is_some() || current.has_field(field) {
        let inner = value.as_deref().and_then(Value::as_message);
        if let Some(current) = current.get_field_mut(field).as_message_mut() {
            replace(current, inner, deeper);
        }
    }
}
