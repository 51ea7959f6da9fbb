//! Every setting, with its unit and default; the only reader of the environment.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use crate::state::Environment;

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

const PORT: Setting = setting(
    "PORT",
    "where to listen, on all addresses, as Cloud Run asks",
    "a port, 0 to 65535",
    Some("8080"),
);
const PROJECT: Setting = setting(
    "GOOGLE_CLOUD_PROJECT",
    "the project of the subscriptions; unset, the metadata server is asked",
    "a project id",
    None,
);
const STORE: Setting = setting(
    "PUSHGATE_STORE",
    "where handled messages are remembered",
    STORE_FORM,
    None,
);
const AUDIENCE: Setting = setting(
    "PUSHGATE_AUDIENCE",
    "the audience that push tokens must be for",
    "the text set as the subscription's OIDC audience",
    None,
);
const CALLERS: Setting = setting(
    "PUSHGATE_CALLERS",
    "the service accounts allowed to push",
    "e-mails, separated by commas",
    None,
);
const ISSUER: Setting = setting(
    "PUSHGATE_ISSUER",
    "who signs the tokens",
    "the text of the claim iss",
    Some("https://accounts.google.com"),
);
const KEYS_URL: Setting = setting(
    "PUSHGATE_KEYS_URL",
    "where the issuer's keys are",
    "an https URL of a JWKS; http on this machine only",
    Some("https://www.googleapis.com/oauth2/v3/certs"),
);
const LEEWAY: Setting = setting(
    "PUSHGATE_TOKEN_LEEWAY_SECONDS",
    "how far the issuer's clock may be off",
    "seconds, 0 to 60",
    Some("30"),
);
const BODY_LIMIT: Setting = setting(
    "PUSHGATE_BODY_LIMIT_BYTES",
    "the largest body; a message of 10 MB needs 13.4 MB as base64",
    "bytes, 1024 to 33554432",
    Some("14680064"),
);
const BODY_TIMEOUT: Setting = setting(
    "PUSHGATE_BODY_TIMEOUT_SECONDS",
    "how long a body may take to arrive",
    "seconds, 1 to 600",
    Some("10"),
);
const CONCURRENCY: Setting = setting(
    "PUSHGATE_CONCURRENCY",
    "how many pushes are worked on at once in this process; more are answered 429",
    "a number, 1 to 10000",
    Some("250"),
);
const GRACE: Setting = setting(
    "PUSHGATE_GRACE_SECONDS",
    "how long running handlers may take after SIGTERM; Cloud Run kills after 10",
    "seconds, 1 to 600",
    Some("8"),
);
const STORE_TIMEOUT: Setting = setting(
    "PUSHGATE_STORE_TIMEOUT_MILLISECONDS",
    "how long a step in the store may take",
    "milliseconds, 10 to 60000",
    Some("1000"),
);
const EMULATOR: Setting = setting(
    "PUBSUB_EMULATOR_HOST",
    "publish dead letters to this emulator instead of Google",
    "HOST:PORT",
    None,
);
const LOG: Setting = setting(
    "PUSHGATE_LOG",
    "what is logged, to stderr",
    "a level (error, warn, info, debug, trace) or filter directives",
    Some("info"),
);
const LOG_FORMAT: Setting = setting(
    "PUSHGATE_LOG_FORMAT",
    "how: json as Cloud Logging reads it, or text; unset, json on Cloud Run",
    "json or text",
    None,
);

#[cfg(feature = "redis")]
const STORE_FORM: &str = "redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss://… with TLS, or memory: (one instance, forgotten at its end)";
#[cfg(not(feature = "redis"))]
const STORE_FORM: &str = "memory: (one instance, forgotten at its end)";

/// Everything pushgate reads from the environment, in the order of its documentation.
pub const SETTINGS: [Setting; 16] = [
    PORT,
    PROJECT,
    STORE,
    AUDIENCE,
    CALLERS,
    ISSUER,
    KEYS_URL,
    EMULATOR,
    CONCURRENCY,
    GRACE,
    BODY_LIMIT,
    BODY_TIMEOUT,
    LEEWAY,
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

/// The effective settings of a service.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) project: String,
    pub(crate) store: StoreSetting,
    pub(crate) audience: String,
    pub(crate) callers: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) keys_url: Url,
    pub(crate) pubsub_emulator: Option<String>,
    pub(crate) concurrency: usize,
    pub(crate) grace: Duration,
    pub(crate) body_limit_bytes: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) token_leeway: Duration,
    pub(crate) store_timeout: Duration,
    pub(crate) environment: Environment,
}

/// Which store.
#[derive(Clone)]
pub(crate) enum StoreSetting {
    Memory,
    #[cfg(feature = "redis")]
    Redis(Url),
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} of the settings cannot be used:\n{}", .faults.len(), .faults.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    faults: Vec<Fault>,
}

/// One setting that cannot be used.
#[derive(Clone, Debug)]
struct Fault {
    name: &'static str,
    found: String,
    expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}, expected {}",
            self.name, self.found, self.expected
        )
    }
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// All faults together, each with variable, value and expected form.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            environment,
            faults: Vec::new(),
        };
        let config = reader.config();
        match config {
            Some(config) if reader.faults.is_empty() => Ok(config),
            _ => Err(ConfigError {
                faults: reader.faults,
            }),
        }
    }

    /// Listens on the loopback address only, and on any free port if `port` is 0.
    #[must_use]
    pub fn on_loopback(mut self, port: u16) -> Self {
        self.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self
    }

    /// The effective value of each setting, and whether the environment or a default decided it; passwords are masked.
    pub(crate) fn effective(&self) -> Vec<(&'static str, String, &'static str)> {
        let shown = |setting: &Setting| {
            let value = match (setting.name, self.environment.get(setting.name)) {
                ("GOOGLE_CLOUD_PROJECT", _) => self.project.clone(),
                ("PUSHGATE_STORE", _) => self.store.masked(),
                ("PUSHGATE_KEYS_URL", _) => masked(&self.keys_url),
                (_, Some(value)) => value.to_owned(),
                (_, None) => setting.default.unwrap_or("(unset)").to_owned(),
            };
            let source = if self.environment.get(setting.name).is_some() {
                "environment"
            } else {
                "default"
            };
            (setting.name, value, source)
        };
        SETTINGS.iter().map(shown).collect()
    }

    /// Variables that begin like ours but are none: most likely misspelt.
    pub(crate) fn unknown(&self) -> Vec<&str> {
        let is_unknown = |name: &&str| {
            name.starts_with("PUSHGATE_") && SETTINGS.iter().all(|setting| setting.name != *name)
        };
        self.environment
            .0
            .keys()
            .map(String::as_str)
            .filter(is_unknown)
            .collect()
    }
}

impl StoreSetting {
    fn masked(&self) -> String {
        match self {
            Self::Memory => "memory:".into(),
            #[cfg(feature = "redis")]
            Self::Redis(url) => masked(url),
        }
    }
}

impl fmt::Debug for StoreSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

fn masked(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return format!("{}://***", url.scheme());
    }
    url.to_string()
}

struct Reader<'a> {
    environment: &'a Environment,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Reads every setting before it gives up, so that all faults are found.
    fn config(&mut self) -> Option<Config> {
        let port = self
            .number(&PORT, 0, u64::from(u16::MAX))
            .and_then(|port| u16::try_from(port).ok());
        let project = self.read(&PROJECT, |value| {
            is_project(value).then(|| value.to_owned())
        });
        let store = self.read(&STORE, store);
        let audience = self.read(&AUDIENCE, |value| Some(value.to_owned()));
        let callers = self.read(&CALLERS, emails);
        let issuer = self.read(&ISSUER, |value| Some(value.to_owned()));
        let keys_url = self.read(&KEYS_URL, keys_url);
        let pubsub_emulator = self.optional(&EMULATOR, |value| {
            is_host_and_port(value).then(|| value.to_owned())
        });
        let concurrency = self.number(&CONCURRENCY, 1, 10_000);
        let grace = self.number(&GRACE, 1, 600);
        let body_limit = self.number(&BODY_LIMIT, 1024, 32 * 1024 * 1024);
        let body_timeout = self.number(&BODY_TIMEOUT, 1, 600);
        let leeway = self.number(&LEEWAY, 0, 60);
        let store_timeout = self.number(&STORE_TIMEOUT, 10, 60_000);
        Some(Config {
            listen: SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port?)),
            project: project?,
            store: store?,
            audience: audience?,
            callers: callers?,
            issuer: issuer?,
            keys_url: keys_url?,
            pubsub_emulator: pubsub_emulator?,
            concurrency: usize::try_from(concurrency?).ok()?,
            grace: Duration::from_secs(grace?),
            body_limit_bytes: usize::try_from(body_limit?).ok()?,
            body_timeout: Duration::from_secs(body_timeout?),
            token_leeway: Duration::from_secs(leeway?),
            store_timeout: Duration::from_millis(store_timeout?),
            environment: self.environment.clone(),
        })
    }

    fn read<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        match self.environment.get(setting.name).or(setting.default) {
            Some(value) => self.parse(setting, value, parse),
            None => self.fault(setting, "is not set".into()),
        }
    }

    /// `Some(None)` if unset.
    fn optional<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.environment.get(setting.name) {
            Some(value) => self.parse(setting, value, parse).map(Some),
            None => Some(None),
        }
    }

    fn number(&mut self, setting: &Setting, least: u64, most: u64) -> Option<u64> {
        self.read(setting, |value| {
            value
                .parse()
                .ok()
                .filter(|number| (least..=most).contains(number))
        })
    }

    fn parse<T>(
        &mut self,
        setting: &Setting,
        value: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        // A store's URL may hold a password.
        let shown = if setting.name == STORE.name {
            Url::parse(value).map_or("(hidden)".into(), |url| masked(&url))
        } else {
            value.to_owned()
        };
        parse(value).or_else(|| self.fault(setting, format!("is {shown:?}")))
    }

    fn fault<T>(&mut self, setting: &Setting, found: String) -> Option<T> {
        self.faults.push(Fault {
            name: setting.name,
            found,
            expected: format!("{} ({})", setting.form, setting.meaning),
        });
        None
    }
}

fn is_project(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-:.".contains(c))
}

fn store(value: &str) -> Option<StoreSetting> {
    match Url::parse(value).ok()?.scheme() {
        "memory" => Some(StoreSetting::Memory),
        #[cfg(feature = "redis")]
        "redis" | "rediss" => Url::parse(value)
            .ok()
            .filter(Url::has_host)
            .map(StoreSetting::Redis),
        _ => None,
    }
}

fn emails(value: &str) -> Option<Vec<String>> {
    let emails: Vec<String> = value
        .split(',')
        .map(str::trim)
        .filter(|email| !email.is_empty())
        .map(str::to_owned)
        .collect();
    (!emails.is_empty()
        && emails
            .iter()
            .all(|email| email.contains('@') && !email.contains(char::is_whitespace)))
    .then_some(emails)
}

/// Keys that travel in clear text could be anybody's.
fn keys_url(value: &str) -> Option<Url> {
    let url = Url::parse(value).ok()?;
    let is_local = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    (url.scheme() == "https" || url.scheme() == "http" && is_local).then_some(url)
}

fn is_host_and_port(value: &str) -> bool {
    !value.contains("//")
        && value
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [(&str, &str); 4] = [
        ("GOOGLE_CLOUD_PROJECT", "shop"),
        ("PUSHGATE_STORE", "memory:"),
        ("PUSHGATE_AUDIENCE", "https://push.example.com"),
        ("PUSHGATE_CALLERS", "push@shop.iam.gserviceaccount.com"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(&NEEDED.iter().chain(changes).copied().collect())
    }

    #[test]
    fn four_settings_are_needed_and_the_others_have_defaults() {
        let config = read(&[]).expect("enough");
        assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(
            (config.body_limit_bytes, config.grace.as_secs()),
            (14 * 1024 * 1024, 8)
        );
        assert_eq!(
            config.keys_url.as_str(),
            "https://www.googleapis.com/oauth2/v3/certs"
        );
    }

    #[test]
    fn all_faults_are_reported_together() {
        let error = Config::read(&Environment::from_iter([
            ("PORT", "eighty"),
            ("PUSHGATE_CALLERS", "me"),
        ]))
        .expect_err("faults")
        .to_string();
        for expected in [
            "5 of the settings cannot be used",
            "PORT is \"eighty\", expected a port",
            "GOOGLE_CLOUD_PROJECT is not set",
            "PUSHGATE_STORE is not set",
            "PUSHGATE_AUDIENCE is not set",
            "PUSHGATE_CALLERS is \"me\", expected e-mails",
        ] {
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn each_wrong_value_is_refused() {
        for (name, value) in [
            ("PORT", "65536"),
            ("GOOGLE_CLOUD_PROJECT", "a/b"),
            ("PUSHGATE_STORE", "mysql://db"),
            ("PUSHGATE_STORE", "redis"),
            ("PUSHGATE_CALLERS", " , "),
            ("PUSHGATE_KEYS_URL", "http://keys.example.com/certs"),
            ("PUSHGATE_KEYS_URL", "http://localhost.example.com/certs"),
            ("PUSHGATE_TOKEN_LEEWAY_SECONDS", "61"),
            ("PUSHGATE_BODY_LIMIT_BYTES", "10"),
            ("PUSHGATE_CONCURRENCY", "0"),
            ("PUSHGATE_GRACE_SECONDS", "-1"),
            ("PUBSUB_EMULATOR_HOST", "http://localhost:8085"),
        ] {
            let error = read(&[(name, value)]).expect_err(name).to_string();
            assert!(
                error.contains(name) && error.contains("expected"),
                "{error}"
            );
        }
    }

    #[test]
    fn keys_may_come_in_clear_text_from_this_machine_only() {
        for url in [
            "http://127.0.0.1:1/k",
            "http://[::1]:1/k",
            "http://localhost/k",
            "https://issuer.example.com/k",
        ] {
            assert!(read(&[("PUSHGATE_KEYS_URL", url)]).is_ok(), "{url}");
        }
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_password_is_never_shown() {
        let config =
            read(&[("PUSHGATE_STORE", "redis://app:hush@redis.internal:6379/0")]).expect("a store");
        let shown = format!("{config:?} {:?}", config.effective());
        assert!(
            !shown.contains("hush") && shown.contains("redis://app:***@redis.internal:6379/0"),
            "{shown}"
        );
        let error = read(&[("PUSHGATE_STORE", "mysql://app:hush@db")])
            .expect_err("unknown")
            .to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn a_misspelt_setting_is_noticed() {
        assert_eq!(
            read(&[("PUSHGATE_CALLER", "x")]).expect("read").unknown(),
            ["PUSHGATE_CALLER"]
        );
    }
}
