//! The settings, from the environment.

mod deployment;
pub(crate) mod metadata;
mod reader;
#[cfg(feature = "redis")]
mod redis;
mod settings;
mod telemetry;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::Url;

pub(crate) use self::deployment::{Deployment, deployment_faults};
use self::reader::Reader;
pub(crate) use self::reader::pubsub_emulator;
use self::settings::PAUSED;
pub use self::settings::{SETTINGS, Setting};
use crate::dedup::StoreSetting;
use crate::environment::Environment;
use crate::push::authentication::Mode;
use crate::subscriber::Subscriber;
use crate::telemetry::{self as logs, export::Exporters};

/// The effective settings of a service.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) project: String,
    pub(crate) store: StoreSetting,
    /// The accepted audiences; several while one replaces another.
    pub(crate) audiences: Vec<String>,
    pub(crate) callers: Vec<String>,
    /// The accounts that may read the status.
    pub(crate) operators: Vec<String>,
    /// The ids of the subscriptions whose pushes are answered 503.
    pub(crate) paused: Vec<String>,
    pub(crate) authentication: Mode,
    pub(crate) issuer: String,
    pub(crate) keys_url: Url,
    pub(crate) pubsub_emulator: Option<String>,
    pub(crate) concurrency: usize,
    pub(crate) grace: Duration,
    pub(crate) body_limit_bytes: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) bodies_bytes: usize,
    pub(crate) token_leeway: Duration,
    pub(crate) store_timeout: Duration,
    pub(crate) exporters: Exporters,
    pub(crate) environment: Environment,
}

/// The faults of all settings.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} invalid settings:\n{}", .faults.len(), .faults.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    faults: Vec<Fault>,
}

/// The fault of one setting.
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
    /// All faults, each with the variable, its value and the expected form.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            environment,
            faults: Vec::new(),
        };
        let config = reader.config();
        reader.check_encoding();
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

    /// Returns the name, the effective value and the source of each setting. Passwords are masked.
    pub(crate) fn effective(&self) -> Vec<(&'static str, String, &'static str)> {
        let shown = |setting: &Setting| {
            let value = match (setting.name, self.environment.get(setting.name)) {
                ("GOOGLE_CLOUD_PROJECT", _) => self.project.clone(),
                ("PUSHGATE_LOG_FORMAT", _) if logs::wants_json(&self.environment) => "json".into(),
                ("PUSHGATE_LOG_FORMAT", _) => "text".into(),
                ("PUSHGATE_STORE", _) => self.store.to_string(),
                ("PUSHGATE_STORE_PASSWORD", Some(_)) => "***".into(),
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

    /// Checks that all paused subscriptions are declared, and warns of each.
    pub(crate) fn check_paused(&self, declared: &[Subscriber]) -> Result<(), ConfigError> {
        let declared: Vec<_> = declared.iter().map(|one| one.id.as_str()).collect();
        let is_unknown = |id: &&String| !declared.contains(&id.as_str());
        let fault = |id: &String| Fault {
            name: PAUSED.name,
            found: format!("contains {id:?}, which is not declared"),
            expected: format!("some of {}", declared.join(", ")),
        };
        let faults: Vec<_> = self.paused.iter().filter(is_unknown).map(fault).collect();
        if !faults.is_empty() {
            return Err(ConfigError { faults });
        }
        for id in &self.paused {
            tracing::warn!(
                subscription = id,
                "{} names this subscription: its pushes are answered 503, and each uses up a delivery attempt, after the last of which Pub/Sub dead-letters the message",
                PAUSED.name
            );
        }
        Ok(())
    }

    /// Returns the name of this service on Cloud Run.
    pub(crate) fn cloud_run_service(&self) -> Option<&str> {
        self.environment.get("K_SERVICE")
    }

    /// Returns the variables that begin with `PUSHGATE_` and are not settings: they are probably misspelt.
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

/// Returns a URL without its password and its query. A URL without a host is hidden.
fn masked(url: &Url) -> String {
    let Some(host) = url.host_str() else {
        return "(hidden)".into();
    };
    let user = match (url.username(), url.password()) {
        ("", None) => String::new(),
        (user, None) => format!("{user}@"),
        (user, Some(_)) => format!("{user}:***@"),
    };
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}://{user}{host}{port}{}", url.scheme(), url.path())
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
    fn all_but_four_settings_have_defaults() {
        let config = read(&[]).expect("enough");
        assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(config.body_limit_bytes, 14 * 1024 * 1024);
        assert_eq!(config.grace.as_secs(), 8);
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
            "5 invalid settings",
            "PORT is \"eighty\", expected a port",
            "GOOGLE_CLOUD_PROJECT is not set",
            "PUSHGATE_STORE is not set",
            "PUSHGATE_AUDIENCE is not set",
            "PUSHGATE_CALLERS contains \"me\", which is no e-mail, expected e-mails as in tokens",
        ] {
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn each_wrong_value_is_refused() {
        for (name, value) in [
            ("PORT", "65536"),
            ("GOOGLE_CLOUD_PROJECT", "a/b"),
            ("PUSHGATE_CALLERS", "serviceAccount:push@shop.example"),
            ("PUSHGATE_CALLERS", "push@shop.example,Push@shop.example"),
            ("PUSHGATE_AUDIENCE", "push.example.com"),
            ("PUSHGATE_ISSUER", "accounts.google.com/"),
            ("PUSHGATE_AUTHENTICATION", "none"),
            ("PUSHGATE_AUDIENCE", " , "),
            ("PUSHGATE_ISSUER", "https://issuer.example.com"),
            ("PUSHGATE_STORE", "mysql://db"),
            ("PUSHGATE_STORE", "firestore://"),
            ("PUSHGATE_STORE", "firestore://a b/c"),
            ("FIRESTORE_EMULATOR_HOST", "http://localhost:8080"),
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
    fn memory_on_cloud_run_needs_a_reason() {
        let on_cloud_run = |store| read(&[("K_SERVICE", "orders"), ("PUSHGATE_STORE", store)]);
        for store in ["memory:", "memory", "memory: "] {
            let error = on_cloud_run(store).expect_err(store).to_string();
            assert!(error.contains("write memory:REASON"), "{error}");
        }
        assert!(on_cloud_run("memory:handlers only read").is_ok());
        assert!(read(&[("K_SERVICE", ""), ("PUSHGATE_STORE", "memory:")]).is_ok());
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

    #[test]
    fn a_misspelt_setting_is_noticed() {
        assert_eq!(
            read(&[("PUSHGATE_CALLER", "x")]).expect("read").unknown(),
            ["PUSHGATE_CALLER"]
        );
    }
}
