//! Policies of access, which are kept and not enforced.

use googleapis_tonic_google_iam_v1::google::iam::v1::Policy;

use super::Broker;
use crate::error::ApiError;
use crate::name::ResourceName;

impl Broker {
    /// Whether there is a resource of this name, which may be of any kind.
    pub(crate) fn exists(&self, resource: &str) -> bool {
        if self.schemas().exists(resource) {
            return true;
        }
        let resources = self.resources();
        let topic = ResourceName::topic(resource);
        let subscription = ResourceName::subscription(resource);
        let snapshot = ResourceName::snapshot(resource);
        topic.is_ok_and(|name| resources.topics.contains_key(&name))
            || subscription.is_ok_and(|name| resources.subscriptions.contains_key(&name))
            || snapshot.is_ok_and(|name| resources.snapshots.contains_key(&name))
    }

    pub(crate) fn policy(&self, resource: &str) -> Policy {
        self.policies.get(resource)
    }

    /// # Errors
    /// If the policy is malformed or too large, or its etag is no longer that of the resource.
    pub(crate) fn set_policy(&self, resource: &str, policy: Policy) -> Result<Policy, ApiError> {
        let set = self.policies.set(resource, policy)?;
        self.keep_policy(resource, &set);
        Ok(set)
    }
}
