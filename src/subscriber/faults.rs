//! What can be wrong with a declaration: found at start, all of it at once.

use std::time::Duration;

use super::callers::{audience_fault, caller_fault};
use super::{
    AfterCrash, Backoff, Form, Idempotency, InProcess, Limits, SECOND, StoreDown, Subscriber,
};

const NAME_FORM: &str = "must be 3 to 255 characters, a letter first, then letters, digits or -_.~+%, and must not begin with \"goog\"";

/// Retention ends after 31 days (Google, *Subscription*, `messageRetentionDuration`); more than a year is a mistake.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Subscriber {
    /// Everything wrong with the declaration: what was found, what was expected, which call decides it.
    pub(crate) fn faults(&self) -> Vec<String> {
        let checks = [
            self.names(),
            self.explanations(),
            self.bounds(),
            self.times(),
            self.protections(),
            self.contradictions(),
            self.cloud_faults(),
            self.topic_schema_faults(),
            self.schedule_faults(),
            self.operation_faults(),
        ]
        .concat();
        let faults = checks.into_iter().filter(|(is_right, _)| !is_right);
        faults
            .map(|(_, fault)| format!("subscriber {:?}: {fault}", self.id))
            .collect()
    }

    fn names(&self) -> Vec<(bool, String)> {
        let (topic, dead_letter_topic) = (&self.topic, &self.dead_letter_topic);
        vec![
            (is_resource_id(&self.id), format!("its name {NAME_FORM}")),
            (
                is_resource_id(topic),
                format!("topic is {topic:?}, but {NAME_FORM}: see .topic(…)"),
            ),
            (
                topic != dead_letter_topic,
                "the dead-letter topic is the topic itself, so a dead letter would come again for ever: see .dead_letter_topic(…)".into(),
            ),
            (
                is_resource_id(dead_letter_topic),
                format!(
                    "dead-letter topic is {dead_letter_topic:?}, but {NAME_FORM}: see .dead_letter_topic(…)"
                ),
            ),
        ]
    }

    /// What no default can know.
    fn explanations(&self) -> Vec<(bool, String)> {
        let key_fault = self.idempotency.as_ref().and_then(Idempotency::fault);
        let is_open_for_nothing =
            matches!(&self.store_down, StoreDown::Open(reason) if reason.trim().is_empty());
        vec![
            (
                !self.purpose.trim().is_empty(),
                "says no purpose: add .purpose(\"…\")".into(),
            ),
            (
                !self.producers.is_empty(),
                "names no producers: add .producers([\"…\"])".into(),
            ),
            (
                self.idempotency.is_some(),
                "says nothing about duplicates: add .idempotency(Idempotency::by_message_id()), \
                 or Idempotency::none(\"why that is harmless\")"
                    .into(),
            ),
            (key_fault.is_none(), key_fault.unwrap_or_default().into()),
            (
                !is_open_for_nothing,
                "StoreDown::open needs the reason why running twice is better than waiting".into(),
            ),
        ]
    }

    fn bounds(&self) -> Vec<(bool, String)> {
        let Backoff { minimum, maximum } = self.backoff;
        let mut checks = vec![
            (
                (5..=100).contains(&self.attempts),
                format!(
                    "attempts are {}, expected 5 to 100: see .attempts(…)",
                    self.attempts
                ),
            ),
            (
                minimum <= maximum && maximum <= 600 * SECOND,
                format!(
                    "retry is {minimum:?} to {maximum:?}, expected 0 s to 600 s with the smaller first: see .retry(…)"
                ),
            ),
            (
                self.concurrency
                    .is_none_or(|concurrency| (1..=10_000).contains(&concurrency)),
                format!(
                    "concurrency is {}, expected 1 to 10000: see .concurrency(…)",
                    self.concurrency.unwrap_or_default()
                ),
            ),
        ];
        checks.extend(self.callers.iter().filter_map(|email| {
            let why = caller_fault(email)?;
            Some((
                false,
                format!("the caller {email:?} {why}: see .callers([…])"),
            ))
        }));
        checks.extend(self.audiences.iter().filter_map(|audience| {
            let why = audience_fault(audience)?;
            Some((
                false,
                format!("the audience {audience:?} {why}: see .audience(…)"),
            ))
        }));
        checks.extend(self.examples.iter().map(|example| {
            let is_message =
                !example.is_broken && (!example.data.is_empty() || !example.attributes.is_empty());
            (
                is_message,
                format!(
                    "example {:?} is empty or cannot be serialized",
                    example.title
                ),
            )
        }));
        checks
    }

    /// Declarations that cannot both be meant.
    fn contradictions(&self) -> Vec<(bool, String)> {
        let is_parked = self.after_crash == AfterCrash::Park;
        let idempotency = self.idempotency.as_ref();
        let is_unguarded = idempotency.is_some_and(|idempotency| !idempotency.is_guarded());
        let attribute = idempotency.and_then(Idempotency::attribute);
        let is_lost_in_headers = self.form == Form::Unwrapped
            && attribute.is_some_and(|name| name.chars().any(|c| c.is_ascii_uppercase()));
        vec![
            (
                !(is_parked && matches!(self.store_down, StoreDown::Open(_))),
                "AfterCrash::Park promises no second run, and StoreDown::open allows one: see .after_crash(…) and .when_store_is_down(…)".into(),
            ),
            (
                !(is_parked && is_unguarded),
                "AfterCrash::Park needs a store, and Idempotency::none uses none: see .after_crash(…) and .idempotency(…)".into(),
            ),
            (
                !is_lost_in_headers,
                "Idempotency::by_attribute has capital letters, and attributes of unwrapped pushes are headers, in lower case: see .idempotency(…) and .unwrapped()".into(),
            ),
        ]
    }

    /// Attempts in this process, and the circuit breaker.
    fn protections(&self) -> Vec<(bool, String)> {
        let InProcess { attempts, pause } = self.in_process;
        let soft = self.limits().soft;
        let mut checks = vec![
            (
                (1..=10).contains(&attempts),
                format!(
                    "attempts in process are {attempts}, expected 1 to 10: see .attempts_in_process(…)"
                ),
            ),
            (
                attempts == 1 || pause.minimum <= pause.maximum && pause.maximum < soft,
                format!(
                    "the pause between attempts in process is {:?} to {:?}, expected the smaller first and less than the soft \
                     limit of {soft:?}: see .attempts_in_process(…)",
                    pause.minimum, pause.maximum
                ),
            ),
        ];
        if let Some(breaker) = self.circuit_breaker {
            let Backoff { minimum, maximum } = breaker.pause;
            checks.push((
                (1..=1000).contains(&breaker.failures) && (1..=100).contains(&breaker.probes),
                format!(
                    "the circuit breaker has {} failures and {} probes, expected 1 to 1000 and 1 to 100: see .circuit_breaker(…)",
                    breaker.failures, breaker.probes
                ),
            ));
            checks.push((
                !minimum.is_zero() && minimum <= maximum && maximum <= 600 * SECOND,
                format!(
                    "the circuit breaker is open for {minimum:?} to {maximum:?}, expected more than 0 s, at most 600 s, the \
                     smaller first: see .circuit_breaker(…)"
                ),
            ));
        }
        checks
    }

    fn times(&self) -> Vec<(bool, String)> {
        let (Limits { soft, hard }, deadline, margin) =
            (self.limits(), self.ack_deadline, self.margin());
        let latest = deadline.saturating_sub(margin);
        vec![
            (
                is_ack_deadline(deadline),
                format!(
                    "ack deadline is {deadline:?}, expected whole seconds from 10 s to 600 s: see .ack_deadline(…)"
                ),
            ),
            (
                hard <= latest,
                format!(
                    "hard limit is {hard:?}, expected at most {latest:?} (the ack deadline of {deadline:?} less {margin:?} \
                     for recording and answering): see .hard_limit(…) and .ack_deadline(…)"
                ),
            ),
            (
                soft <= hard && !soft.is_zero(),
                format!(
                    "soft limit is {soft:?}, expected more than 0 s and at most the hard limit of {hard:?}: see .soft_limit(…)"
                ),
            ),
            (
                (SECOND..=600 * SECOND).contains(&self.lease),
                format!(
                    "lease is {:?}, expected 1 s to 600 s: see .lease(…)",
                    self.lease
                ),
            ),
            (
                (deadline..=LONGEST_WINDOW).contains(&self.dedup_window()),
                format!(
                    "window is {:?}, expected at least the ack deadline of {deadline:?} and at most 366 days: see .window(…)",
                    self.dedup_window()
                ),
            ),
        ]
    }
}

/// Pub/Sub takes whole seconds from 10 to 600 (Google, *Subscription*, `ackDeadlineSeconds`).
fn is_ack_deadline(deadline: Duration) -> bool {
    deadline.subsec_nanos() == 0 && (10..=600).contains(&deadline.as_secs())
}

/// Whether Pub/Sub takes this as the short name of a topic or subscription (Google, *Topic*, `name`).
pub(super) fn is_resource_id(id: &str) -> bool {
    (3..=255).contains(&id.len())
        && id.starts_with(|first: char| first.is_ascii_alphabetic())
        && !id.starts_with("goog")
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.~+%".contains(c))
}

#[cfg(test)]
mod tests {
    use super::super::{Alerts, CircuitBreaker, Example, Schedule, TopicSchema};
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
    fn a_complete_declaration_has_no_fault_and_limits_inside_the_ack_deadline() {
        assert_eq!(declared().faults(), Vec::<String>::new());
        let limits = declared().limits();
        assert_eq!((limits.soft.as_secs(), limits.hard.as_secs()), (44, 55));
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
    fn what_no_default_can_know_must_be_said() {
        check(
            Subscriber::new("x", async |_: Context| ()),
            "must be 3 to 255 characters",
        );
        check(
            Subscriber::new("orders", async |_: Context| ()),
            "says no purpose",
        );
        check(
            Subscriber::new("orders", async |_: Context| ()),
            "says nothing about duplicates",
        );
        check(
            declared().producers(Vec::<String>::new()),
            "names no producers",
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
    fn declarations_that_cannot_both_be_meant_are_refused() {
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
    fn each_fault_names_what_was_found_and_what_decides_it() {
        check(declared().topic("goog-orders"), "topic is \"goog-orders\"");
        check(
            declared().dead_letter_topic("orders"),
            "would come again for ever",
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
            "has a name that Pub/Sub refuses",
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
            "the filter leaves it out",
        );
        assert_eq!(
            declared()
                .schedule(hourly().time_zone("Europe/Berlin"))
                .faults(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn expectations_and_alerts_have_bounds() {
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
