//! Update masks: the fields of a resource that a change replaces (*google.protobuf.FieldMask*).

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Snapshot, Subscription, Topic};
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};
use prost_types::FieldMask;

use crate::descriptor::{self, PUBSUB};
use crate::error::ApiError;

/// A kind of resource, and its immutable fields.
struct Resource {
    name: &'static str,
    fixed: &'static [&'static str],
}

const TOPIC: Resource = Resource {
    name: "Topic",
    fixed: &["name", "satisfies_pzs", "state", "tags"],
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
        "tags",
    ],
};

const SNAPSHOT: Resource = Resource {
    name: "Snapshot",
    fixed: &["name", "topic"],
};

/// Returns a topic with the fields of `mask` from `change`.
///
/// # Errors
/// If the mask is empty, or has an unknown or immutable field.
pub(super) fn merge_topic(
    current: &Topic,
    change: &Topic,
    mask: &FieldMask,
) -> Result<Topic, ApiError> {
    TOPIC.merge(current, change, mask)
}

/// Returns a subscription with the fields of `mask` from `change`.
///
/// # Errors
/// If the mask is empty, or has an unknown or immutable field.
pub(super) fn merge_subscription(
    current: &Subscription,
    change: &Subscription,
    mask: &FieldMask,
) -> Result<Subscription, ApiError> {
    SUBSCRIPTION.merge(current, change, mask)
}

/// Returns a snapshot with the fields of `mask` from `change`.
///
/// # Errors
/// If the mask is empty, or has an unknown or immutable field.
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

    /// Returns the fields along a path.
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

/// Returns the field of a name between the dots, spelled as in Protocol Buffers or as in JSON. Only messages have fields.
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

/// Sets the last of `fields` to its value in `change`, or removes it. Missing messages on the way are created for a value.
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

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::{
        AuthenticationMethod, OidcToken,
    };
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
        DeadLetterPolicy, PushConfig, RetryPolicy,
    };

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }
    }

    fn current() -> Subscription {
        let token = OidcToken {
            service_account_email: "push@shop.example".to_owned(),
            audience: "me".to_owned(),
        };
        Subscription {
            name: "projects/shop/subscriptions/billing".to_owned(),
            ack_deadline_seconds: 10,
            push_config: Some(PushConfig {
                push_endpoint: "http://localhost:1/".to_owned(),
                authentication_method: Some(AuthenticationMethod::OidcToken(token)),
                ..PushConfig::default()
            }),
            dead_letter_policy: Some(DeadLetterPolicy {
                dead_letter_topic: "projects/shop/topics/dead".to_owned(),
                max_delivery_attempts: 5,
            }),
            labels: [("team".to_owned(), "sales".to_owned())].into(),
            ..Subscription::default()
        }
    }

    fn change() -> Subscription {
        Subscription {
            ack_deadline_seconds: 60,
            push_config: Some(PushConfig {
                push_endpoint: "http://localhost:2/".to_owned(),
                ..PushConfig::default()
            }),
            retry_policy: Some(RetryPolicy::default()),
            labels: [("stage".to_owned(), "test".to_owned())].into(),
            ..Subscription::default()
        }
    }

    fn check(paths: &[&str], expected: impl FnOnce(&mut Subscription)) {
        let mut changed = current();
        expected(&mut changed);
        let merged = merge_subscription(&current(), &change(), &mask(paths)).unwrap();
        assert_eq!(merged, changed, "{paths:?}");
    }

    #[test]
    fn only_the_fields_of_the_mask_change() {
        check(&["ack_deadline_seconds"], |it| it.ack_deadline_seconds = 60);
        check(&["ackDeadlineSeconds"], |it| it.ack_deadline_seconds = 60);
        check(&["labels"], |it| it.labels = change().labels);
        check(&["push_config"], |it| it.push_config = change().push_config);
        check(&["dead_letter_policy"], |it| it.dead_letter_policy = None);
        check(&["retry_policy", "labels"], |it| {
            it.retry_policy = Some(RetryPolicy::default());
            it.labels = change().labels;
        });
    }

    #[test]
    fn fields_of_a_message_change_alone() {
        let endpoint = |it: &mut Subscription| {
            it.push_config.as_mut().unwrap().push_endpoint = "http://localhost:2/".to_owned();
        };
        check(&["push_config.push_endpoint"], endpoint);
        check(&["pushConfig.pushEndpoint"], endpoint);
        check(&["push_config.oidc_token"], |it| {
            it.push_config.as_mut().unwrap().authentication_method = None;
        });
        check(&["push_config.oidc_token.audience"], |it| {
            let config = it.push_config.as_mut().unwrap();
            let AuthenticationMethod::OidcToken(token) =
                config.authentication_method.as_mut().unwrap();
            token.audience = String::new();
        });
        check(&["dead_letter_policy.max_delivery_attempts"], |it| {
            it.dead_letter_policy
                .as_mut()
                .unwrap()
                .max_delivery_attempts = 0;
        });
        check(&["retry_policy.minimum_backoff"], |it| {
            it.retry_policy = Some(RetryPolicy::default());
        });
        check(&["expiration_policy.ttl"], |_| {});
    }

    #[test]
    fn masks_with_no_path_or_an_unknown_one_are_rejected() {
        for paths in [
            &[][..],
            &[""],
            &["surprise"],
            &["labels", "push_config.surprise"],
            &["labels.team"],
            &["ack_deadline_seconds.deeper"],
            &["message_transforms.disabled"],
            &["*"],
            &["name"],
            &["topic"],
            &["filter"],
            &["enable_message_ordering"],
            &["enableMessageOrdering"],
            &["state"],
            &["detached"],
            &["tags"],
        ] {
            let merged = merge_subscription(&current(), &change(), &mask(paths));
            assert!(
                matches!(merged, Err(ApiError::InvalidArgument(_))),
                "{paths:?}"
            );
        }
    }

    #[test]
    fn topics_have_masks_too() {
        let topic = Topic {
            labels: change().labels,
            ..Topic::default()
        };
        let merged = merge_topic(&Topic::default(), &topic, &mask(&["labels"])).unwrap();
        assert_eq!(merged, topic);
        assert!(merge_topic(&topic, &topic, &mask(&["name"])).is_err());
    }

    #[test]
    fn snapshots_have_masks_too() {
        let snapshot = Snapshot {
            labels: change().labels,
            expire_time: Some(prost_types::Timestamp::default()),
            ..Snapshot::default()
        };
        let paths = mask(&["labels", "expire_time"]);
        let merged = merge_snapshot(&Snapshot::default(), &snapshot, &paths).unwrap();
        assert_eq!(merged, snapshot);
        assert!(merge_snapshot(&snapshot, &snapshot, &mask(&["topic"])).is_err());
    }
}
