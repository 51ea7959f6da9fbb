//! The roles without which pushes and dead letters are refused (Google, *Authenticate push subscriptions*, *Handle message
//! failures*).

use std::collections::BTreeSet;

use super::stack::Stack;
use crate::derive::check::finding::Finding;
use crate::derive::check::rules::PLAN_ROLE;
use crate::subscriber::{Form, Subscriber};

/// One role on one resource.
struct Role<'a> {
    resource: (&'static str, &'static str),
    index: &'a str,
    role: &'static str,
    /// Whether Google's agent for Pub/Sub has it, or one of the stack's own accounts.
    is_agents: bool,
    why: &'static str,
}

const PUBLISHER: &str = "roles/pubsub.publisher";
const AGENT: &str = "@gcp-sa-pubsub.iam.gserviceaccount.com";

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    needed(subscribers)
        .iter()
        .filter_map(|role| finding(stack, role))
        .collect()
}

fn needed(subscribers: &[Subscriber]) -> Vec<Role<'_>> {
    let pushed = || {
        subscribers
            .iter()
            .filter(|each| each.form != Form::Eventarc)
    };
    let forwarded: BTreeSet<&str> = pushed()
        .map(|each| each.dead_letter_topic.as_str())
        .collect();
    let published: BTreeSet<&str> = subscribers
        .iter()
        .map(|each| each.dead_letter_topic.as_str())
        .collect();
    let mut roles = vec![
        Role {
            resource: ("google_service_account_iam_member", "agent_token_creator"),
            index: "",
            role: "roles/iam.serviceAccountTokenCreator",
            is_agents: true,
            why: "Pub/Sub cannot make the tokens of the push account, so every push is refused",
        },
        Role {
            resource: ("google_cloud_run_v2_service_iam_member", "push_invoker"),
            index: "",
            role: "roles/run.invoker",
            is_agents: false,
            why: "while Cloud Run checks who calls, every push is refused before the service sees it",
        },
    ];
    roles.extend(forwarded.into_iter().map(|index| Role {
        resource: ("google_pubsub_topic_iam_member", "agent_dead_letter"),
        index,
        role: PUBLISHER,
        is_agents: true,
        why: "Pub/Sub cannot forward a message after its last attempt: it is pushed until its retention ends, then lost",
    }));
    roles.extend(published.into_iter().map(|index| Role {
        resource: ("google_pubsub_topic_iam_member", "service_dead_letter"),
        index,
        role: PUBLISHER,
        is_agents: false,
        why: "the service cannot dead-letter what can never succeed: it is answered 503 and comes again",
    }));
    roles.extend(pushed().map(|each| Role {
        resource: ("google_pubsub_subscription_iam_member", "agent_source"),
        index: &each.id,
        role: "roles/pubsub.subscriber",
        is_agents: true,
        why: "Pub/Sub cannot ack what it has forwarded to the dead-letter topic, so that it comes again",
    }));
    roles
}

fn finding(stack: &Stack<'_>, needed: &Role<'_>) -> Option<Finding> {
    let what = match stack.find(needed.resource, needed.index) {
        None => format!("the plan or state does not give {}", needed.role),
        Some(given) => {
            let role = given.text("/role");
            let member = given.text("/member");
            if role.is_some_and(|role| role != needed.role) {
                format!(
                    "the role is {}, expected {}",
                    given.shown("/role"),
                    needed.role
                )
            } else if needed.is_agents && member.is_some_and(|member| !member.ends_with(AGENT)) {
                format!(
                    "the member is {}, expected Pub/Sub's own account, service-PROJECT_NUMBER{AGENT}",
                    given.shown("/member")
                )
            } else {
                return None;
            }
        }
    };
    let subject = stack.address(needed.resource, needed.index);
    let mend = format!(
        "give {} as terraform/identity.tf does, and apply",
        needed.role
    );
    Some(PLAN_ROLE.found(subject, what, mend).because(needed.why))
}
