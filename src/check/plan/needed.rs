//! The roles that the declarations need, as `terraform/identity.tf` grants them.

use std::collections::BTreeSet;

use super::stack::{FIRESTORE, Stack};
use crate::subscriber::{Form, Subscriber};

/// One role on one resource.
pub(super) struct Role<'a> {
    pub(super) resource: (&'static str, &'static str),
    pub(super) index: &'a str,
    pub(super) role: &'static str,
    pub(super) holder: Holder<'a>,
    /// The argument that names the resource of the role, and its id; an empty id for the stack's own.
    pub(super) place: (&'static str, &'a str),
    pub(super) why: &'static str,
}

/// The holder of a role.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// Google's own account for one of its products in the project, by its domain.
    Agent(&'static str),
    /// A service account of the stack, by the name of its resource.
    Stacks(&'static str),
    /// A declared account, by its e-mail.
    Account(&'a str),
}

const PUBSUB: Holder<'static> = Holder::Agent("gcp-sa-pubsub.iam.gserviceaccount.com");
const SCHEDULER: Holder<'static> = Holder::Agent("gcp-sa-cloudscheduler.iam.gserviceaccount.com");
const PUSH: Holder<'static> = Holder::Stacks("push");
const SERVICE: Holder<'static> = Holder::Stacks("service");
pub(super) fn needed<'a>(stack: &Stack<'_>, subscribers: &'a [Subscriber]) -> Vec<Role<'a>> {
    let mut roles = pushing(subscribers);
    roles.extend(dead_lettering(subscribers));
    roles.extend(events(subscribers));
    roles.extend(scheduling(subscribers));
    if stack.find(FIRESTORE, "0").is_some() {
        roles.push(Role {
            resource: ("google_project_iam_member", "service_store"),
            index: "0",
            role: "roles/datastore.user",
            holder: SERVICE,
            place: ("", ""),
            why: "the service cannot record handled messages: it is not ready, and every push is answered 503",
        });
    }
    roles
}

fn pushing(subscribers: &[Subscriber]) -> Vec<Role<'_>> {
    let token_creator = |name, email| Role {
        resource: ("google_service_account_iam_member", name),
        index: email,
        role: "roles/iam.serviceAccountTokenCreator",
        holder: PUBSUB,
        place: ("/service_account_id", email),
        why: "Pub/Sub cannot create tokens for the push account, so every push is refused",
    };
    let invoker = |name, index, holder| Role {
        resource: ("google_cloud_run_v2_service_iam_member", name),
        index,
        role: "roles/run.invoker",
        holder,
        place: ("/name", ""),
        why: "if Cloud Run checks the caller, it rejects every push before the service receives it",
    };
    let mut roles = vec![
        token_creator("agent_token_creator", ""),
        invoker("push_invoker", "", PUSH),
    ];
    for email in distinct(subscribers.iter().filter_map(pushed_by)) {
        roles.push(token_creator("declared_token_creator", email));
        let holder = Holder::Account(email);
        roles.push(invoker("declared_push_invoker", email, holder));
    }
    roles
}

fn dead_lettering(subscribers: &[Subscriber]) -> Vec<Role<'_>> {
    let pushed = || {
        let all = subscribers.iter();
        all.filter(|each| each.pushes.form != Form::Eventarc)
    };
    let mut roles = Vec::new();
    for topic in distinct(pushed().map(|each| each.dead_letter_topic.as_str())) {
        let why = "Pub/Sub cannot forward a message after its last attempt: it is pushed until its retention ends, then lost";
        roles.push(publisher("agent_dead_letter", topic, PUBSUB, why));
    }
    for topic in distinct(
        subscribers
            .iter()
            .map(|each| each.dead_letter_topic.as_str()),
    ) {
        let why = "the service cannot dead-letter a message that can never succeed: its pushes are answered 503 and redelivered";
        roles.push(publisher("service_dead_letter", topic, SERVICE, why));
    }
    roles.extend(pushed().map(|each| Role {
        resource: ("google_pubsub_subscription_iam_member", "agent_source"),
        index: &each.id,
        role: "roles/pubsub.subscriber",
        holder: PUBSUB,
        place: ("/subscription", &each.id),
        why: "Pub/Sub cannot ack what it has forwarded to the dead-letter topic, so that it is redelivered",
    }));
    roles
}

/// Returns the roles of triggers' accounts, which must be allowed to receive events (Google, *Roles and permissions for Eventarc*).
fn events(subscribers: &[Subscriber]) -> Vec<Role<'_>> {
    let triggers = subscribers
        .iter()
        .filter(|each| each.pushes.form == Form::Eventarc);
    let receivers = distinct(triggers.map(|each| pushed_by(each).unwrap_or("push")));
    let roles = receivers.into_iter().map(|index| Role {
        resource: ("google_project_iam_member", "event_receiver"),
        index,
        role: "roles/eventarc.eventReceiver",
        holder: if index == "push" {
            PUSH
        } else {
            Holder::Account(index)
        },
        place: ("", ""),
        why: "Eventarc rejects the trigger, or delivers no events",
    });
    roles.collect()
}

fn scheduling(subscribers: &[Subscriber]) -> Vec<Role<'_>> {
    let scheduled = subscribers.iter().filter(|each| !each.schedules.is_empty());
    let why = "Cloud Scheduler cannot publish, so no scheduled message arrives";
    let topics = distinct(scheduled.map(|each| each.topic.as_str()));
    let roles = topics.into_iter();
    roles
        .map(|topic| publisher("scheduler_agent", topic, SCHEDULER, why))
        .collect()
}

fn publisher<'a>(
    name: &'static str,
    topic: &'a str,
    holder: Holder<'a>,
    why: &'static str,
) -> Role<'a> {
    Role {
        resource: ("google_pubsub_topic_iam_member", name),
        index: topic,
        role: "roles/pubsub.publisher",
        holder,
        place: ("/topic", topic),
        why,
    }
}

/// Returns the account that pushes: the first that is declared.
fn pushed_by(subscriber: &Subscriber) -> Option<&str> {
    subscriber.pushes.callers.first().map(String::as_str)
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.collect()
}
