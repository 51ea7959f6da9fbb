//! IAM policies, which are stored and not enforced.

use googleapis_tonic_google_iam_v1::google::iam::v1::Policy;

use super::{Broker, Resources};
use crate::error::ApiError;
use crate::resources::name::ResourceName;

impl Broker {
    /// Returns true if there is a resource of this name, of any kind.
    pub(crate) fn exists(&self, resource: &str) -> bool {
        let resources = self.resources();
        self.schemas().exists(resource) || resources.exists(resource)
    }

    pub(crate) fn policy(&self, resource: &str) -> Policy {
        self.policies.get(resource)
    }

    /// # Errors
    /// If there is no such resource, if the policy is invalid or too large, or if its etag is outdated.
    pub(crate) fn set_policy(&self, resource: &str, policy: Policy) -> Result<Policy, ApiError> {
        // Both locks are held. Otherwise a concurrent deletion would leave the policy to the next resource of this name.
        let resources = self.resources();
        let schemas = self.schemas();
        if !schemas.exists(resource) && !resources.exists(resource) {
            let id = resource.rsplit('/').next().unwrap_or_default();
            return Err(ApiError::NotFound(id.to_owned()));
        }
        let set = self.policies.set(resource, policy)?;
        self.save_policy(resource, &set);
        Ok(set)
    }
}

impl Resources {
    fn exists(&self, resource: &str) -> bool {
        let topic = ResourceName::topic(resource);
        let subscription = ResourceName::subscription(resource);
        let snapshot = ResourceName::snapshot(resource);
        topic.is_ok_and(|name| self.topics.contains_key(&name))
            || subscription.is_ok_and(|name| self.subscriptions.contains_key(&name))
            || snapshot.is_ok_and(|name| self.snapshots.contains_key(&name))
    }
}
