//! The table of all settings.

/// One environment variable that pushgate reads.
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// What it decides.
    pub meaning: &'static str,
    /// What its value looks like, with the unit.
    pub form: &'static str,
    /// What counts if it is unset.
    pub default: Option<&'static str>,
}

impl Setting {
    /// Whether `pushgate serve` does not start without it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        [STORE.name, AUDIENCE.name, CALLERS.name].contains(&self.name)
    }
}

pub(super) const PORT: Setting = setting(
    "PORT",
    "where to listen, on all IPv4 addresses, as Cloud Run asks",
    "a port, 0 to 65535",
    Some("8080"),
);
pub(super) const PROJECT: Setting = setting(
    "GOOGLE_CLOUD_PROJECT",
    "the project of the subscriptions; if unset, the metadata server is asked",
    "a project id",
    None,
);
pub(super) const STORE: Setting = setting(
    "PUSHGATE_STORE",
    "where handled messages are remembered",
    STORE_FORM,
    None,
);
pub(super) const AUDIENCE: Setting = setting(
    "PUSHGATE_AUDIENCE",
    "the audience that push tokens must be for, or several during a move; a subscription without one sends its own endpoint URL",
    "the text set as the subscription's OIDC audience, several separated by commas",
    None,
);
pub(super) const CALLERS: Setting = setting(
    "PUSHGATE_CALLERS",
    "the service accounts allowed to push",
    "e-mails as tokens have them, in small letters, separated by commas",
    None,
);
pub(super) const AUTHENTICATION: Setting = setting(
    "PUSHGATE_AUTHENTICATION",
    "who checks the tokens' signatures: this service, or Cloud Run's IAM check where it has removed them",
    "verify or platform",
    Some("verify"),
);
pub(super) const ISSUER: Setting = setting(
    "PUSHGATE_ISSUER",
    "who signs the tokens",
    "the text of the claim iss",
    Some("https://accounts.google.com"),
);
pub(super) const KEYS_URL: Setting = setting(
    "PUSHGATE_KEYS_URL",
    "where the issuer's keys are",
    "an https URL of a JWKS; http on this machine only",
    Some("https://www.googleapis.com/oauth2/v3/certs"),
);
pub(super) const LEEWAY: Setting = setting(
    "PUSHGATE_TOKEN_LEEWAY_SECONDS",
    "how far the issuer's clock may be off",
    "seconds, 0 to 60",
    Some("30"),
);
pub(super) const BODY_LIMIT: Setting = setting(
    "PUSHGATE_BODY_LIMIT_BYTES",
    "the largest body; a message of 10 MB needs 13.4 MB as base64",
    "bytes, 1024 to 33554432",
    Some("14680064"),
);
pub(super) const BODIES: Setting = setting(
    "PUSHGATE_BODIES_BYTES",
    "the room for the bodies of all pushes that are worked on at once; more are answered 429",
    "bytes, at least one PUSHGATE_BODY_LIMIT_BYTES",
    Some("268435456"),
);
pub(super) const BODY_TIMEOUT: Setting = setting(
    "PUSHGATE_BODY_TIMEOUT_SECONDS",
    "how long a body may take to arrive",
    "seconds, 1 to 600",
    Some("10"),
);
pub(super) const CONCURRENCY: Setting = setting(
    "PUSHGATE_CONCURRENCY",
    "how many pushes are worked on at once in this process; more are answered 429",
    "a number, 1 to 10000",
    Some("250"),
);
pub(super) const GRACE: Setting = setting(
    "PUSHGATE_GRACE_SECONDS",
    "how long running handlers may take after SIGTERM, asked to stop in the last quarter; Cloud Run kills after 10",
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
    "the certificate authorities trusted for a store with TLS; if unset, the system's",
    "the path of a file with PEM certificates, for an address that begins with rediss",
    None,
);
pub(super) const STORE_TIMEOUT: Setting = setting(
    "PUSHGATE_STORE_TIMEOUT_MILLISECONDS",
    "how long a step in the store may take",
    "milliseconds, 10 to 60000",
    Some("1000"),
);
pub(super) const EMULATOR: Setting = setting(
    "PUBSUB_EMULATOR_HOST",
    "publish dead letters to this emulator instead of Google",
    "HOST:PORT",
    None,
);
pub(super) const FIRESTORE_EMULATOR: Setting = setting(
    "FIRESTORE_EMULATOR_HOST",
    "keep records in this emulator instead of Google's Firestore, if the store is firestore://",
    "HOST:PORT",
    None,
);
pub(super) const LOG: Setting = setting(
    "PUSHGATE_LOG",
    "what is logged, to stderr",
    "a level (error, warn, info, debug, trace) or filter directives",
    Some("info"),
);
pub(super) const LOG_FORMAT: Setting = setting(
    "PUSHGATE_LOG_FORMAT",
    "its format; if unset, json on Cloud Run and text elsewhere",
    "json or text",
    None,
);

const STORE_FORM: &str = if cfg!(all(feature = "redis", feature = "firestore")) {
    "redis://[USER:PASSWORD@]HOST[:PORT][/DB], redis-cluster://[USER:PASSWORD@]HOST[:PORT],…, redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB][?sentinel_username=…&sentinel_password=…], each with TLS as rediss…, firestore://PROJECT[/DATABASE], or memory:[REASON] (one instance, forgotten at its end; on Cloud Run the reason why running a message again is harmless)"
} else if cfg!(feature = "redis") {
    "redis://[USER:PASSWORD@]HOST[:PORT][/DB], redis-cluster://[USER:PASSWORD@]HOST[:PORT],…, redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB][?sentinel_username=…&sentinel_password=…], each with TLS as rediss…, or memory:[REASON] (one instance, forgotten at its end; on Cloud Run the reason why running a message again is harmless)"
} else if cfg!(feature = "firestore") {
    "firestore://PROJECT[/DATABASE], or memory:[REASON] (one instance, forgotten at its end; on Cloud Run the reason why running a message again is harmless)"
} else {
    "memory:[REASON] (one instance, forgotten at its end; on Cloud Run the reason why running a message again is harmless)"
};

/// Everything pushgate reads from the environment, in the order of its documentation.
pub const SETTINGS: [Setting; 21] = [
    PORT,
    PROJECT,
    STORE,
    AUDIENCE,
    CALLERS,
    AUTHENTICATION,
    ISSUER,
    KEYS_URL,
    EMULATOR,
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
