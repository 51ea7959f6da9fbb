//! Policies and permissions by REST.

use reqwest::Method;
use serde_json::json;

use super::{SUBSCRIPTION, TOPIC, call, get, put, with_topic};

#[tokio::test]
async fn a_policy_is_replaced_only_by_its_last_reader() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    for resource in [TOPIC, SUBSCRIPTION] {
        let read = format!("{resource}:getIamPolicy?options.requestedPolicyVersion=3");
        let write = format!("{resource}:setIamPolicy");
        let (code, unset) = get(&emulator, &read).await;
        assert_eq!(code, 200);
        assert_eq!(unset.as_object().unwrap().len(), 1);
        let binding = json!({"role": "roles/viewer", "members": ["allUsers"]});
        let policy = json!({"policy": {"etag": unset["etag"], "bindings": [binding]}});
        let (code, set) = call(&emulator, Method::POST, &write, &policy).await;
        assert_eq!(code, 200);
        assert_eq!(&set["bindings"], &policy["policy"]["bindings"]);
        assert_eq!(get(&emulator, &read).await, (200, set));
        let masked = json!({"policy": {"version": 1, "bindings": []}, "updateMask": "version"});
        let (_, masked) = call(&emulator, Method::POST, &write, &masked).await;
        let kept = (&masked["version"], &masked["bindings"]);
        assert_eq!(kept, (&json!(1), &policy["policy"]["bindings"]));
        let (code, stale) = call(&emulator, Method::POST, &write, &policy).await;
        assert_eq!(code, 409);
        assert_eq!(stale["error"]["status"], "ABORTED");
        call(&emulator, Method::DELETE, resource, &json!({})).await;
        assert_eq!(get(&emulator, &read).await.0, 404);
    }
    put(&emulator, TOPIC, json!({})).await;
    let (_, unset) = get(&emulator, &format!("{TOPIC}:getIamPolicy")).await;
    assert_eq!(unset.get("bindings"), None);
}

#[tokio::test]
async fn every_permission_is_granted_on_what_exists() {
    let emulator = with_topic().await;
    let permissions = json!({"permissions": ["pubsub.topics.publish"]});
    let path = |resource: &str| format!("{resource}:testIamPermissions");
    let answer = call(&emulator, Method::POST, &path(TOPIC), &permissions).await;
    assert_eq!(answer, (200, permissions.clone()));
    let twice = json!({"permissions": ["pubsub.topics.publish", "pubsub.topics.publish"]});
    let answer = call(&emulator, Method::POST, &path(TOPIC), &twice).await;
    assert_eq!(answer, (200, permissions));
    let consume = json!({"permissions": ["pubsub.subscriptions.consume"]});
    let answer = call(&emulator, Method::POST, &path(SUBSCRIPTION), &consume).await;
    assert_eq!(answer, (200, json!({})));
    for wrong in [
        "pubsub.*",
        "pubsub.topics.bogus",
        "pubsub.subscriptions.consume",
    ] {
        let request = json!({"permissions": [wrong]});
        let answer = call(&emulator, Method::POST, &path(TOPIC), &request).await;
        assert_eq!(answer.0, 400, "{wrong}");
    }
}
