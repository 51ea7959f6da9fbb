//! The resources that the declarations need, compared with those of a plan or state.

use std::collections::BTreeSet;

use super::argument::Argument;
use super::resource::Resource;
use super::stack::{
    DEAD_LETTER_SUBSCRIPTION, DEAD_LETTER_TOPIC, Kind, SCHEDULE, SCHEMA, SERVICE, SUBSCRIPTION,
    Stack, TOPIC, TRIGGER,
};
use super::tables::{self, NOT_KEPT};
use crate::check::finding::Finding;
use crate::check::rules::{PLAN_MISSING, PLAN_SUPERFLUOUS};
use crate::generate::topics::{dead_letter_topics, topics};
use crate::package::invocation;
use crate::subscriber::{Form, Subscriber};

/// The consequences of resources that no subscriber declares.
const SUPERFLUOUS: [(Kind, &str); 7] = [
    (SUBSCRIPTION, NOT_SUBSCRIBED),
    (TRIGGER, NOT_SUBSCRIBED),
    (TOPIC, "no subscriber receives what is published to it"),
    (SCHEMA, "no topic uses it"),
    (DEAD_LETTER_TOPIC, NO_DEAD_LETTERS),
    (DEAD_LETTER_SUBSCRIPTION, NO_DEAD_LETTERS),
    (
        SCHEDULE,
        "it publishes messages that no subscriber declares",
    ),
];
const NOT_SUBSCRIBED: &str =
    "the service answers its pushes with 404, until each message is a dead letter or too old";
const NO_DEAD_LETTERS: &str = "no declared subscription dead-letters to it";

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut comparison = Comparison {
        stack,
        known: BTreeSet::new(),
        findings: Vec::new(),
    };
    for each in subscribers {
        let absent = "its handler never receives a message";
        let service = stack.find(SERVICE, "");
        if each.pushes.form == Form::Eventarc {
            comparison.need(TRIGGER, &each.id, absent, |found| {
                tables::trigger(found, each, service)
            });
        } else {
            comparison.need(SUBSCRIPTION, &each.id, absent, |found| {
                tables::subscription(found, each, service)
            });
        }
    }
    for each in topics(subscribers) {
        let absent = "every publish to it fails";
        comparison.need(TOPIC, each.id, absent, |found| {
            tables::topic(found, each.schema())
        });
        if let Some(declared) = each.schema() {
            let absent = "its topic cannot be created, or accepts any message";
            comparison.need(SCHEMA, &declared.name, absent, |found| {
                tables::schema(found, declared)
            });
        }
    }
    for each in dead_letter_topics(subscribers) {
        let absent = "a message that can never succeed cannot be dead-lettered: it is pushed until its retention ends";
        comparison.need(
            DEAD_LETTER_TOPIC,
            each.id,
            absent,
            tables::dead_letter_topic,
        );
        comparison.need(DEAD_LETTER_SUBSCRIPTION, each.id, NOT_KEPT, |found| {
            tables::dead_letter_subscription(found, each.id)
        });
    }
    subscribers
        .iter()
        .for_each(|each| comparison.schedules(each));
    comparison.superfluous();
    comparison.findings
}

struct Comparison<'a> {
    stack: &'a Stack<'a>,
    known: BTreeSet<(Kind, String)>,
    findings: Vec<Finding>,
}

impl Comparison<'_> {
    /// Compares a required resource with its table.
    fn need<'d>(
        &mut self,
        kind: Kind,
        index: &str,
        absent: &str,
        table: impl FnOnce(&Resource) -> Vec<Argument<'d>>,
    ) {
        if !self.known.insert((kind, index.to_owned())) {
            return;
        }
        match self.stack.find(kind, index) {
            None => self.findings.push(missing(self.stack, kind, index, absent)),
            Some(found) => {
                let table = table(found);
                let findings = table.iter().filter_map(|row| row.finding(found));
                self.findings.extend(findings);
            }
        }
    }

    fn schedules(&mut self, declared: &Subscriber) {
        for schedule in &declared.schedules {
            let absent = "its message is never published";
            self.need(SCHEDULE, schedule.name(declared), absent, |found| {
                tables::job(found, schedule, declared)
            });
        }
    }

    fn superfluous(&mut self) {
        for (kind, why) in SUPERFLUOUS {
            for found in self.stack.of(kind) {
                if self.known.contains(&(kind, found.index.clone())) {
                    continue;
                }
                let finding = PLAN_SUPERFLUOUS.found(
                    &found.address,
                    "no subscriber declares it",
                    format!("declare it, or run {} generate and plan again, which deletes it: wait until it is empty first", invocation()),
                );
                self.findings.push(finding.because(why));
            }
        }
    }
}

pub(super) fn missing(stack: &Stack<'_>, kind: Kind, index: &str, why: &str) -> Finding {
    let what = format!("the plan or state has no such {}", kind.0);
    let fix = format!(
        "run {} generate, then plan again; a state is as old as its last apply",
        invocation()
    );
    let finding = PLAN_MISSING.found(stack.address(kind, index), what, fix);
    finding.because(why)
}
