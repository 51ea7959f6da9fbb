//! Every rule, in the order in which they are checked.

use super::finding::{Level, Rule};

const fn error(id: &'static str, meaning: &'static str, why: &'static str) -> Rule {
    Rule {
        id,
        level: Level::Error,
        meaning,
        why,
    }
}

const fn warning(id: &'static str, meaning: &'static str, why: &'static str) -> Rule {
    Rule {
        id,
        level: Level::Warning,
        meaning,
        why,
    }
}

pub(super) const DECLARATION: Rule = error(
    "declaration",
    "each declaration is whole and consistent: names, limits within the ack deadline, attempts, back-off, examples, schedules",
    "the service does not start with it, so a new revision never becomes ready",
);
pub(super) const LEASE: Rule = error(
    "lease-store-timeout",
    "a lease is at least three times PUSHGATE_STORE_TIMEOUT_MILLISECONDS",
    "a lease that lapses while a slow store renews it lets another instance run the message at the same time; the service does not start",
);
pub(super) const WINDOW: Rule = error(
    "window-retention",
    "a handled message is remembered as long as Pub/Sub may deliver it",
    "a delivery that comes later than the message is remembered runs the handler again",
);
pub(super) const RETRIES: Rule = error(
    "retries-retention",
    "the attempts are used up before the retention ends",
    "a message that fails is deleted when its retention ends: it never reaches the dead-letter topic, and no alert tells",
);
pub(super) const RETRIES_RISK: Rule = warning(
    "retries-retention-risk",
    "the attempts are used up before the retention ends, even if every pause is as long as it may be",
    "Pub/Sub's back-off is best effort and has no documented steps; at its longest a failing message is deleted before it is dead-lettered",
);
pub(super) const OUTAGE: Rule = warning(
    "outage-survival",
    "a message survives an outage of one hour: of the store, of the key server, or behind an open circuit breaker",
    "each refused push counts as an attempt, whatever its status, and Pub/Sub's pauses may be shorter than declared: a longer outage dead-letters messages whose handler never ran",
);
pub(super) const LOOP: Rule = error(
    "dead-letter-loop",
    "no dead letter comes back to the topic that it left",
    "a message that can never succeed goes round for ever",
);
pub(super) const CLASH: Rule = error(
    "name-clash",
    "a dead-letter topic is neither a topic with subscribers nor the name of a subscription",
    "for each dead-letter topic a topic and a subscription of its name are made, so two things would have one name and the deploy fails",
);
pub(super) const SHARED: Rule = warning(
    "dead-letter-shared",
    "each subscription has a dead-letter topic of its own",
    "one replay or discard then concerns the dead letters of several subscriptions, and an alert does not say whose they are",
);
pub(super) const ORDER_DEAD_LETTER: Rule = warning(
    "order-dead-letter",
    "an ordered subscription's order survives a dead letter",
    "after the last attempt the message leaves and those behind it run without it; order is not kept into the dead-letter topic",
);
pub(super) const ORDER_DUPLICATES: Rule = warning(
    "order-duplicates",
    "an ordered subscription recognises duplicates",
    "a redelivery brings all later messages of its key again, even acked ones: without deduplication each of them runs again",
);
pub(super) const UNWRAPPED: Rule = warning(
    "unwrapped-attempts",
    "a handler can tell a first delivery from a last one",
    "a push without wrapper carries no delivery attempt, dead-letter policy or not: handlers, logs and dead letters do not know it",
);
pub(super) const EVENTARC: Rule = error(
    "eventarc-settings",
    "an Eventarc subscriber declares nothing that only a subscription of one's own can have",
    "Eventarc makes the subscription itself and takes none of these settings, so the deploy is refused or they do nothing",
);
pub(super) const LATENCY: Rule = warning(
    "latency-deadline",
    "the expected latency is within the ack deadline",
    "a normal message would be given up by Pub/Sub and come again before it is acked",
);
pub(super) const ALERT_ALWAYS: Rule = warning(
    "alert-always",
    "no alert fires on a normal day",
    "an alert that is always on is switched off by whoever it wakes",
);
pub(super) const ALERT_NEVER: Rule = warning(
    "alert-never",
    "each alert can fire",
    "nobody is told when messages are lost",
);
pub(super) const TYPES: Rule = error(
    "types-differ",
    "one name of a message type means one JSON Schema",
    "the documents and schemas that publishers read hold one of them; what fits it, the other reader may refuse",
);
pub(super) const TOPIC_SCHEMA: Rule = warning(
    "topic-schema-fields",
    "what fits the topic's Pub/Sub schema can be read by its handlers",
    "a message that Pub/Sub lets through is dead-lettered by the handler",
);
pub(super) const EXAMPLES: Rule = warning(
    "examples-unreadable",
    "at least one example can be read by the handler",
    "who copies an example from the documents publishes a dead letter",
);
pub(super) const UNRELEASED: Rule = warning(
    "unreleased",
    "the message types were released once",
    "a change that old publishers cannot keep up with is not noticed",
);
pub(super) const BREAKS: Rule = error(
    "schema-breaks",
    "what a publisher of the last release sends can still be read",
    "publishers are not deployed with this service: what they send is dead-lettered from the first minute",
);
pub(super) const REMOVES: Rule = warning(
    "schema-removes",
    "every released field is still read",
    "old publishers go on sending it, and readers ignore it",
);
pub(super) const INCOMPARABLE: Rule = warning(
    "schema-incomparable",
    "the schemas can be compared with those of the last release",
    "whether old messages can still be read is not known",
);
pub(super) const GONE: Rule = error(
    "schema-gone",
    "every released message type is still read",
    "publishers may still send it",
);
pub(super) const KEYS: Rule = error(
    "idempotency-changed",
    "each subscription names a message as at the last release: .idempotency(…)",
    "what was handled before is remembered under other keys: its redeliveries, second publishes and replays run again",
);
pub(super) const EPOCH: Rule = warning(
    "epoch-changed",
    "each subscription has the epoch of the last release",
    "another epoch forgets all that was handled before: redeliveries and replays run again, also those that nobody wants",
);
pub(super) const FILES: Rule = error(
    "generated-files",
    "the generated files are those of the declarations",
    "Terraform and readers of the documents see other subscriptions than the service has",
);
pub(super) const PLAN_EMPTY: Rule = error(
    "plan-empty",
    "the plan or state holds this service",
    "nothing of the cloud could be compared",
);
pub(super) const PLAN_LOSS: Rule = error(
    "plan-loss",
    "no topic, schema, subscription, trigger or store is deleted or replaced",
    "what it holds is lost",
);
pub(super) const PLAN_MISSING: Rule = error(
    "plan-missing",
    "everything declared is in the plan or state; alert policies are not looked at",
    "it will not be there",
);
pub(super) const PLAN_SUPERFLUOUS: Rule = error(
    "plan-superfluous",
    "everything of this service in the plan or state is declared",
    "nothing answers for it",
);
pub(super) const PLAN_DRIFT: Rule = error(
    "plan-drift",
    "the plan or state says what is declared",
    "the cloud does something else than the declaration, its documents and its tests say",
);
pub(super) const PLAN_CALLER: Rule = error(
    "plan-caller",
    "audience and service account are the same on both sides",
    "every push is refused with 401 or 403, and after the last attempt good messages are dead letters",
);
pub(super) const PLAN_ROLE: Rule = error(
    "plan-role",
    "every role that pushes and dead letters need is given",
    "what needs the role is refused",
);
pub(super) const SERVICE_AUTHENTICATION: Rule = error(
    "service-authentication",
    "with PUSHGATE_AUTHENTICATION=platform, Cloud Run checks who calls",
    "nobody checks the signature of a token: whoever reaches the service can push as anybody",
);
pub(super) const SERVICE_AUDIENCE: Rule = error(
    "service-audience",
    "where Cloud Run checks who calls, it accepts the audiences of the pushes",
    "Cloud Run refuses every push before the service sees it",
);
pub(super) const SERVICE_TIMEOUT: Rule = error(
    "service-timeout",
    "Cloud Run's time-out is at least the longest ack deadline",
    "Cloud Run answers 504 for a handler that may still run, and Pub/Sub sends the message again",
);
pub(super) const SERVICE_MEMORY: Rule = error(
    "service-memory",
    "PUSHGATE_BODIES_BYTES is at most half of an instance's memory",
    "an instance that runs out of memory is killed with all the handlers in it",
);
pub(super) const SERVICE_CONCURRENCY: Rule = warning(
    "service-concurrency",
    "Cloud Run sends an instance no more at once than PUSHGATE_CONCURRENCY",
    "pushes are answered 429 by a full instance instead of starting another one, and each uses up an attempt",
);
pub(super) const SERVICE_BODY: Rule = warning(
    "service-body-limit",
    "PUSHGATE_BODY_LIMIT_BYTES lets the largest message in",
    "a message of 10 MB, which Pub/Sub takes, is refused with 413 until it is a dead letter",
);
pub(super) const SERVICE_STORE: Rule = error(
    "service-store",
    "the deployed service remembers handled messages in a store that instances share",
    "each instance would remember only its own messages, and nothing after it is gone, so the service does not start",
);
pub(super) const SERVICE_EMULATOR: Rule = error(
    "service-emulator",
    "the deployed service talks to Google and not to an emulator",
    "dead letters and records go where nobody keeps them",
);
pub(super) const SERVICE_SETTING: Rule = warning(
    "service-setting",
    "every PUSHGATE_ variable is a setting",
    "a misspelt setting does nothing",
);
pub(super) const SERVICE_VALUE: Rule = error(
    "service-value",
    "the service can read the value of each of its settings, where the plan or state knows it",
    "the service does not start: the revision before it goes on, or there is none",
);

pub(super) const SERVICE_GRACE: Rule = warning(
    "service-grace",
    "PUSHGATE_GRACE_SECONDS is less than the 10 s after which Cloud Run kills",
    "an instance that leaves is killed before it has given its messages back: each waits for its lease",
);

/// All of them.
pub(crate) const RULES: [&Rule; 45] = [
    &DECLARATION,
    &LEASE,
    &WINDOW,
    &RETRIES,
    &RETRIES_RISK,
    &OUTAGE,
    &LOOP,
    &CLASH,
    &SHARED,
    &ORDER_DEAD_LETTER,
    &ORDER_DUPLICATES,
    &UNWRAPPED,
    &EVENTARC,
    &LATENCY,
    &ALERT_ALWAYS,
    &ALERT_NEVER,
    &TYPES,
    &TOPIC_SCHEMA,
    &EXAMPLES,
    &UNRELEASED,
    &BREAKS,
    &REMOVES,
    &INCOMPARABLE,
    &GONE,
    &KEYS,
    &EPOCH,
    &FILES,
    &PLAN_EMPTY,
    &PLAN_LOSS,
    &PLAN_MISSING,
    &PLAN_SUPERFLUOUS,
    &PLAN_DRIFT,
    &PLAN_CALLER,
    &PLAN_ROLE,
    &SERVICE_AUTHENTICATION,
    &SERVICE_AUDIENCE,
    &SERVICE_TIMEOUT,
    &SERVICE_MEMORY,
    &SERVICE_CONCURRENCY,
    &SERVICE_BODY,
    &SERVICE_STORE,
    &SERVICE_EMULATOR,
    &SERVICE_SETTING,
    &SERVICE_VALUE,
    &SERVICE_GRACE,
];
