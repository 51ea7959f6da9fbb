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

const PUBLISHER: &str = "roles/pubsub.publisher";
const INVOKER: &str = "roles/run.invoker";
const TOKEN_CREATOR: &str = "roles/iam.serviceAccountTokenCreator";
const PUBSUB: Holder<'static> = Holder::Agent("gcp-sa-pubsub.iam.gserviceaccount.com");
const SCHEDULER: Holder<'static> = Holder::Agent("gcp-sa-cloudscheduler.iam.gserviceaccount.com");
const PUSH: Holder<'static> = Holder::Stacks("push");
const SERVICE: Holder<'static> = Holder::Stacks("service");
const NO_TOKENS: &str =
    "Pub/Sub cannot make the tokens of the push account, so every push is refused";
const NOT_LET_IN: &str =
    "while Cloud Run checks who calls, every push is rejected before the service sees it";

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
            why: "the service cannot remember what it has handled: it is not ready, and every push is answered 503",
        });
    }
    roles
}

fn pushing(subscribers: &[Subscriber]) -> Vec<Role<'_>> {
    const TOKENS_OF: &str = "/service_account_id";
    const ACCOUNT: &str = "google_service_account_iam_member";
    const CLOUD_RUN: &str = "google_cloud_run_v2_service_iam_member";
    let role = |resource, index, role, holder, place, why| Role {
        resource,
        index,
        role,
        holder,
        place,
        why,
    };
    let own = (ACCOUNT, "agent_token_creator");
    let invoker = (CLOUD_RUN, "push_invoker");
    let mut roles = vec![
        role(own, "", TOKEN_CREATOR, PUBSUB, (TOKENS_OF, ""), NO_TOKENS),
        role(invoker, "", INVOKER, PUSH, ("/name", ""), NOT_LET_IN),
    ];
    for email in distinct(subscribers.iter().filter_map(pushed_by)) {
        let declared = (ACCOUNT, "declared_token_creator");
        let place = (TOKENS_OF, email);
        roles.push(role(
            declared,
            email,
            TOKEN_CREATOR,
            PUBSUB,
            place,
            NO_TOKENS,
        ));
        let declared = (CLOUD_RUN, "declared_push_invoker");
        let holder = Holder::Account(email);
        roles.push(role(
            declared,
            email,
            INVOKER,
            holder,
            ("/name", ""),
            NOT_LET_IN,
        ));
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
        roles.push(publisher(
            "agent_dead_letter",
            topic,
            PUBSUB,
            "Pub/Sub cannot forward a message after its last attempt: it is pushed until its retention ends, then lost",
        ));
    }
    for topic in distinct(
        subscribers
            .iter()
            .map(|each| each.dead_letter_topic.as_str()),
    ) {
        roles.push(publisher(
            "service_dead_letter",
            topic,
            SERVICE,
            "the service cannot dead-letter what can never succeed: it is answered 503 and redelivered",
        ));
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
    let why = "Cloud Scheduler cannot publish, so that no schedule's message ever comes";
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
        role: PUBLISHER,
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
