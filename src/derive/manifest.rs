//! The declarations as data, for whoever builds on them: the emulator, Terraform, alerts, a reviewer with `jq`.
//!
//! Fields have Google's names where Google has them, and durations its form (`"600s"`). A new field may come at any time; the
//! version changes when one that was there means something else or is gone.

use std::time::Duration;

use serde::Serialize;

use crate::handler::Work;
use crate::subscriber::{AfterCrash, Backoff, CircuitBreaker, Form, StoreDown, Subscriber};

const VERSION: u32 = 1;

/// Everything that is declared.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest<'a> {
    /// The mark by which this JSON is recognised, and the release that wrote it.
    pushgate_describe: &'static str,
    version: u32,
    subscriptions: Vec<Declared<'a>>,
}

/// One subscription and what is declared about it, defaults included. What is null is left to the settings, or to the kind of
/// handler.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declared<'a> {
    id: &'a str,
    topic: &'a str,
    purpose: &'a str,
    producers: &'a [String],
    handler: &'static str,
    form: &'static str,
    idempotency: DeclaredIdempotency<'a>,
    ack_deadline_seconds: u64,
    soft_limit: Seconds,
    hard_limit: Seconds,
    retry_policy: RetryPolicy,
    attempts: u32,
    dead_letter_topic: &'a str,
    lease: Seconds,
    window: Seconds,
    epoch: u32,
    concurrency: Option<usize>,
    audiences: &'a [String],
    callers: &'a [String],
    attempts_in_process: InProcess,
    circuit_breaker: Option<Breaker>,
    after_crash: &'static str,
    store_down: DeclaredStoreDown<'a>,
    examples: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeclaredIdempotency<'a> {
    /// `messageId`, `attribute`, `payload`, `function` or `none`.
    kind: &'static str,
    /// The attribute's name, or the JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    on_conflict: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryPolicy {
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InProcess {
    attempts: u32,
    minimum_pause: Seconds,
    maximum_pause: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Breaker {
    failures: u32,
    minimum_pause: Seconds,
    maximum_pause: Seconds,
    probes: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeclaredStoreDown<'a> {
    /// `closed` or `open`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// A length of time in Google's JSON (*ProtoJSON format*, `Duration`).
struct Seconds(Duration);

impl<'a> Manifest<'a> {
    /// Of these declarations, which are good ones.
    pub(crate) fn of(subscribers: &'a [Subscriber]) -> Self {
        Self {
            pushgate_describe: env!("CARGO_PKG_VERSION"),
            version: VERSION,
            subscriptions: subscribers.iter().map(Declared::of).collect(),
        }
    }
}

impl<'a> Declared<'a> {
    fn of(subscriber: &'a Subscriber) -> Self {
        let limits = subscriber.limits();
        Self {
            id: &subscriber.id,
            topic: &subscriber.topic,
            purpose: &subscriber.purpose,
            producers: &subscriber.producers,
            handler: handler(&subscriber.work),
            form: form(subscriber.form),
            idempotency: DeclaredIdempotency::of(subscriber),
            ack_deadline_seconds: subscriber.ack_deadline.as_secs(),
            soft_limit: Seconds(limits.soft),
            hard_limit: Seconds(limits.hard),
            retry_policy: RetryPolicy {
                minimum_backoff: Seconds(subscriber.backoff.minimum),
                maximum_backoff: Seconds(subscriber.backoff.maximum),
            },
            attempts: subscriber.attempts,
            dead_letter_topic: &subscriber.dead_letter_topic,
            lease: Seconds(subscriber.lease),
            window: Seconds(subscriber.window),
            epoch: subscriber.epoch,
            concurrency: subscriber.concurrency,
            audiences: &subscriber.audiences,
            callers: &subscriber.callers,
            attempts_in_process: in_process(subscriber),
            circuit_breaker: subscriber.circuit_breaker.map(Breaker::of),
            after_crash: match subscriber.after_crash {
                AfterCrash::Rerun => "rerun",
                AfterCrash::Hold => "hold",
            },
            store_down: DeclaredStoreDown::of(&subscriber.store_down),
            examples: titles(subscriber),
        }
    }
}

impl<'a> DeclaredIdempotency<'a> {
    fn of(subscriber: &'a Subscriber) -> Self {
        let declared = subscriber.idempotency.as_ref();
        Self {
            // A declaration without one is refused before it is described.
            kind: declared.map_or("none", |declared| declared.kind()),
            key: declared.and_then(|declared| declared.place()),
            reason: declared.and_then(|declared| declared.reason()),
            on_conflict: declared.map_or("deadLetter", |declared| declared.conflict().name()),
        }
    }
}

impl Breaker {
    fn of(breaker: CircuitBreaker) -> Self {
        let Backoff { minimum, maximum } = breaker.pause;
        Self {
            failures: breaker.failures,
            minimum_pause: Seconds(minimum),
            maximum_pause: Seconds(maximum),
            probes: breaker.probes,
        }
    }
}

impl<'a> DeclaredStoreDown<'a> {
    fn of(store_down: &'a StoreDown) -> Self {
        let (kind, reason) = match store_down {
            StoreDown::Closed => ("closed", None),
            StoreDown::Open(reason) => ("open", Some(reason.as_str())),
        };
        Self { kind, reason }
    }
}

fn handler(work: &Work) -> &'static str {
    match work {
        Work::Async(_) => "async",
        Work::Blocking(_) => "blocking",
        Work::Cpu(_) => "cpu",
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Evident => "evident",
        Form::Unwrapped => "unwrapped",
        Form::Eventarc => "eventarc",
    }
}

fn in_process(subscriber: &Subscriber) -> InProcess {
    InProcess {
        attempts: subscriber.in_process.attempts,
        minimum_pause: Seconds(subscriber.in_process.pause.minimum),
        maximum_pause: Seconds(subscriber.in_process.pause.maximum),
    }
}

fn titles(subscriber: &Subscriber) -> Vec<&str> {
    let examples = subscriber.examples.iter();
    examples.map(|example| example.title.as_str()).collect()
}

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (seconds, milliseconds) = (self.0.as_secs(), self.0.subsec_millis());
        // Declarations have milliseconds at most; limits are shares of them, of which a millisecond is enough.
        if milliseconds == 0 {
            serializer.collect_str(&format_args!("{seconds}s"))
        } else {
            serializer.collect_str(&format_args!("{seconds}.{milliseconds:03}s"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conflict, Example, Idempotency, Outcome, Raw};
    use serde_json::{Value, json};

    async fn handle(_: crate::Message<Raw>) -> Outcome {
        Outcome::Success
    }

    fn described(subscriber: Subscriber) -> Value {
        let subscribers = [subscriber];
        let manifest = serde_json::to_value(Manifest::of(&subscribers)).expect("JSON");
        assert_eq!(manifest["version"], 1);
        manifest["subscriptions"][0].clone()
    }

    fn subscriber() -> Subscriber {
        Subscriber::new("orders-mail", handle)
            .topic("orders")
            .purpose("Mails.")
            .producers(["checkout"])
            .idempotency(Idempotency::by_message_id())
    }

    #[test]
    fn defaults_are_described_as_they_are() {
        assert_eq!(
            described(subscriber()),
            json!({
                "id": "orders-mail", "topic": "orders", "purpose": "Mails.", "producers": ["checkout"],
                "handler": "async", "form": "evident",
                "idempotency": {"kind": "messageId", "onConflict": "deadLetter"},
                "ackDeadlineSeconds": 60, "softLimit": "44s", "hardLimit": "55s",
                "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"}, "attempts": 5,
                "deadLetterTopic": "orders-mail-dead-letter",
                "lease": "10s", "window": "604800s", "epoch": 0, "concurrency": null,
                "audiences": [], "callers": [],
                "attemptsInProcess": {"attempts": 1, "minimumPause": "0.100s", "maximumPause": "2s"},
                "circuitBreaker": null, "afterCrash": "rerun", "storeDown": {"kind": "closed"}, "examples": [],
            })
        );
    }

    #[test]
    fn what_is_declared_is_described() {
        let described = described(
            subscriber()
                .idempotency(Idempotency::by_payload("/order/id").on_conflict(Conflict::Ignore))
                .circuit_breaker(CircuitBreaker::after(5).open_for(Backoff::from_secs(2, 30)))
                .after_crash(AfterCrash::Rerun)
                .when_store_is_down(StoreDown::open("mails may come twice"))
                .hard_limit(Duration::from_millis(1_500))
                .concurrency(7)
                .audience("a")
                .audience("b")
                .callers(["push@shop.example"])
                .examples([Example::raw("an order", "hush")])
                .unwrapped(),
        );
        let expected = json!({
            "idempotency": {"kind": "payload", "key": "/order/id", "onConflict": "ignore"},
            "circuitBreaker": {"failures": 5, "minimumPause": "2s", "maximumPause": "30s", "probes": 3},
            "storeDown": {"kind": "open", "reason": "mails may come twice"},
            "softLimit": "1.200s", "hardLimit": "1.500s", "concurrency": 7,
            "audiences": ["a", "b"], "callers": ["push@shop.example"],
            "examples": ["an order"], "form": "unwrapped",
        });
        for (field, expected) in expected.as_object().expect("an object") {
            assert_eq!(&described[field], expected, "{field}");
        }
    }

    #[test]
    fn each_kind_of_idempotency_has_a_name() {
        let kind =
            |idempotency| described(subscriber().idempotency(idempotency))["idempotency"].clone();
        let conflict = "deadLetter";
        assert_eq!(
            kind(Idempotency::by_attribute("event")),
            json!({"kind": "attribute", "key": "event", "onConflict": conflict})
        );
        assert_eq!(
            kind(Idempotency::by_function(|_| None)),
            json!({"kind": "function", "onConflict": conflict})
        );
        assert_eq!(
            kind(Idempotency::none("it only reads")),
            json!({"kind": "none", "reason": "it only reads", "onConflict": conflict})
        );
    }
}
