//! Resources that would be deleted although they contain messages or records.

use super::resource::Resource;
use crate::check::finding::Finding;
use crate::check::rules::PLAN_LOSS;

pub(super) fn findings(resources: &[Resource]) -> Vec<Finding> {
    let deleted = resources.iter().filter(|each| each.is_deleted);
    deleted.filter_map(loss).collect()
}

fn loss(resource: &Resource) -> Option<Finding> {
    let why = match resource.kind.as_str() {
        "google_pubsub_subscription" => {
            "its backlog is lost: every unacked message and dead letter in it"
        }
        "google_pubsub_topic" => {
            "its subscriptions lose their topic: they receive no later message, even if a topic of the same name is created"
        }
        "google_pubsub_schema" => "a topic whose schema is gone rejects every message",
        "google_eventarc_trigger" => {
            "Eventarc deletes the subscription of a trigger with it, and its backlog is lost"
        }
        "google_firestore_database" | "google_redis_instance" | "google_memorystore_instance" => {
            "the records of handled messages are lost: every redelivered message runs again"
        }
        _ => return None,
    };
    let replaced = resource.remains();
    let mut what = String::from(if replaced {
        "it is replaced"
    } else {
        "it is deleted"
    });
    if !resource.replaced_for.is_empty() {
        what.push_str(&format!(
            ", because of {}",
            resource.replaced_for.join(", ")
        ));
    }
    let fix = if replaced {
        "revert what replaces it, or declare the change under a new name, and remove the old one when it is empty"
    } else {
        "keep it until it is empty: stop the publishers, wait until all messages are handled, replay or discard its dead letters, then remove only this resource"
    };
    Some(PLAN_LOSS.found(&resource.address, what, fix).because(why))
}
