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

pub(super) const PORT: Setting = setting(
    "PORT",
    "the port of the service, on all IPv4 addresses, as Cloud Run requires",
    "a port, 0 to 65535",
    Some("8080"),
);
pub(super) const PROJECT: Setting = setting(
    "GOOGLE_CLOUD_PROJECT",
    "the project of the subscriptions; if unset, the one of the metadata server",
    "a project id",
    None,
);
pub(super) const STORE: Setting = setting(
    "PUSHGATE_STORE",
    "the store for deduplication",
    STORE_FORM,
    None,
);
pub(super) const AUDIENCE: Setting = setting(
    "PUSHGATE_AUDIENCE",
    "the audience of push tokens, or several during a move; a subscription without one sends its own endpoint URL",
    "the text set as the subscription's OIDC audience, several separated by commas",
    None,
);
pub(super) const CALLERS: Setting = setting(
    "PUSHGATE_CALLERS",
    "the service accounts that may push",
    "e-mails as in tokens, in lower case, separated by commas",
    None,
);
pub(super) const AUTHENTICATION: Setting = setting(
    "PUSHGATE_AUTHENTICATION",
    "the verification of the tokens' signatures: by this service (verify), or by Cloud Run's IAM check, which removes them (platform)",
    "verify or platform",
    Some("verify"),
);
pub(super) const ISSUER: Setting = setting(
    "PUSHGATE_ISSUER",
    "the issuer of the tokens",
    "the text of the claim iss",
    Some("https://accounts.google.com"),
);
pub(super) const KEYS_URL: Setting = setting(
    "PUSHGATE_KEYS_URL",
    "the URL of the issuer's keys",
    "an https URL of a JWKS; http for this machine only",
    Some("https://www.googleapis.com/oauth2/v3/certs"),
);
pub(super) const LEEWAY: Setting = setting(
    "PUSHGATE_TOKEN_LEEWAY_SECONDS",
    "the tolerance for the issuer's clock",
    "seconds, 0 to 60",
    Some("30"),
);
pub(super) const BODY_LIMIT: Setting = setting(
    "PUSHGATE_BODY_LIMIT_BYTES",
    "the largest body of a push; a message of 10 MB needs 13.4 MB as base64",
    "bytes, 1024 to 33554432",
    Some("14680064"),
);
pub(super) const BODIES: Setting = setting(
    "PUSHGATE_BODIES_BYTES",
    "the memory for the bodies of all concurrent pushes; beyond it pushes are answered 429",
    "bytes, at least one PUSHGATE_BODY_LIMIT_BYTES",
    Some("268435456"),
);
pub(super) const BODY_TIMEOUT: Setting = setting(
    "PUSHGATE_BODY_TIMEOUT_SECONDS",
    "the time limit for receiving a body",
    "seconds, 1 to 600",
    Some("10"),
);
pub(super) const CONCURRENCY: Setting = setting(
    "PUSHGATE_CONCURRENCY",
    "the number of concurrent pushes in this process; further ones are answered 429",
    "a number, 1 to 10000",
    Some("250"),
);
pub(super) const GRACE: Setting = setting(
    "PUSHGATE_GRACE_SECONDS",
    "the time for running handlers after SIGTERM, with their stop signal in its last quarter; Cloud Run kills the process after 10 s",
    "seconds, 1 to 600",
    Some("8"),
);
pub(super) const STORE_PASSWORD: Setting = setting(
    "PUSHGATE_STORE_PASSWORD",
    "the password of the store, if it is not in its URL",
    "the password as it is, not percent-encoded",
    None,
);
pub(super) const STORE_CA_FILE: Setting = setting(
    "PUSHGATE_STORE_CA_FILE",
    "the trusted certificate authorities of a store with TLS; if unset, the system's",
    "the path of a file with PEM certificates, for an address with rediss",
    None,
);
pub(super) const STORE_TIMEOUT: Setting = setting(
    "PUSHGATE_STORE_TIMEOUT_MILLISECONDS",
    "the time limit for a step in the store",
    "milliseconds, 10 to 60000",
    Some("1000"),
);
pub(super) const PUBSUB_EMULATOR: Setting = setting(
    "PUBSUB_EMULATOR_HOST",
    "the emulator for dead letters, instead of Google",
    "HOST:PORT",
    None,
);
pub(super) const FIRESTORE_EMULATOR: Setting = setting(
    "FIRESTORE_EMULATOR_HOST",
    "the emulator for a store with firestore://, instead of Google",
    "HOST:PORT",
    None,
);
pub(super) const LOG: Setting = setting(
    "PUSHGATE_LOG",
    "the filter of the log, which goes to stderr",
    "a level (error, warn, info, debug, trace) or filter directives",
    Some("info"),
);
pub(super) const LOG_FORMAT: Setting = setting(
    "PUSHGATE_LOG_FORMAT",
    "the format of the log; if unset, json on Cloud Run and text elsewhere",
    "json or text",
    None,
);

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

/// All settings, in the order of the documentation.
pub const SETTINGS: [Setting; 21] = [
    PORT,
    PROJECT,
    STORE,
    AUDIENCE,
    CALLERS,
    AUTHENTICATION,
    ISSUER,
    KEYS_URL,
    PUBSUB_EMULATOR,
    FIRESTORE_EMULATOR,
    CONCURRENCY,
    GRACE,
    BODY_LIMIT,
    BODIES,
    BODY_TIMEOUT,
    LEEWAY,
    STORE_PASSWORD,
    STORE_CA_FILE,
    STORE_TIMEOUT,
    LOG,
    LOG_FORMAT,
];

const fn setting(
    name: &'static str,
    meaning: &'static str,
    form: &'static str,
    default: Option<&'static str>,
) -> Setting {
    Setting {
        name,
        meaning,
        form,
        default,
    }
}
