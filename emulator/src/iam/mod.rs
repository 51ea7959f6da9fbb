//! IAM policies. The emulator stores them, and allows everything to every client.

mod member;
mod permission;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use googleapis_tonic_google_iam_v1::google::iam::v1::Policy;
use prost::Message;

use self::member::is_member;
pub(crate) use self::permission::granted;
use crate::error::ApiError;

/// The most bytes of all policies of one emulator, encoded.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The memory of a policy besides that.
const POLICY_BYTES: usize = 512;
/// The most bytes of an invalid member in an error.
const MAX_MEMBER_CHARS: usize = 64;
/// The versions of policies; 0 is the same as 1 (Google, *Policy*, `version`).
const VERSIONS: [i32; 3] = [0, 1, 3];

/// The policies that were set on topics, subscriptions, snapshots and schemas.
#[derive(Default)]
pub(crate) struct Policies {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    policies: BTreeMap<String, Policy>,
    bytes: usize,
    /// The number of changes so far, which makes every etag unique.
    changes: u64,
}

impl Policies {
    /// Returns the policy of a resource, or an empty one.
    pub(crate) fn get(&self, resource: &str) -> Policy {
        let state = self.state();
        let policy = state.policies.get(resource).cloned();
        policy.unwrap_or_else(unset)
    }

    /// Sets the policy of a resource. A policy with an etag only replaces the policy from which it was read.
    ///
    /// # Errors
    /// If the policy is invalid or too large, or if its etag is outdated.
    pub(crate) fn set(&self, resource: &str, mut policy: Policy) -> Result<Policy, ApiError> {
        check(&policy)?;
        let mut state = self.state();
        let current = state.policies.get(resource);
        let current = current.cloned().unwrap_or_else(unset);
        if !policy.etag.is_empty() && policy.etag != current.etag {
            return Err(ApiError::aborted(
                "The policy was changed since it was read, as its etag shows: read it again, and apply the change to that",
            ));
        }
        policy.etag = etag(state.changes + 1);
        if state.bytes + cost(resource, &policy) > MAX_BYTES {
            return Err(ApiError::ResourceExhausted(format!(
                "The emulator holds at most {MAX_BYTES} bytes of policies"
            )));
        }
        state.forget(resource);
        state.bytes += cost(resource, &policy);
        state.changes += 1;
        state.policies.insert(resource.to_owned(), policy.clone());
        Ok(policy)
    }

    /// Restores a policy.
    pub(crate) fn restore(&self, resource: &str, policy: Policy) {
        let mut state = self.state();
        state.forget(resource);
        state.bytes += cost(resource, &policy);
        // New etags continue after the highest one.
        let etag = policy.etag.as_slice().try_into().map(u64::from_be_bytes);
        state.changes = state.changes.max(etag.unwrap_or_default());
        state.policies.insert(resource.to_owned(), policy);
    }

    /// Drops the policy of a deleted resource, so that the next one of its name starts without one.
    pub(crate) fn forget(&self, resource: &str) {
        self.state().forget(resource);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, resource: &str) {
        if let Some(policy) = self.policies.remove(resource) {
            self.bytes -= cost(resource, &policy);
        }
    }
}

/// Returns the policy of a resource without one.
fn unset() -> Policy {
    Policy {
        etag: etag(0),
        ..Policy::default()
    }
}

fn etag(change: u64) -> Vec<u8> {
    change.to_be_bytes().to_vec()
}

fn cost(resource: &str, policy: &Policy) -> usize {
    POLICY_BYTES + resource.len() + policy.encoded_len()
}

fn check(policy: &Policy) -> Result<(), ApiError> {
    if !VERSIONS.contains(&policy.version) {
        return Err(ApiError::invalid(format!(
            "The version of a policy must be 1 or 3, not {}",
            policy.version
        )));
    }
    for binding in &policy.bindings {
        if binding.role.is_empty() {
            return Err(ApiError::invalid("A binding has no role"));
        }
        if let Some(member) = binding.members.iter().find(|member| !is_member(member)) {
            let member: String = member.chars().take(MAX_MEMBER_CHARS).collect();
            return Err(ApiError::invalid(format!(
                "Invalid member {member:?}: expected allUsers, allAuthenticatedUsers, or a kind such as user:, serviceAccount: or \
                 group: and who it is"
            )));
        }
        if binding.condition.is_some() && policy.version != 3 {
            return Err(ApiError::invalid(
                "A policy with a condition must have version 3",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_iam_v1::google::iam::v1::Binding;

    const TOPIC: &str = "projects/shop/topics/orders";

    fn policy(role: &str) -> Policy {
        let binding = Binding {
            role: role.to_owned(),
            members: vec!["user:owner@shop.example".to_owned()],
            condition: None,
        };
        Policy {
            bindings: vec![binding],
            ..Policy::default()
        }
    }

    #[test]
    fn a_policy_is_replaced_by_whoever_read_it_last() {
        let policies = Policies::default();
        let first = policies.get(TOPIC);
        assert!(first.bindings.is_empty() && !first.etag.is_empty());
        let mut change = policy("roles/viewer");
        change.etag.clone_from(&first.etag);
        let second = policies.set(TOPIC, change.clone()).unwrap();
        assert_ne!(second.etag, first.etag);
        assert_eq!(policies.get(TOPIC), second);
        let stale = policies.set(TOPIC, change);
        assert!(matches!(stale, Err(ApiError::Aborted(_))));
        assert!(policies.set(TOPIC, policy("roles/editor")).is_ok());
        policies.forget(TOPIC);
        assert_eq!(policies.get(TOPIC), first);
        assert_eq!(policies.state().bytes, 0);
    }

    #[test]
    fn malformed_policies_are_rejected() {
        let policies = Policies::default();
        assert!(policies.set(TOPIC, policy("")).is_err());
        let version = |version| Policy {
            version,
            ..Policy::default()
        };
        assert!(policies.set(TOPIC, version(2)).is_err());
        assert!(policies.set(TOPIC, version(3)).is_ok());
        let mut nobody = policy("roles/viewer");
        if let Some(binding) = nobody.bindings.first_mut() {
            binding.members.push("bogus".to_owned());
        }
        let rejected = policies.set(TOPIC, nobody).unwrap_err().to_string();
        assert!(
            rejected.starts_with("Invalid member \"bogus\": "),
            "{rejected}"
        );
        let mut condition = policy("roles/viewer");
        if let Some(binding) = condition.bindings.first_mut() {
            binding.condition = Some(Default::default());
        }
        assert!(policies.set(TOPIC, condition.clone()).is_err());
        condition.version = 3;
        assert!(policies.set(TOPIC, condition).is_ok());
    }
}
