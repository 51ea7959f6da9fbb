//! Faults of a declaration, all found at once at the start.

use super::collector::{Faults, is_resource_id};
use super::{AfterCrash, Form, Idempotency, StoreDown, Subscriber};

const NAME_FORM: &str = "must be 3 to 255 characters, a letter first, then letters, digits or -_.~+%, and must not begin with \"goog\"";

impl Subscriber {
    /// Returns all faults of the declaration.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Faults::default();
        self.check_names(&mut faults);
        self.check_required(&mut faults);
        self.cloud.check(&mut faults);
        self.check_limits(&mut faults);
        self.check_dedup(&mut faults);
        self.pushes.check(&mut faults);
        for example in &self.examples {
            example.check(&mut faults);
        }
        self.check_contradictions(&mut faults);
        self.check_topic_schema(&mut faults);
        self.check_schedules(&mut faults);
        self.operation.check(&mut faults);
        let faults = faults.all().into_iter();
        faults
            .map(|fault| format!("subscriber {:?}: {fault}", self.id))
            .collect()
    }

    fn check_names(&self, faults: &mut Faults) {
        let (topic, dead_letter_topic) = (&self.topic, &self.dead_letter_topic);
        faults.require(is_resource_id(&self.id), || format!("its name {NAME_FORM}"));
        faults.require(is_resource_id(topic), || {
            format!("topic is {topic:?}, but {NAME_FORM}: see .topic(…)")
        });
        faults.require(topic != dead_letter_topic, || {
            "the dead-letter topic is the topic itself, so a dead letter would be redelivered for ever: see .dead_letter_topic(…)"
        });
        faults.require(is_resource_id(dead_letter_topic), || {
            format!(
                "dead-letter topic is {dead_letter_topic:?}, but {NAME_FORM}: see .dead_letter_topic(…)"
            )
        });
    }

    /// Checks that everything without a default is declared.
    fn check_required(&self, faults: &mut Faults) {
        faults.require(
            !self.purpose.trim().is_empty(),
            || "has no purpose: add .purpose(\"…\")",
        );
        faults.require(
            !self.producers.is_empty(),
            || "has no producers: add .producers([\"…\"])",
        );
        match &self.idempotency {
            None => faults.add(
                "has no idempotency: add .idempotency(Idempotency::by_message_id()), \
                 or Idempotency::none(\"why that is harmless\")",
            ),
            Some(idempotency) => idempotency.check(faults),
        }
    }

    /// Checks that no two declarations contradict each other.
    fn check_contradictions(&self, faults: &mut Faults) {
        let idempotency = self.idempotency.as_ref();
        let is_open = matches!(self.dedup.store_down, StoreDown::Open(_));
        if self.dedup.after_crash == AfterCrash::Park {
            faults.require(!is_open, || {
                "AfterCrash::Park promises no second run, and StoreDown::open allows one: see .after_crash(…) and .when_store_is_down(…)"
            });
            faults.require(idempotency.is_none_or(Idempotency::is_guarded), || {
                "AfterCrash::Park needs a store, and Idempotency::none uses none: see .after_crash(…) and .idempotency(…)"
            });
        }
        let attribute = idempotency.and_then(Idempotency::attribute);
        let has_capitals =
            attribute.is_some_and(|name| name.contains(|each: char| each.is_ascii_uppercase()));
        faults.require(self.pushes.form != Form::Unwrapped || !has_capitals, || {
            "Idempotency::by_attribute has capital letters, and attributes of unwrapped pushes are headers, in lower case: see .idempotency(…) and .unwrapped()"
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Alerts, Backoff, CircuitBreaker, Example, SECOND, Schedule, TopicSchema};
    use super::*;
    use crate::handler::context::Context;

    fn declared() -> Subscriber {
        Subscriber::new("orders-fulfilment", async |_: Context| ())
            .topic("orders")
            .purpose("Reserves stock.")
            .producers(["checkout"])
            .idempotency(Idempotency::by_message_id())
    }

    #[test]
    fn a_complete_declaration_has_no_fault() {
        assert_eq!(declared().faults(), Vec::<String>::new());
    }

    #[test]
    fn limits_are_inside_the_ack_deadline() {
        let limits = declared().limits();
        assert_eq!(limits.soft.as_secs(), 44);
        assert_eq!(limits.hard.as_secs(), 55);
        let shortest = declared().ack_deadline(10 * SECOND).limits();
        assert_eq!(shortest.hard, 9 * SECOND);
    }

    fn check(subscriber: Subscriber, expected: &str) {
        let faults = subscriber.faults().join("\n");
        assert!(
            faults.contains(expected),
            "{faults:?} does not say {expected:?}"
        );
    }

    #[test]
    fn what_has_no_default_is_required() {
        check(
            Subscriber::new("x", async |_: Context| ()),
            "must be 3 to 255 characters",
        );
        check(
            Subscriber::new("orders", async |_: Context| ()),
            "has no purpose",
        );
        check(
            Subscriber::new("orders", async |_: Context| ()),
            "has no idempotency",
        );
        check(
            declared().producers(Vec::<String>::new()),
            "has no producers",
        );
        check(
            declared().idempotency(Idempotency::none(" ")),
            "needs the reason",
        );
        check(
            declared().idempotency(Idempotency::by_payload("id")),
            "begins with a slash",
        );
        check(
            declared().when_store_is_down(StoreDown::open(" ")),
            "needs the reason",
        );
    }

    #[test]
    fn contradicting_declarations_are_refused() {
        check(
            declared()
                .after_crash(AfterCrash::Park)
                .when_store_is_down(StoreDown::open("why")),
            "promises no second run",
        );
        check(
            declared()
                .after_crash(AfterCrash::Park)
                .idempotency(Idempotency::none("why")),
            "needs a store",
        );
        check(
            declared()
                .unwrapped()
                .idempotency(Idempotency::by_attribute("Event")),
            "in lower case",
        );
    }

    #[test]
    fn protections_have_bounds() {
        let pause = Backoff::from_millis(100, 200);
        check(
            declared().attempts_in_process(0, pause),
            "attempts in process are 0",
        );
        check(
            declared().attempts_in_process(2, Backoff::from_secs(1, 60)),
            "less than the soft limit of 44s",
        );
        check(
            declared().circuit_breaker(CircuitBreaker::after(0)),
            "0 failures and 3 probes",
        );
        check(
            declared().circuit_breaker(CircuitBreaker::after(1).open_for(Backoff::from_secs(0, 1))),
            "open for 0ns to 1s",
        );
    }

    #[test]
    fn a_fault_names_the_value_that_was_found() {
        check(declared().topic("goog-orders"), "topic is \"goog-orders\"");
        check(
            declared().dead_letter_topic("orders"),
            "would be redelivered for ever",
        );
        check(declared().ack_deadline(9 * SECOND), "ack deadline is 9s");
        check(declared().attempts(4), "attempts are 4, expected 5 to 100");
        check(
            declared().retry(Backoff::from_secs(20, 10)),
            "retry is 20s to 10s",
        );
        check(
            declared().hard_limit(60 * SECOND),
            "hard limit is 60s, expected at most 55s",
        );
        check(
            declared().hard_limit(SECOND).soft_limit(2 * SECOND),
            "soft limit is 2s",
        );
        check(declared().lease(SECOND / 2), "lease is 500ms");
        check(declared().window(SECOND), "window is 1s");
        check(declared().window(Duration::MAX), "at most 366 days");
        check(declared().concurrency(0), "concurrency is 0");
        check(declared().concurrency(usize::MAX), "expected 1 to 10000");
        check(declared().callers(["me"]), "the caller \"me\" is no e-mail");
        check(declared().audience(""), "the audience \"\" is empty");
        check(declared().audience("a,b"), "has white space, a comma");
        check(
            declared().callers(["a@b,c"]),
            "has a character that no e-mail",
        );
        check(
            declared().callers(["serviceAccount:push@shop.example"]),
            "is written as a member of an IAM policy",
        );
        check(
            declared().examples([Example::raw("nothing", [])]),
            "example \"nothing\" is empty",
        );
    }

    #[test]
    fn a_payload_that_cannot_be_serialized_is_reported_with_its_reason() {
        let keyed_by_nothing = std::collections::BTreeMap::from([((), 1)]);
        check(
            declared().examples([Example::json("keyed", &keyed_by_nothing)]),
            "example \"keyed\" cannot be serialized: key must be a string",
        );
        check(
            declared().schedule(Schedule::cron("0 * * * *").json(&keyed_by_nothing)),
            "has a payload that cannot be serialized: key must be a string",
        );
    }

    #[test]
    fn what_google_keeps_is_checked_before_google_does() {
        check(
            declared().filter("attributes.a"),
            "filter is \"attributes.a\": expected = or !=",
        );
        check(declared().retention(599 * SECOND), "retention is 599s");
        check(
            declared().retention(2_678_401 * SECOND),
            "10 minutes to 31 days",
        );
        check(
            declared().topic_schema(TopicSchema::avro("a", "{}")),
            "has a name that Pub/Sub rejects",
        );
        check(
            declared().topic_schema(TopicSchema::avro("orders", "record")),
            "is not JSON",
        );
        check(
            declared().topic_schema(TopicSchema::protocol_buffer("orders", "")),
            "has 0 bytes",
        );
    }

    #[test]
    fn schedules_are_checked_before_cloud_scheduler_does() {
        let hourly = || Schedule::cron("0 * * * *").raw("x");
        check(
            declared().schedule(Schedule::cron("hourly").raw("x")),
            "is at \"hourly\", expected five fields",
        );
        check(
            declared().schedule(hourly().time_zone("Mars/Olympus")),
            "\"Mars/Olympus\"",
        );
        check(
            declared().schedule(hourly().named("every hour")),
            "must be named by",
        );
        check(
            declared().schedule(Schedule::cron("0 * * * *")),
            "publishes nothing",
        );
        check(
            declared().schedule(hourly()).schedule(hourly()),
            "two schedules are named \"orders-fulfilment\"",
        );
        let keyed = || declared().idempotency(Idempotency::by_attribute("event"));
        check(keyed().schedule(hourly()), "no attribute \"event\"");
        check(
            keyed().schedule(hourly().attribute("event", "hour")),
            "is the same each time",
        );
        check(
            declared().filter("attributes:kind").schedule(hourly()),
            "the filter excludes it",
        );
        assert_eq!(
            declared()
                .schedule(hourly().time_zone("Europe/Berlin"))
                .faults(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn expectations_have_bounds() {
        check(declared().owner(" "), "the owner is an empty text");
        check(declared().expected_throughput(0.0), "0 messages a second");
        check(
            declared().expected_throughput(f64::NAN),
            "NaN messages a second",
        );
        check(
            declared().expected_latency(Duration::ZERO),
            "latency is 0ns",
        );
    }

    #[test]
    fn alerts_have_bounds() {
        let alerts = Alerts::default;
        check(
            declared().alerts(alerts().oldest_unacked_age(SECOND)),
            "oldest unacked age is 1s",
        );
        check(
            declared().alerts(alerts().failed_push_share(1.5)),
            "failed push share is 1.5",
        );
        check(
            declared().alerts(alerts().undelivered_messages(0)),
            "undelivered messages are 0",
        );
    }

    #[test]
    fn the_window_is_as_long_as_the_retention_unless_it_is_declared() {
        let kept = declared().retention(3600 * SECOND);
        assert_eq!(kept.clone().dedup_window(), 3600 * SECOND);
        assert_eq!(kept.window(7200 * SECOND).dedup_window(), 7200 * SECOND);
    }
}
