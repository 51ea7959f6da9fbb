//! Whether a plan or state of Terraform is what the declarations say: drift, roles, settings, and what would be lost.

mod callers;
mod document;
mod losses;
mod needed;
mod quantity;
mod resource;
mod roles;
mod schedules;
mod service;
mod stack;
mod subscriptions;
mod topics;

use std::time::Duration;

pub(crate) use self::document::{LIMIT_BYTES, PlanError};
use self::resource::{Known, Resource};
use self::stack::Stack;
use super::finding::Finding;
use super::rules::{PLAN_DRIFT, PLAN_EMPTY, PLAN_MISSING, PLAN_SUPERFLUOUS};
use crate::subscriber::Subscriber;

/// A plan or a state.
#[derive(Debug)]
pub(crate) struct Plan {
    resources: Vec<Resource>,
}

impl Plan {
    /// Reads what `terraform show -json` prints.
    ///
    /// # Errors
    /// When it is something else. No value is told: these can be secrets.
    pub(crate) fn read(text: &[u8]) -> Result<Self, PlanError> {
        let resources = document::resources(text)?;
        Ok(Self { resources })
    }

    pub(crate) fn len(&self) -> usize {
        self.resources.len()
    }

    /// What a step in the store may take in each deployment, where the plan knows.
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
            findings.extend(subscriptions::findings(stack, subscribers));
            findings.extend(topics::findings(stack, subscribers));
            findings.extend(schedules::findings(stack, subscribers));
            findings.extend(callers::findings(stack, subscribers));
            findings.extend(roles::findings(stack, subscribers));
            findings.extend(service::findings(stack, subscribers));
        }
        findings
    }
}

/// What is not there.
fn missing(stack: &Stack<'_>, what: (&str, &str), index: &str, why: &str) -> Finding {
    let (kind, _) = what;
    let subject = stack.address(what, index);
    let what = format!("the plan or state has no such {kind}");
    PLAN_MISSING
        .found(
            subject,
            what,
            "run pushgate generate, then plan anew; a state is as old as its last apply",
        )
        .because(why)
}

/// What nobody has declared.
fn superfluous(
    stack: &Stack<'_>,
    what: (&'static str, &'static str),
    is_declared: impl Fn(&str) -> bool,
    why: &str,
) -> Vec<Finding> {
    let others = stack.of(what).filter(|each| !is_declared(&each.index));
    others
        .map(|each| {
            PLAN_SUPERFLUOUS
                .found(
                    &each.address,
                    "no subscriber declares it",
                    "declare it in subscribers/, or run pushgate generate and plan anew, which deletes it: first let it run empty",
                )
                .because(why)
        })
        .collect()
}

/// Compares arguments of one resource; what is not known yet does not differ.
struct Drift<'a> {
    resource: &'a Resource,
    findings: Vec<Finding>,
}

impl<'a> Drift<'a> {
    fn of(resource: &'a Resource) -> Self {
        Self {
            resource,
            findings: Vec::new(),
        }
    }

    /// One argument, which is as declared or not.
    fn check(&mut self, is_right: Known<bool>, pointer: &str, declared: &str, why: &str) {
        if is_right == Some(false) {
            let name = named(pointer);
            let what = format!(
                "{name} is {}, declared is {declared}",
                self.resource.shown(pointer)
            );
            self.add(what, why);
        }
    }

    fn add(&mut self, what: String, why: &str) {
        let mend = "run pushgate generate and apply, which makes it as declared; or declare what the cloud has";
        let finding = PLAN_DRIFT.found(&self.resource.address, what, mend);
        self.findings.push(finding.because(why));
    }
}

/// `/retry_policy/0/minimum_backoff` as Terraform's documents write it.
fn named(pointer: &str) -> String {
    let steps = pointer
        .split('/')
        .filter(|step| !step.is_empty() && step.parse::<u32>().is_err());
    steps.collect::<Vec<_>>().join(".")
}

/// Whether a full name, `projects/P/topics/ID`, or a short one, is of this id.
fn is_id(name: &str, id: &str) -> bool {
    name.rsplit('/').next() == Some(id)
}

/// Whether it is of this id, and in the project of the resource that names it, where both are known.
fn is_beside(resource: &Resource, name: &str, id: &str) -> bool {
    let mut steps = name.split('/');
    let project = steps.next().filter(|first| *first == "projects");
    let project = project.and_then(|_| steps.next()).unwrap_or_default();
    let own = resource.text("/project").unwrap_or_default();
    is_id(name, id) && is_same_project(project, own)
}

/// A project has an id and a number, and which number is whose is not known here.
fn is_same_project(one: &str, other: &str) -> bool {
    let is_number = |name: &str| name.bytes().all(|each| each.is_ascii_digit());
    one == other
        || one == "-"
        || is_number(one) != is_number(other)
        || one.is_empty()
        || other.is_empty()
}
