//! All rules, in the order in which they are checked.

use super::finding::{Level, Rule};

macro_rules! rules {
    ($($level:ident $name:ident: $id:literal, $meaning:literal, $why:literal;)*) => {
        $(pub(super) const $name: Rule = Rule {
            id: $id,
            level: Level::$level,
            meaning: $meaning,
            why: $why,
        };)*

        /// All of them.
        pub(crate) const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    Error DECLARATION: "declaration",
        "each declaration is complete and consistent: names, limits within the ack deadline, attempts, back-off, examples, schedules",
        "the service does not start with it, so a new revision never becomes ready";
    Error LEASE: "lease-store-timeout",
        "a lease is at least three times PUSHGATE_STORE_TIMEOUT_MILLISECONDS",
        "a lease that expires while a slow store renews it lets another instance run the message at the same time; the service does not start";
    Error WINDOW: "window-retention",
        "a handled message is remembered as long as Pub/Sub may redeliver it",
        "a delivery after the record has expired runs the handler again";
    Error RETRIES: "retries-retention",
        "the attempts are used up before the retention ends",
        "a message that fails is deleted when its retention ends: it never reaches the dead-letter topic, and no alert is raised";
    Warning RETRIES_RISK: "retries-retention-risk",
        "the attempts are used up before the retention ends, even if every pause has its maximum length",
        "Pub/Sub's back-off is best effort and has no documented steps; at its longest a failing message is deleted before it is dead-lettered";
    Warning OUTAGE: "outage-survival",
        "a message survives an outage of one hour: of the store, of the key server, or behind an open circuit breaker",
        "each refused push counts as an attempt, whatever its status, and Pub/Sub's pauses may be shorter than declared: a longer outage dead-letters messages whose handler never ran";
    Error LOOP: "dead-letter-loop",
        "no dead letter returns to the topic that it left",
        "a message that can never succeed circulates for ever";
    Error CLASH: "name-clash",
        "a dead-letter topic is neither a topic with subscribers nor the name of a subscription",
        "for each dead-letter topic a topic and a subscription of its name are created, so two resources would have one name and the deploy fails";
    Warning SHARED: "dead-letter-shared",
        "each subscription has a dead-letter topic of its own",
        "one replay or discard then affects the dead letters of several subscriptions, and an alert does not say which";
    Warning ORDER_DEAD_LETTER: "order-dead-letter",
        "an ordered subscription keeps its order when a message is dead-lettered",
        "after the last attempt the message is dead-lettered and those behind it run without it; order is not kept into the dead-letter topic";
    Warning ORDER_DUPLICATES: "order-duplicates",
        "an ordered subscription recognises duplicates",
        "a redelivery repeats all later messages of its key, even acked ones: without deduplication each of them runs again";
    Warning UNWRAPPED: "unwrapped-attempts",
        "a handler can distinguish a first delivery from a last one",
        "a push without wrapper carries no delivery attempt, dead-letter policy or not: handlers, logs and dead letters do not have it";
    Error EVENTARC: "eventarc-settings",
        "an Eventarc subscriber declares no setting that Eventarc's own subscription cannot have",
        "Eventarc creates the subscription and accepts none of these settings, so the deploy is rejected or they have no effect";
    Warning LATENCY: "latency-deadline",
        "the expected latency is within the ack deadline",
        "Pub/Sub would redeliver a normal message before it is acked";
    Warning ALERT_ALWAYS: "alert-always",
        "no alert fires on a normal day",
        "an alert that is always active is ignored";
    Warning ALERT_NEVER: "alert-never",
        "each alert can fire",
        "messages are lost without an alert";
    Error TYPES: "types-differ",
        "one name of a message type means one JSON Schema",
        "the documents and schemas for publishers contain one of them; the other subscriber may reject messages that fit it";
    Warning TOPIC_SCHEMA: "topic-schema-fields",
        "what fits the topic's Pub/Sub schema can be read by its handlers",
        "a message that Pub/Sub lets through is dead-lettered by the handler";
    Warning EXAMPLES: "examples-unreadable",
        "at least one example can be read by the handler",
        "a publisher that copies an example from the documents publishes a dead letter";
    Warning UNRELEASED: "unreleased",
        "the message types have been released",
        "a change that is incompatible with old publishers is not detected";
    Error BREAKS: "schema-breaks",
        "messages of publishers of the last release can still be read",
        "publishers are not deployed with this service: their messages are dead-lettered as soon as it is deployed";
    Warning REMOVES: "schema-removes",
        "every released field is still read",
        "old publishers still send it, and readers ignore it";
    Warning INCOMPARABLE: "schema-incomparable",
        "the schemas can be compared with those of the last release",
        "it is not known if old messages can still be read";
    Error GONE: "schema-gone",
        "every released message type is still read",
        "publishers may still send it";
    Error KEYS: "idempotency-changed",
        "each subscription recognises a message as at the last release: .idempotency(…)",
        "handled messages are remembered under other keys: their redeliveries, second publishes and replays run again";
    Warning EPOCH: "epoch-changed",
        "each subscription has the epoch of the last release",
        "another epoch forgets all handled messages: redeliveries and replays run again, also unwanted ones";
    Error FILES: "generated-files",
        "the generated files are those of the declarations",
        "Terraform and readers of the documents see other subscriptions than the service has";
    Error PLAN_EMPTY: "plan-empty",
        "the plan or state contains this service",
        "nothing of the cloud could be compared";
    Error PLAN_LOSS: "plan-loss",
        "no topic, schema, subscription, trigger or store is deleted or replaced",
        "its messages or records are lost";
    Error PLAN_MISSING: "plan-missing",
        "everything declared is in the plan or state; alert policies are not checked",
        "it will not exist";
    Error PLAN_SUPERFLUOUS: "plan-superfluous",
        "everything of this service in the plan or state is declared",
        "no declaration describes it";
    Error PLAN_DRIFT: "plan-drift",
        "the plan or state agrees with the declarations",
        "the cloud behaves differently from the declaration, its documents and its tests";
    Error PLAN_CALLER: "plan-caller",
        "audience and service account are the same on both sides",
        "every push is refused with 401 or 403, and after the last attempt valid messages are dead letters";
    Error PLAN_ROLE: "plan-role",
        "every role that pushes and dead letters need is granted",
        "requests that need the role are rejected";
    Error SERVICE_AUTHENTICATION: "service-authentication",
        "with PUSHGATE_AUTHENTICATION=platform, Cloud Run checks the caller",
        "the signature of a token is not checked: every caller that reaches the service can push under any identity";
    Error SERVICE_AUDIENCE: "service-audience",
        "where Cloud Run checks the caller, it accepts the audiences of the pushes",
        "Cloud Run rejects every push before the service receives it";
    Error SERVICE_TIMEOUT: "service-timeout",
        "Cloud Run's time-out is at least the longest ack deadline",
        "Cloud Run answers 504 for a handler that may still run, and Pub/Sub redelivers the message";
    Error SERVICE_MEMORY: "service-memory",
        "PUSHGATE_BODIES_BYTES is at most half of an instance's memory",
        "an instance that runs out of memory is killed with all the handlers in it";
    Warning SERVICE_CONCURRENCY: "service-concurrency",
        "Cloud Run sends an instance no more at once than PUSHGATE_CONCURRENCY",
        "pushes are answered 429 by a full instance instead of being sent to a new one, and each uses up an attempt";
    Warning SERVICE_BODY: "service-body-limit",
        "PUSHGATE_BODY_LIMIT_BYTES admits the largest message",
        "a message of 10 MB, which Pub/Sub accepts, is refused with 413 until it is a dead letter";
    Error SERVICE_STORE: "service-store",
        "the deployed service remembers handled messages in a store that instances share",
        "each instance would remember only its own messages, and lose them when it exits, so the service does not start";
    Error SERVICE_EMULATOR: "service-emulator",
        "the deployed service talks to Google and not to an emulator",
        "dead letters and records are lost with the emulator";
    Warning SERVICE_SETTING: "service-setting",
        "every PUSHGATE_ variable is a setting",
        "a misspelt setting has no effect";
    Error SERVICE_VALUE: "service-value",
        "the service can read the value of each of its settings, if the plan or state knows it",
        "the service does not start: the previous revision keeps serving, or there is none";
    Warning SERVICE_GRACE: "service-grace",
        "PUSHGATE_GRACE_SECONDS is less than the 10 s after which Cloud Run kills",
        "an instance that shuts down is killed before it has released its claims: each message waits for its lease";
}
