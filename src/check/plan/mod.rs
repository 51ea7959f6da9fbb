//! A plan or state of Terraform, compared with the declarations: drift, roles, settings, and losses.

mod argument;
mod callers;
mod compared;
mod declared;
mod document;
mod losses;
mod needed;
mod quantity;
mod resource;
mod roles;
mod service;
mod stack;
mod tables;

use std::time::Duration;

pub(crate) use self::document::{LIMIT_BYTES, PlanError};
use self::resource::Resource;
use self::stack::Stack;
use super::finding::Finding;
use super::rules::PLAN_EMPTY;
use crate::subscriber::Subscriber;

/// A plan or a state.
#[derive(Debug)]
pub(crate) struct Plan {
    resources: Vec<Resource>,
}

impl Plan {
    /// Reads the output of `terraform show -json`.
    ///
    /// # Errors
    /// If it is something else. The error names no value, since values can be secrets.
    pub(crate) fn read(text: &[u8]) -> Result<Self, PlanError> {
        let resources = document::resources(text)?;
        Ok(Self { resources })
    }

    pub(crate) fn len(&self) -> usize {
        self.resources.len()
    }

    /// Returns the store's time-out in each deployment, as far as the plan knows it.
    pub(super) fn store_timeouts(&self) -> Vec<Duration> {
        let timeouts = Stack::all(&self.resources).into_iter().filter_map(|stack| {
            stack
                .settings()
                .number("PUSHGATE_STORE_TIMEOUT_MILLISECONDS")
        });
        timeouts.map(Duration::from_millis).collect()
    }

    pub(super) fn findings(&self, subscribers: &[Subscriber]) -> Vec<Finding> {
        let mut findings = losses::findings(&self.resources);
        let stacks = Stack::all(&self.resources);
        if stacks.is_empty() {
            findings.push(PLAN_EMPTY.found(
                "plan",
                format!("none of its {} resources is the service or a subscription of terraform/", self.len()),
                "give the plan or state of the stack that uses terraform/: terraform plan -out=FILE, terraform show -json FILE",
            ));
        }
        for stack in &stacks {
            findings.extend(declared::findings(stack, subscribers));
            findings.extend(callers::findings(stack, subscribers));
            findings.extend(roles::findings(stack, subscribers));
            findings.extend(service::findings(stack, subscribers));
        }
        findings
    }
}
