//! Each wrong declaration is found by its rule, and by no other.

use std::path::Path;

use super::*;
use crate::subscriber::faults;
use crate::{
    Alerts, Backoff, Context, Example, Idempotency, Message, StoreDown, Subscriber, TopicSchema,
};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Mail {
    #[validate(email)]
    to: String,
}

mod other {
    #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
    pub(super) struct Mail {
        pub(super) to: u32,
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn complete(subscriber: Subscriber) -> Subscriber {
    subscriber
        .topic("orders")
        .purpose("Mails.")
        .producers(["checkout"])
        .idempotency(Idempotency::by_message_id())
}

fn subscriber(id: &str) -> Subscriber {
    complete(Subscriber::new(id, async |_: Context| ()))
}

fn reader(id: &str) -> Subscriber {
    complete(Subscriber::new(id, async |mail: Message<Mail>| {
        drop(mail.0.to)
    }))
}

fn found(subscribers: &[Subscriber]) -> Vec<Finding> {
    let faults = faults(subscribers, &[]);
    let input = Input {
        subscribers,
        faults: &faults,
        project: &Project::with_defaults(Path::new("/nowhere")),
        plan: None,
    };
    let found = findings(&input).expect("checked");
    // There are no released or generated files.
    found
        .into_iter()
        .filter(|each| !["unreleased", "generated-files"].contains(&each.rule))
        .collect()
}

/// Returns the findings for a declaration of `orders-mail` with this released record.
fn found_since(record: &str, declared: Subscriber) -> Vec<(&'static str, String)> {
    let root = std::env::temp_dir().join(format!("pushgate-check-{}", uuid::Uuid::new_v4()));
    let folder = root.join("m2m/released/subscriptions");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("orders-mail.json"), record).expect("written");
    let subscribers = [declared];
    let input = Input {
        subscribers: &subscribers,
        faults: &[],
        project: &Project::with_defaults(&root),
        plan: None,
    };
    let found = findings(&input).map_err(|error| error.to_string());
    std::fs::remove_dir_all(&root).expect("removed");
    let found = found.expect("checked").into_iter();
    found
        .filter(|each| each.rule != "generated-files")
        .map(|each| (each.rule, each.what))
        .collect()
}

#[test]
fn another_key_or_epoch_than_the_released_one_is_found() {
    const RELEASED: &str =
        r#"{"epoch": 2, "idempotency": {"key": "event-id", "kind": "attribute"}}"#;
    let declared = |idempotency| subscriber("orders-mail").epoch(2).idempotency(idempotency);
    let by_event = || Idempotency::by_attribute("event-id");
    assert_eq!(found_since(RELEASED, declared(by_event())), []);
    for (idempotency, named) in [
        (
            Idempotency::by_attribute("order-id"),
            "attribute \"order-id\"",
        ),
        (
            Idempotency::by_payload("/event-id"),
            "payload \"/event-id\"",
        ),
        (Idempotency::by_message_id(), "messageId"),
        (Idempotency::none("harmless"), "none"),
    ] {
        let what = format!("it names a message by {named}, released was attribute \"event-id\"");
        let found = found_since(RELEASED, declared(idempotency));
        assert_eq!(found, [("idempotency-changed", what)]);
    }
    let replayed = found_since(RELEASED, declared(by_event()).epoch(3));
    let what = "its epoch is 3, released was 2".to_owned();
    assert_eq!(replayed, [("epoch-changed", what)]);
}

/// Checks that these declarations break this rule alone, and that the fix names the call.
fn check(subscribers: &[Subscriber], rule: &str, fix: &str) {
    let found = found(subscribers);
    assert!(!found.is_empty(), "{rule} is not found");
    for finding in &found {
        assert_eq!(finding.rule, rule, "{finding:?}");
        assert!(finding.fix.contains(fix), "{finding:?} does not say {fix}");
        assert!(!finding.why.is_empty() && !finding.what.is_empty());
    }
}

#[test]
fn good_declarations_have_no_finding() {
    assert_eq!(
        found(&[subscriber("orders-mail"), reader("orders-print")]).len(),
        0
    );
}

#[test]
fn a_fault_of_a_declaration_hides_no_other_finding() {
    let wrong = subscriber("orders-mail")
        .attempts(101)
        .window(MINUTE * 2)
        .hard_limit(MINUTE);
    let rules: Vec<_> = found(&[wrong])
        .iter()
        .map(|each| (each.rule, each.fix.clone()))
        .collect();
    let expected = [
        ("declaration", "change .attempts(…)"),
        ("declaration", "change .hard_limit(…) and .ack_deadline(…)"),
        (
            "window-retention",
            "remove .window(…), so that it is as long as the retention, or declare a shorter .retention(…)",
        ),
    ];
    assert_eq!(rules, expected.map(|(rule, fix)| (rule, fix.to_owned())));
}

#[test]
fn an_empty_list_is_a_fault_of_the_declaration() {
    check(&[], "declaration", "add one to the list in main.rs");
}

#[test]
fn a_subscription_is_declared_only_once() {
    check(
        &[subscriber("orders-mail"), subscriber("orders-mail")],
        "declaration",
        "as the fault describes",
    );
}

#[test]
fn times_that_do_not_outlast_each_other_are_found() {
    let one = |subscriber: Subscriber, rule, fix| check(&[subscriber], rule, fix);
    let base = || subscriber("orders-mail");
    one(
        base().lease(Duration::from_secs(2)),
        "lease-store-timeout",
        ".lease(…) of 3s or more",
    );
    one(base().window(DAY), "window-retention", ".window(…)");
    one(
        base().retention(MINUTE * 120).attempts(50),
        "retries-retention",
        "a longer .retention(…)",
    );
    let hours = base().retention(MINUTE * 60 * 4);
    one(
        hours.ack_deadline(MINUTE / 6),
        "retries-retention-risk",
        ".retry(…)",
    );
    one(base().attempts(17), "outage-survival", ".attempts(…)");
    let quick = Backoff::from_secs(10, 60);
    one(base().retry(quick), "outage-survival", ".retry(…)");
    one(
        base()
            .idempotency(Idempotency::none("harmless"))
            .window(DAY)
            .lease(Duration::from_secs(1)),
        "lease-store-timeout",
        "PUSHGATE_STORE_TIMEOUT_MILLISECONDS",
    );
}

#[test]
fn dead_letters_that_come_back_or_meet_are_found() {
    let to =
        |id: &str, topic: &str, dead: &str| subscriber(id).topic(topic).dead_letter_topic(dead);
    let fix = ".dead_letter_topic(…)";
    check(
        &[to("one", "aaa", "bbb"), to("two", "bbb", "aaa")],
        "dead-letter-loop",
        fix,
    );
    check(
        &[to("one", "aaa", "bbb"), to("two", "bbb", "ccc")],
        "name-clash",
        fix,
    );
    check(
        &[to("one", "aaa", "two"), to("two", "bbb", "ddd")],
        "name-clash",
        fix,
    );
    check(
        &[to("one", "aaa", "ddd"), to("two", "bbb", "ddd")],
        "dead-letter-shared",
        fix,
    );
    check(&[to("one", "aaa", "aaa")], "declaration", fix);
}

#[test]
fn what_a_form_of_delivery_cannot_keep_is_found() {
    let base = || subscriber("orders-mail");
    check(
        &[base().ordered()],
        "order-dead-letter",
        "--accept order-dead-letter",
    );
    let rules = |subscriber: Subscriber| -> Vec<_> {
        found(&[subscriber]).iter().map(|each| each.rule).collect()
    };
    let both = ["order-dead-letter", "order-duplicates"];
    assert_eq!(
        rules(base().ordered().idempotency(Idempotency::none("why"))),
        both
    );
    assert_eq!(
        rules(base().ordered().when_store_is_down(StoreDown::open("why"))),
        both
    );
    check(&[base().unwrapped()], "unwrapped-attempts", ".unwrapped()");
    check(
        &[base().eventarc().filter("attributes:a")],
        "eventarc-settings",
        ".filter(…)",
    );
    check(
        &[base().eventarc().ordered()],
        "eventarc-settings",
        ".ordered()",
    );
    let named = subscriber("Orders").eventarc();
    check(&[named], "eventarc-settings", "Subscriber::new(…)");
}

#[test]
fn alerts_that_always_or_never_fire_are_found() {
    let base = || subscriber("orders-mail");
    let alerts = Alerts::default;
    let alert = |alerts: Alerts, rule, fix| check(&[base().alerts(alerts)], rule, fix);
    alert(
        alerts().oldest_unacked_age(MINUTE * 10),
        "alert-always",
        "oldest_unacked_age",
    );
    alert(
        alerts().oldest_unacked_age(DAY * 7),
        "alert-never",
        "oldest_unacked_age",
    );
    alert(
        alerts().failed_push_share(1.0),
        "alert-never",
        "failed_push_share",
    );
    check(
        &[base().expected_latency(MINUTE * 2)],
        "latency-deadline",
        ".ack_deadline(…)",
    );
    let slow = base()
        .ack_deadline(MINUTE * 10)
        .retry(Backoff::from_secs(10, 240))
        .attempts(60)
        .expected_latency(MINUTE * 5);
    check(
        &[slow.alerts(alerts().oldest_unacked_age(MINUTE * 5))],
        "alert-always",
        "oldest_unacked_age",
    );
    let busy = base()
        .expected_throughput(100.0)
        .expected_latency(MINUTE / 2);
    check(
        &[busy.alerts(alerts().undelivered_messages(3000))],
        "alert-always",
        "undelivered_messages",
    );
}

#[test]
fn message_types_that_do_not_agree_are_found() {
    let other = complete(Subscriber::new(
        "orders-print",
        async |mail: Message<other::Mail>| {
            let _ = mail.0.to;
        },
    ));
    check(
        &[reader("orders-mail"), other],
        "types-differ",
        "schemars(rename",
    );
    let avro = |definition: &str| TopicSchema::avro("mails", definition);
    let schema = |schema: TopicSchema| {
        check(
            &[reader("orders-mail").topic_schema(schema)],
            "topic-schema-fields",
            ".topic_schema(…)",
        )
    };
    schema(avro(
        r#"{"type": "record", "name": "Mail", "fields": [{"name": "from", "type": "string"}]}"#,
    ));
    schema(avro(
        r#"{"type": "record", "name": "Mail", "fields": [{"name": "to", "type": "int"}]}"#,
    ));
    schema(TopicSchema::protocol_buffer(
        "mails",
        "syntax = \"proto3\"; message Mail { string from = 1; }",
    ));
    let good = TopicSchema::protocol_buffer(
        "mails",
        "syntax = \"proto3\"; message Mail { string to = 1; }",
    );
    assert_eq!(found(&[reader("orders-mail").topic_schema(good)]).len(), 0);
    let broken = Example::raw("no mail", "{}");
    check(
        &[reader("orders-mail").examples([broken])],
        "examples-unreadable",
        ".examples([…])",
    );
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        let is_kebab = rule
            .id
            .chars()
            .all(|each| each.is_ascii_lowercase() || each == '-');
        assert!(
            is_kebab && !rule.meaning.is_empty() && !rule.why.is_empty(),
            "{}",
            rule.id
        );
    }
}

/// A text that is no plan is rejected with a reason, and never shown.
#[test]
fn hostile_plans_are_refused() {
    let rejected = |text: &[u8], expected: &str| {
        let error = Plan::read(text).expect_err(expected).to_string();
        assert!(
            error.contains(expected) && !error.contains("hush"),
            "{error}"
        );
    };
    rejected(b"", "not valid JSON");
    rejected(b"\xff\xfe", "is UTF-16, expected UTF-8");
    rejected(b"{\"values\": \"hush", "not valid JSON");
    rejected(b"[]", "expected an object, not an array");
    rejected(
        br#"{"planned_values": {"root_module": [[], []]}}"#,
        "(line 1, column 36): expected an object, not an array",
    );
    rejected(b"{} {}", "more data after");
    rejected(b"{}", "neither planned_values");
    rejected(
        br#"{"format_version": "2.0", "values": {}}"#,
        "format_version is \"2.0\"",
    );
    rejected(br#"{"errored": true, "values": {}}"#, "failed");
    rejected(br#"{"values": {"root_module": "hush"}}"#, "root_module");
    let deep = "[".repeat(100_000);
    rejected(deep.as_bytes(), "expected");
    let nested = format!(
        "{{\"values\": {}1{}}}",
        "{\"root_module\": ".repeat(5000),
        "}".repeat(5000)
    );
    // Unused parts are skipped, however deep they are.
    assert!(Plan::read(nested.as_bytes()).is_ok());
    let modules = format!(
        "{{\"values\": {{\"root_module\": {}{{}}{}}}}}",
        "{\"child_modules\": [".repeat(5000),
        "]}".repeat(5000)
    );
    rejected(modules.as_bytes(), "not valid JSON");
    let large = vec![b' '; LIMIT_BYTES + 1];
    rejected(&large, "more than");
    let empty = Plan::read(br#"{"values": {"root_module": {}}}"#).expect("a state");
    let subscribers = [subscriber("orders-mail")];
    let rules: Vec<_> = empty
        .findings(&subscribers)
        .iter()
        .map(|each| each.rule)
        .collect();
    assert_eq!(rules, ["plan-empty"]);
}
