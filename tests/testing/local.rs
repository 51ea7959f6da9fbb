//! The whole service with a local Pub/Sub.

use pushgate::testing::{Forgery, Local, Sent};

use pushgate::Subscriber;
use serde_json::{Value, json};

use super::{ID, Printed, declared, print, service, service_of};
use crate::harness::{client, push_to};

#[tokio::test]
async fn a_published_message_has_its_outcome() {
    let printed = Printed::default();
    let local = Local::start(service(&printed)).await;
    let letter = Sent::raw("Dear Ada").ordering_key("Ada");
    let id = local.publish("letters", &letter);
    assert_eq!(local.outcome(ID, &id).await.outcome, "handled");
    let id = local.publish("letters", &Sent::raw("dead"));
    let dead = local.outcome(ID, &id).await;
    assert_eq!(dead.outcome, "dead-lettered");
    assert!(
        dead.reason
            .is_some_and(|reason| reason.starts_with("no such printer"))
    );
    assert_eq!(local.deliveries(ID, &id).len(), 1);
    assert_eq!(*printed.lock().expect("letters"), ["Dear Ada"]);
    local.stop().await;
}

#[tokio::test]
async fn tokens_are_checked_as_in_production() {
    let local = Local::start(service(&Printed::default())).await;
    let (email, audience) = local.caller();
    for (token, status) in [
        (local.token(&email, &audience), 400),
        (local.forged(Forgery::Expired, &email, &audience), 401),
        (local.token("stranger@example.com", &audience), 403),
    ] {
        let reply = push_to(&local.url(), "not an envelope", &token).await;
        assert_eq!(reply.status, status);
    }
}

#[tokio::test]
async fn a_subscriber_of_eventarc_receives_events() {
    let printed = Printed::default();
    let subscriber = declared(Subscriber::new(ID, print)).eventarc();
    let local = Local::start(service_of(subscriber, &printed)).await;
    let id = local.publish("letters", &Sent::raw("Dear Ada"));
    assert_eq!(local.outcome(ID, &id).await.outcome, "handled");
    let request = format!(
        "http://{}/console/api/messages/{id}/request?subscription=projects/test-project/subscriptions/{ID}&attempt=1",
        local.pubsub()
    );
    let request = client().get(request).send().await.expect("an answer");
    let request: Value = request.json().await.expect("JSON");
    let event = json!(["ce-type", "google.cloud.pubsub.topic.v1.messagePublished"]);
    let headers = request["headers"].as_array().expect("headers");
    assert!(headers.contains(&event), "{request}");
}

/// A wrapped push from another subscription than the path's is refused, so only an event can have been received.
#[tokio::test]
async fn an_event_of_a_subscription_of_eventarcs_is_handled() {
    let printed = Printed::default();
    let subscriber = declared(Subscriber::new(ID, print)).eventarc();
    let local = Local::start(service_of(subscriber, &printed)).await;
    let (email, audience) = local.caller();
    let topic = "projects/test-project/topics/made-by-eventarc";
    let created = "projects/test-project/subscriptions/eventarc-europe-west1-letters-sub-042";
    let push = json!({
        "pushEndpoint": format!("{}/push/{ID}", local.url()), "attributes": {"pushgate-form": "eventarc"},
        "oidcToken": {"serviceAccountEmail": email, "audience": audience},
    });
    for (name, body) in [
        (topic, json!({})),
        (created, json!({"topic": topic, "pushConfig": push})),
    ] {
        let url = format!("http://{}/v1/{name}", local.pubsub());
        let put = client().put(url).json(&body).send().await;
        put.expect("an answer").error_for_status().expect("created");
    }
    let id = local.publish("made-by-eventarc", &Sent::raw("Dear Bob"));
    assert_eq!(local.outcome(ID, &id).await.outcome, "handled");
    assert_eq!(*printed.lock().expect("letters"), ["Dear Bob"]);
}
