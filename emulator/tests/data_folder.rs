//! Tests of the state that a data folder restores after the emulator was stopped or dropped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use emulator::{
    Emulator, JournalError, Message, Options, Pace, PushConfig, StartError, SubscriptionConfig,
    SubscriptionHandle,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{DEAD_SUBSCRIPTION, DEAD_TOPIC, Endpoint, SUBSCRIPTION, TOPIC};

const SCHEMA: &str = "projects/shop/schemas/order";
const SNAPSHOT: &str = "projects/shop/snapshots/yesterday";
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The folder of one test, deleted with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("emulator-data-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::remove_dir_all(&folder).ok();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn options(&self) -> Options {
        Options {
            pace: Pace::Eager,
            data_folder: Some(self.0.clone()),
            ..Options::default()
        }
    }

    /// Starts an emulator. A dropped emulator keeps the folder until all its changes are written.
    async fn start(&self) -> Emulator {
        loop {
            match Emulator::start_with(self.options()) {
                Ok(emulator) => return emulator,
                Err(error) => assert!(
                    matches!(error, StartError::DataFolder(JournalError::InUse { .. })),
                    "{error:?}"
                ),
            }
            tokio::task::yield_now().await;
        }
    }

    async fn restart(&self, before: Emulator, end: End) -> Emulator {
        match end {
            End::Stopped => before.stop().await,
            End::Dropped => drop(before),
        }
        self.start().await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The ways in which an emulator ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Stopped,
    Dropped,
}

const ENDS: [End; 2] = [End::Stopped, End::Dropped];

async fn call(emulator: &Emulator, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/v1/{path}", emulator.url());
    let request = reqwest::Client::new().request(method, url);
    let response = request.body(body.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Sends a request that must succeed.
async fn done(emulator: &Emulator, method: Method, path: &str, body: Value) -> Value {
    let (status, answer) = call(emulator, method, path, &body).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Returns all that the emulator shows of the project.
async fn shown(emulator: &Emulator) -> Vec<Value> {
    let mut shown = Vec::new();
    for path in ["topics", "subscriptions", "snapshots", "schemas?view=FULL"] {
        let path = format!("projects/shop/{path}");
        shown.push(done(emulator, Method::GET, &path, json!({})).await);
    }
    for list in shown.clone() {
        let lists = list.as_object().unwrap().values();
        for resource in lists.filter_map(Value::as_array).flatten() {
            let name = resource["name"].as_str().unwrap();
            let policy = format!("{name}:getIamPolicy");
            shown.push(done(emulator, Method::GET, &policy, json!({})).await);
            if name.contains("/schemas/") {
                let revisions = format!("{name}:listRevisions?view=FULL");
                shown.push(done(emulator, Method::GET, &revisions, json!({})).await);
            }
        }
    }
    shown
}

/// Creates a topic and a pull subscription of it that `change` configures.
fn subscribed(
    emulator: &Emulator,
    change: impl FnOnce(&mut SubscriptionConfig),
) -> SubscriptionHandle {
    emulator.create_topic(TOPIC).unwrap();
    let mut config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    change(&mut config);
    emulator.create_subscription(config).unwrap()
}

fn publish(emulator: &Emulator, data: &'static str) -> String {
    emulator.publish(TOPIC, Message::new(data)).unwrap()
}

/// Returns the data of the unacknowledged messages, in the order of publishing.
fn unacked(emulator: &Emulator, subscription: &str) -> Vec<String> {
    let held = emulator.unacked_messages(subscription).into_iter();
    held.map(|message| String::from_utf8(message.data.to_vec()).unwrap())
        .collect()
}

fn ack_all(subscription: &SubscriptionHandle) {
    for pulled in subscription.pull(1_000).unwrap() {
        assert!(pulled.ack());
    }
}

async fn declare(emulator: &Emulator) {
    let schema = |doc: &str| {
        let definition = format!(
            r#"{{"type": "record", "name": "Order", "fields": [{{"name": "id", "type": "int", "doc": "{doc}"}}]}}"#
        );
        json!({"name": SCHEMA, "type": "AVRO", "definition": definition})
    };
    let path = "projects/shop/schemas?schemaId=order";
    let first = done(emulator, Method::POST, path, schema("first")).await;
    let commit = format!("{SCHEMA}:commit");
    done(
        emulator,
        Method::POST,
        &commit,
        json!({"schema": schema("second")}),
    )
    .await;
    let topic = json!({
        "labels": {"team": "sales"},
        "messageRetentionDuration": "3600s",
        "schemaSettings": {"schema": SCHEMA, "encoding": "JSON", "firstRevisionId": first["revisionId"]},
    });
    done(emulator, Method::PUT, TOPIC, topic).await;
    done(emulator, Method::PUT, DEAD_TOPIC, json!({})).await;
    declare_subscriptions(emulator).await;
}

async fn declare_subscriptions(emulator: &Emulator) {
    let pulled = json!({
        "topic": TOPIC,
        "ackDeadlineSeconds": 42,
        "retainAckedMessages": true,
        "messageRetentionDuration": "1200.500s",
        "labels": {"team": "billing"},
        "enableMessageOrdering": true,
        "expirationPolicy": {"ttl": "172800s"},
        "filter": "attributes.kind = \"order\"",
        "deadLetterPolicy": {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": 7},
        "retryPolicy": {"minimumBackoff": "1.500s", "maximumBackoff": "60s"},
        "enableExactlyOnceDelivery": true,
    });
    done(emulator, Method::PUT, SUBSCRIPTION, pulled).await;
    let pushed = json!({
        "topic": TOPIC,
        "expirationPolicy": {},
        "pushConfig": {
            "pushEndpoint": "http://127.0.0.1:9/",
            "oidcToken": {"serviceAccountEmail": "push@shop.example", "audience": "me"},
            "noWrapper": {"writeMetadata": true},
        },
    });
    done(
        emulator,
        Method::PUT,
        "projects/shop/subscriptions/pushed",
        pushed,
    )
    .await;
    let plain = json!({
        "topic": TOPIC,
        "pushConfig": {"pushEndpoint": "http://127.0.0.1:9/"},
    });
    done(
        emulator,
        Method::PUT,
        "projects/shop/subscriptions/plain",
        plain,
    )
    .await;
}

#[tokio::test]
async fn every_setting_comes_back() {
    for end in ENDS {
        let folder = Folder::new("settings");
        let emulator = folder.start().await;
        declare(&emulator).await;
        let detached = "projects/shop/subscriptions/detached";
        done(&emulator, Method::PUT, detached, json!({"topic": TOPIC})).await;
        done(
            &emulator,
            Method::POST,
            &format!("{detached}:detach"),
            json!({}),
        )
        .await;
        let orphan = "projects/shop/subscriptions/orphan";
        let gone = "projects/shop/topics/gone";
        done(&emulator, Method::PUT, gone, json!({})).await;
        done(&emulator, Method::PUT, orphan, json!({"topic": gone})).await;
        done(&emulator, Method::DELETE, gone, json!({})).await;
        let snapshot = json!({"subscription": SUBSCRIPTION, "labels": {"before": "sale"}});
        done(&emulator, Method::PUT, SNAPSHOT, snapshot).await;
        let expiry = (emulator.now() + HOUR).date().next_day().unwrap();
        let update = json!({
            "snapshot": {"expireTime": format!("{expiry}T00:00:00Z")},
            "updateMask": "expireTime",
        });
        done(&emulator, Method::PATCH, SNAPSHOT, update).await;
        for resource in [TOPIC, SUBSCRIPTION, SNAPSHOT, SCHEMA] {
            let policy = json!({"policy": {"bindings": [
                {"role": "roles/pubsub.viewer", "members": [format!("user:{}@shop.example", resource.len())]},
            ]}});
            let path = format!("{resource}:setIamPolicy");
            done(&emulator, Method::POST, &path, policy).await;
        }
        let before = shown(&emulator).await;
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(shown(&emulator).await, before, "{end:?}");
        let topic = &before[0]["topics"];
        assert_eq!(topic.as_array().unwrap().len(), 2);
        let (_, orphan) = call(&emulator, Method::GET, orphan, &json!({})).await;
        assert_eq!(orphan["topic"], "_deleted-topic_");
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(shown(&emulator).await, before, "a second time, {end:?}");
    }
}

#[tokio::test]
async fn changes_of_resources_survive_a_restart() {
    for end in ENDS {
        let folder = Folder::new("changes");
        let emulator = folder.start().await;
        declare(&emulator).await;
        let snapshot = json!({"subscription": SUBSCRIPTION});
        done(&emulator, Method::PUT, SNAPSHOT, snapshot).await;
        let topic = json!({"topic": {"labels": {"team": "new"}}, "updateMask": "labels"});
        done(&emulator, Method::PATCH, TOPIC, topic).await;
        let change =
            json!({"subscription": {"ackDeadlineSeconds": 99}, "updateMask": "ackDeadlineSeconds"});
        done(&emulator, Method::PATCH, SUBSCRIPTION, change).await;
        let handle = emulator.subscription("projects/shop/subscriptions/plain");
        let elsewhere = PushConfig::new("http://127.0.0.1:10/");
        handle.unwrap().push_to(Some(elsewhere)).unwrap();
        for resource in [
            SNAPSHOT,
            "projects/shop/subscriptions/pushed",
            SCHEMA,
            DEAD_TOPIC,
        ] {
            done(&emulator, Method::DELETE, resource, json!({})).await;
        }
        let before = shown(&emulator).await;
        assert!(before[0].to_string().contains("_deleted-schema_"));
        assert!(before[1].to_string().contains("http://127.0.0.1:10/"));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(shown(&emulator).await, before, "{end:?}");
    }
}

#[tokio::test]
async fn only_unacknowledged_messages_survive_a_restart() {
    for end in ENDS {
        let folder = Folder::new("messages");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |_| {});
        let whole = Message::new("acked").with_attribute("kind", "order");
        emulator.publish(TOPIC, whole).unwrap();
        publish(&emulator, "pulled");
        let last = publish(&emulator, "waiting");
        let pulled = subscription.pull(2).unwrap();
        assert!(pulled[0].ack());
        let before = emulator.unacked_messages(SUBSCRIPTION);
        drop((subscription, pulled));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(emulator.unacked_messages(SUBSCRIPTION), before, "{end:?}");
        // Ids continue.
        let next: u64 = publish(&emulator, "new").parse().unwrap();
        assert!(next > last.parse().unwrap());
        ack_all(&emulator.subscription(SUBSCRIPTION).unwrap());
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn delivery_attempts_are_counted_on() {
    for end in ENDS {
        let folder = Folder::new("attempts");
        let emulator = folder.start().await;
        emulator.create_topic(DEAD_TOPIC).unwrap();
        let letters = SubscriptionConfig::new(DEAD_SUBSCRIPTION, DEAD_TOPIC);
        emulator.create_subscription(letters).unwrap();
        let subscription = subscribed(&emulator, |config| {
            config.dead_letter_policy = Some(emulator::DeadLetterPolicy::new(DEAD_TOPIC));
        });
        publish(&emulator, "often");
        for attempt in 1..=3 {
            let pulled = subscription.next().await.unwrap();
            assert_eq!(pulled.delivery_attempt(), Some(attempt));
            pulled.nack();
        }
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        for attempt in 4..=5 {
            let pulled = subscription.next().await.unwrap();
            assert_eq!(pulled.delivery_attempt(), Some(attempt));
            pulled.nack();
        }
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
        assert_eq!(unacked(&emulator, DEAD_SUBSCRIPTION), ["often"]);
    }
}

#[tokio::test]
async fn the_order_of_a_key_is_kept() {
    let folder = Folder::new("order");
    let emulator = folder.start().await;
    let subscription = subscribed(&emulator, |config| config.enable_message_ordering = true);
    for data in ["a1", "a2", "b1", "a3", "b2"] {
        let message = Message::new(data).with_ordering_key(&data[..1]);
        emulator.publish(TOPIC, message).unwrap();
    }
    assert!(subscription.pull(1).unwrap()[0].ack());
    assert_eq!(subscription.pull(9).unwrap().len(), 4);
    let emulator = folder.restart(emulator, End::Stopped).await;
    let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
    for expected in [&["a2", "a3"][..], &["b1", "b2"], &[]] {
        let pulled = subscription.pull(2).unwrap();
        let data: Vec<&[u8]> = pulled.iter().map(|each| &each.message().data[..]).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|each| each.as_bytes()).collect();
        assert_eq!(data, expected);
        assert!(pulled.iter().all(emulator::Pulled::ack));
    }
}

#[tokio::test]
async fn retained_acked_messages_can_be_sought_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("retained");
        let emulator = folder.start().await;
        let begin = emulator.now();
        let subscription = subscribed(&emulator, |config| config.retain_acked_messages = true);
        publish(&emulator, "first");
        publish(&emulator, "second");
        ack_all(&subscription);
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.seek(begin).unwrap();
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["first", "second"]);
        subscription.purge().unwrap();
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn a_topic_with_retention_replays_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("replay");
        let emulator = folder.start().await;
        let begin = emulator.now();
        // An earlier topic of the same name. A subscription without a topic still has its message.
        emulator.create_topic(TOPIC).unwrap();
        let orphan = SubscriptionConfig::new("projects/shop/subscriptions/orphan", TOPIC);
        emulator.create_subscription(orphan).unwrap();
        publish(&emulator, "of another topic");
        emulator.topic(TOPIC).unwrap().delete().unwrap();

        let mut topic = emulator::TopicConfig::new(TOPIC);
        topic.message_retention = Some(HOUR);
        emulator.create_topic_with(topic).unwrap();
        publish(&emulator, "to nobody");
        let config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
        ack_all(&{
            let subscription = emulator.create_subscription(config).unwrap();
            publish(&emulator, "acked");
            subscription
        });
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.seek(begin).unwrap();
        assert_eq!(
            unacked(&emulator, SUBSCRIPTION),
            ["to nobody", "acked"],
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_snapshot_can_be_sought_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("snapshot");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |_| {});
        publish(&emulator, "before");
        ack_all(&subscription);
        publish(&emulator, "unacked");
        subscription.create_snapshot(SNAPSHOT).unwrap();
        publish(&emulator, "since");
        ack_all(&subscription);
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        publish(&emulator, "later");
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        ack_all(&subscription);
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.seek_to_snapshot(SNAPSHOT).unwrap();
        let expected = ["unacked", "since", "later"];
        assert_eq!(unacked(&emulator, SUBSCRIPTION), expected, "{end:?}");
    }
}

#[tokio::test]
async fn a_replayed_message_outlives_its_retention_over_a_restart() {
    for end in ENDS {
        let folder = Folder::new("sought");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |config| config.message_retention = HOUR / 6);
        publish(&emulator, "sought");
        subscription.create_snapshot(SNAPSHOT).unwrap();
        subscription.seek_to_snapshot(SNAPSHOT).unwrap();
        publish(&emulator, "later");
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        emulator.advance(HOUR);
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["sought"], "{end:?}");
        emulator.advance(7 * 24 * HOUR);
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn deleted_topics_are_told_apart_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("deleted-topics");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |_| {});
        publish(&emulator, "of this topic");
        subscription.create_snapshot(SNAPSHOT).unwrap();
        ack_all(&subscription);
        let other = emulator.create_topic(DEAD_TOPIC).unwrap();
        let others = other.subscribe("other").unwrap();
        for topic in [TOPIC, DEAD_TOPIC] {
            emulator.topic(topic).unwrap().delete().unwrap();
        }
        drop((subscription, other, others));
        let emulator = folder.restart(emulator, end).await;
        let find = |name| emulator.subscription(name).unwrap();
        let others = find("projects/shop/subscriptions/other");
        assert!(others.seek_to_snapshot(SNAPSHOT).is_err(), "{end:?}");
        find(SUBSCRIPTION).seek_to_snapshot(SNAPSHOT).unwrap();
        assert_eq!(
            unacked(&emulator, SUBSCRIPTION),
            ["of this topic"],
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn times_are_told_apart_after_a_restart_as_before() {
    let folder = Folder::new("times");
    let emulator = folder.start().await;
    let subscription = subscribed(&emulator, |config| config.retain_acked_messages = true);
    let noted: Vec<_> = (0..100)
        .map(|_| {
            publish(&emulator, "hi");
            time::OffsetDateTime::now_utc()
        })
        .collect();
    ack_all(&subscription);
    drop(subscription);
    let emulator = folder.restart(emulator, End::Stopped).await;
    let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
    for (before, time) in noted.iter().enumerate() {
        subscription.seek(*time).unwrap();
        assert_eq!(
            subscription.unacked_messages().len(),
            noted.len() - 1 - before
        );
    }
}

/// The next emulator has the clock of the machine again.
#[tokio::test]
async fn messages_of_a_faster_clock_delay_no_later_expiry() {
    let folder = Folder::new("ahead");
    let emulator = folder.start().await;
    let topic = emulator::TopicConfig {
        message_retention: Some(HOUR),
        ..emulator::TopicConfig::new(TOPIC)
    };
    emulator.create_topic_with(topic).unwrap();
    for (id, retains_acked) in [("billing", false), ("archive", true)] {
        let name = format!("projects/shop/subscriptions/{id}");
        let mut config = SubscriptionConfig::new(name, TOPIC);
        config.message_retention = HOUR / 6;
        config.retain_acked_messages = retains_acked;
        config.expiration = None;
        emulator.create_subscription(config).unwrap();
    }
    emulator.advance(24 * HOUR);
    publish(&emulator, "ahead");
    let emulator = folder.restart(emulator, End::Stopped).await;
    let begin = emulator.now();
    publish(&emulator, "now");
    let archive = emulator
        .subscription("projects/shop/subscriptions/archive")
        .unwrap();
    ack_all(&archive);
    emulator.advance(2 * HOUR);
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["ahead"]);
    for name in [SUBSCRIPTION, archive.name()] {
        emulator.subscription(name).unwrap().seek(begin).unwrap();
        assert_eq!(unacked(&emulator, name), ["ahead"]);
    }
}

#[tokio::test]
async fn a_detached_subscription_is_still_empty_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("detached");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |config| config.retain_acked_messages = true);
        let other = SubscriptionConfig::new("projects/shop/subscriptions/other", TOPIC);
        emulator.create_subscription(other).unwrap();
        publish(&emulator, "acked");
        ack_all(&subscription);
        publish(&emulator, "unacked");
        drop(subscription);
        let detach = format!("{SUBSCRIPTION}:detach");
        done(&emulator, Method::POST, &detach, json!({})).await;
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
        assert_eq!(
            unacked(&emulator, "projects/shop/subscriptions/other").len(),
            2
        );
    }
}

#[tokio::test]
async fn a_subscription_made_anew_after_a_deletion_begins_empty() {
    for end in ENDS {
        let folder = Folder::new("anew");
        let emulator = folder.start().await;
        let old = subscribed(&emulator, |_| {});
        let other = SubscriptionConfig::new("projects/shop/subscriptions/other", TOPIC);
        emulator.create_subscription(other).unwrap();
        publish(&emulator, "old");
        publish(&emulator, "older");
        let pulled = old.pull(1).unwrap();
        old.clone().delete().unwrap();
        let new = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
        let new = emulator.create_subscription(new).unwrap();
        publish(&emulator, "new");
        // A client still uses the old one.
        pulled[0].nack();
        for pulled in old.pull(2).unwrap() {
            pulled.nack();
        }
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["new"]);
        drop((old, new, pulled));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["new"], "{end:?}");
    }
}

#[tokio::test]
async fn pushing_goes_on_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("pushing");
        let emulator = folder.start().await;
        let mut endpoint = Endpoint::start([]).await;
        subscribed(&emulator, |_| {});
        let id = publish(&emulator, "hi");
        let to = Some(PushConfig::new(endpoint.url()));
        let emulator = folder.restart(emulator, end).await;
        let mut events = emulator.delivery_events();
        emulator.modify_push_config(SUBSCRIPTION, to).unwrap();
        assert_eq!(endpoint.next().await.id(), id);
        while !events.recv().await.unwrap().is_acked() {}
        let emulator = folder.restart(emulator, end).await;
        let id = publish(&emulator, "ho");
        assert_eq!(endpoint.next().await.id(), id, "{end:?}");
    }
}

#[tokio::test]
async fn two_emulators_do_not_share_a_folder() {
    let folder = Folder::new("shared");
    let emulator = folder.start().await;
    let Err(error) = Emulator::start_with(folder.options()) else {
        panic!("two emulators in one folder");
    };
    assert!(error.is_transient());
    let cause = error.to_string();
    let said = format!("another emulator uses the data folder {:?}", folder.path());
    assert!(cause.starts_with(&said), "{cause}");
    emulator.stop().await;
    assert!(Emulator::start_with(folder.options()).is_ok());
}

/// Handles of a dropped emulator do not work, and do not lock its folder.
#[tokio::test]
async fn a_dropped_emulator_frees_its_folder_despite_handles() {
    let folder = Folder::new("handles");
    let emulator = folder.start().await;
    let handle = subscribed(&emulator, |_| {});
    publish(&emulator, "hi");
    let emulator = folder.restart(emulator, End::Dropped).await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["hi"]);
    drop(handle);
    let emulator = folder.restart(emulator, End::Dropped).await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["hi"]);
}

#[tokio::test]
async fn messages_that_nobody_holds_leave_the_folder() {
    let folder = Folder::new("growth");
    let mut emulator = folder.start().await;
    let size = || {
        std::fs::metadata(folder.path().join("journal.redb"))
            .unwrap()
            .len()
    };
    subscribed(&emulator, |_| {});
    emulator.create_topic(DEAD_TOPIC).unwrap();
    let mut sizes = Vec::new();
    for _ in 0..4 {
        for _ in 0..6 {
            let large = || Message::new(vec![b'x'; 400_000]);
            // This topic has no subscription.
            emulator.publish(DEAD_TOPIC, large()).unwrap();
            emulator.publish(TOPIC, large()).unwrap();
            ack_all(&emulator.subscription(SUBSCRIPTION).unwrap());
        }
        emulator = folder.restart(emulator, End::Stopped).await;
        sizes.push(size());
    }
    assert!(sizes[3] < 2 * sizes[1], "{sizes:?}");
}

/// An emulator that cannot read the content of a folder must not change it, for one that can.
#[tokio::test]
async fn a_folder_that_cannot_be_understood_loses_nothing() {
    let folder = Folder::new("strange");
    let emulator = folder.start().await;
    subscribed(&emulator, |_| {});
    publish(&emulator, "hi");
    emulator.stop().await;
    let table = redb::TableDefinition::<(u8, &str), &[u8]>::new("resources");
    // An invalid topic, after everything else.
    let strange = (5, "projects/shop/topics/strange");
    let change = |value: Option<&[u8]>| {
        let database = redb::Database::open(folder.path().join("journal.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut resources = transaction.open_table(table).unwrap();
        match value {
            Some(value) => drop(resources.insert(strange, value).unwrap()),
            None => drop(resources.remove(strange).unwrap()),
        }
        drop(resources);
        transaction.commit().unwrap();
    };
    change(Some(b"\xff"));
    loop {
        match Emulator::start_with(folder.options()).err().unwrap() {
            StartError::Restore(error) => {
                assert!(error.to_string().contains("topics/strange"), "{error}");
                break;
            }
            error => assert!(error.is_transient(), "{error:?}"),
        }
    }
    // The journal of the failed start has ended before the folder is opened again.
    while let Err(error) = Emulator::start_with(folder.options()) {
        if matches!(error, StartError::Restore(_)) {
            break;
        }
    }
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    change(None);
    drop(lock);
    let emulator = folder.start().await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["hi"]);
}

#[tokio::test]
async fn a_hold_whose_message_is_lost_is_let_go() {
    let folder = Folder::new("lost");
    let emulator = folder.start().await;
    subscribed(&emulator, |_| {});
    publish(&emulator, "hi");
    emulator.stop().await;
    let holds = redb::TableDefinition::<(u32, u64), u32>::new("holds");
    let messages = redb::TableDefinition::<u64, (&str, &[u8])>::new("messages");
    let open = || redb::Database::open(folder.path().join("journal.redb")).unwrap();
    let database = open();
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(messages).unwrap();
    table.retain(|_, _| false).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let emulator = folder.start().await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
    emulator.stop().await;
    let transaction = redb::ReadableDatabase::begin_read(&open()).unwrap();
    let table = transaction.open_table(holds).unwrap();
    assert!(redb::ReadableTableMetadata::is_empty(&table).unwrap());
}
