//! The table of settings.

/// An environment variable that pushgate reads.
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// The purpose of the setting.
    pub meaning: &'static str,
    /// The form of its value, with the unit.
    pub form: &'static str,
    /// The value if it is unset.
    pub default: Option<&'static str>,
}

impl Setting {
    /// Returns true if `pushgate serve` does not start without it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        [STORE.name, AUDIENCE.name, CALLERS.name].contains(&self.name)
    }
}

macro_rules! settings {
    ($($name:ident: $variable:literal, $default:expr, $meaning:literal, $form:expr;)*) => {
        $(pub(super) const $name: Setting = Setting {
            name: $variable,
            meaning: $meaning,
            form: $form,
            default: $default,
        };)*

        /// All settings, in the order of the documentation.
        pub const SETTINGS: [Setting; [$($variable),*].len()] = [$($name),*];
    };
}

settings! {
    PORT: "PORT", Some("8080"),
        "the port of the service, on all IPv4 addresses, as Cloud Run requires",
        "a port, 0 to 65535";
    PROJECT: "GOOGLE_CLOUD_PROJECT", None,
        "the project of the subscriptions; if unset, the one of the metadata server",
        "a project id";
    STORE: "PUSHGATE_STORE", None,
        "the store for deduplication",
        STORE_FORM;
    AUDIENCE: "PUSHGATE_AUDIENCE", None,
        "the audience of push tokens, or several during a move; a subscription without one sends its own endpoint URL",
        "the text set as the subscription's OIDC audience, several separated by commas";
    CALLERS: "PUSHGATE_CALLERS", None,
        "the service accounts that may push",
        "e-mails as in tokens, in lower case, separated by commas";
    OPERATORS: "PUSHGATE_OPERATORS", None,
        "the accounts that may read the status and change records at /operate/; without any there is none at the service's port",
        "e-mails as in tokens, in lower case, separated by commas";
    PAUSED: "PUSHGATE_PAUSED", None,
        "the subscriptions whose pushes are answered 503 without a run; each push uses up a delivery attempt, which pushgate pause does not",
        "ids of declared subscriptions, separated by commas";
    AUTHENTICATION: "PUSHGATE_AUTHENTICATION", Some("verify"),
        "the verification of the tokens' signatures: by this service (verify), or by Cloud Run's IAM check, which removes them (platform)",
        "verify or platform";
    ISSUER: "PUSHGATE_ISSUER", Some("https://accounts.google.com"),
        "the issuer of the tokens",
        "the text of the claim iss";
    KEYS_URL: "PUSHGATE_KEYS_URL", Some("https://www.googleapis.com/oauth2/v3/certs"),
        "the URL of the issuer's keys",
        "an https URL of a JWKS; http for this machine only";
    PUBSUB_EMULATOR: "PUBSUB_EMULATOR_HOST", None,
        "the emulator for dead letters, instead of Google",
        "HOST:PORT";
    FIRESTORE_EMULATOR: "FIRESTORE_EMULATOR_HOST", None,
        "the emulator for a store with firestore://, instead of Google",
        "HOST:PORT";
    CONCURRENCY: "PUSHGATE_CONCURRENCY", Some("250"),
        "the number of concurrent pushes in this process; further ones are answered 429",
        "a number, 1 to 10000";
    GRACE: "PUSHGATE_GRACE_SECONDS", Some("8"),
        "the time for running handlers after SIGTERM, with their stop signal in its last quarter; Cloud Run kills the process after 10 s",
        "seconds, 1 to 600";
    BODY_LIMIT: "PUSHGATE_BODY_LIMIT_BYTES", Some("14680064"),
        "the largest body of a push; a message of 10 MB needs 13.4 MB as base64",
        "bytes, 1024 to 33554432";
    BODIES: "PUSHGATE_BODIES_BYTES", Some("268435456"),
        "the memory for the bodies of all concurrent pushes; beyond it pushes are answered 429",
        "bytes, at least one PUSHGATE_BODY_LIMIT_BYTES";
    BODY_TIMEOUT: "PUSHGATE_BODY_TIMEOUT_SECONDS", Some("10"),
        "the time limit for receiving a body",
        "seconds, 1 to 600";
    LEEWAY: "PUSHGATE_TOKEN_LEEWAY_SECONDS", Some("30"),
        "the tolerance for the issuer's clock",
        "seconds, 0 to 60";
    STORE_PASSWORD: "PUSHGATE_STORE_PASSWORD", None,
        "the password of the store, if it is not in its URL",
        "the password as it is, not percent-encoded";
    STORE_CA_FILE: "PUSHGATE_STORE_CA_FILE", None,
        "the trusted certificate authorities of a store with TLS; if unset, the system's",
        "the path of a file with PEM certificates, for an address with rediss";
    STORE_TIMEOUT: "PUSHGATE_STORE_TIMEOUT_MILLISECONDS", Some("1000"),
        "the time limit for a step in the store",
        "milliseconds, 10 to 60000";
    LOG: "PUSHGATE_LOG", Some("info"),
        "the filter of the log, which goes to stderr",
        "a level (error, warn, info, debug, trace) or filter directives";
    LOG_FORMAT: "PUSHGATE_LOG_FORMAT", None,
        "the format of the log; if unset, json on Cloud Run and text elsewhere",
        "json or text";
    METRICS_EXPORTER: "OTEL_METRICS_EXPORTER", None,
        "the export of metrics: to Prometheus, which reads /metrics, and by OTLP; if unset, otlp with an endpoint and none without",
        "prometheus, otlp, both separated by a comma, or none";
    PROMETHEUS_HOST: "OTEL_EXPORTER_PROMETHEUS_HOST", Some("localhost"),
        "the address of /metrics; on another address than loopback, every client that reaches it can read the metrics",
        "an IP address or localhost";
    PROMETHEUS_PORT: "OTEL_EXPORTER_PROMETHEUS_PORT", Some("9464"),
        "the port of /metrics",
        "a port, 0 to 65535";
    OTLP_ENDPOINT: "OTEL_EXPORTER_OTLP_ENDPOINT", None,
        "the base URL for OTLP over HTTP, such as http://localhost:4318, or https://telemetry.googleapis.com with application default credentials",
        "an http or https URL";
    OTLP_METRICS_ENDPOINT: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", None,
        "the URL for metrics by OTLP, with its path; if unset, v1/metrics below the base URL",
        "an http or https URL";
    TRACES_EXPORTER: "OTEL_TRACES_EXPORTER", None,
        "the export of traces by OTLP; if unset, otlp with an endpoint and none without",
        "otlp or none";
    OTLP_TRACES_ENDPOINT: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", None,
        "the URL for traces by OTLP, with its path; if unset, v1/traces below the base URL",
        "an http or https URL";
    SAMPLER: "OTEL_TRACES_SAMPLER", Some("parentbased_always_on"),
        "the traces that are sent; a parentbased sampler follows the sampled flag of the message's trace, or of the request's",
        "always_on, always_off, traceidratio, or parentbased_ and one of these";
    SAMPLER_RATIO: "OTEL_TRACES_SAMPLER_ARG", Some("1"),
        "the share of traces that traceidratio sends",
        "a number, 0 to 1";
    TRACE_PARENT: "PUSHGATE_TRACE_PARENT", Some("message"),
        "the trace of a push: the message's, so that all its deliveries are in one trace, or the HTTP request's; the other one is linked",
        "message or request";
    TRACE_FAILURES: "PUSHGATE_TRACE_FAILURES", Some("false"),
        "the switch for sending failed spans of traces that are not sampled, too",
        "true or false";
    OTLP_PROTOCOL: "OTEL_EXPORTER_OTLP_PROTOCOL", Some("http/protobuf"),
        "the transport of OTLP",
        "http/protobuf";
    SDK_DISABLED: "OTEL_SDK_DISABLED", Some("false"),
        "the switch that disables all exports",
        "true or false";
}

macro_rules! redis_form {
    () => {
        "redis://[USER:PASSWORD@]HOST[:PORT][/DB], redis-cluster://[USER:PASSWORD@]HOST[:PORT],…, redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB][?sentinel_username=…&sentinel_password=…], each with TLS as rediss…, "
    };
}
macro_rules! memory_form {
    () => {
        "or memory:[REASON] (one instance, lost at its end; on Cloud Run with the reason that running a message again is harmless)"
    };
}

const STORE_FORM: &str = if cfg!(all(feature = "redis", feature = "firestore")) {
    concat!(
        redis_form!(),
        "firestore://PROJECT[/DATABASE], ",
        memory_form!()
    )
} else if cfg!(feature = "redis") {
    concat!(redis_form!(), memory_form!())
} else if cfg!(feature = "firestore") {
    concat!("firestore://PROJECT[/DATABASE], ", memory_form!())
} else {
    memory_form!()
};
