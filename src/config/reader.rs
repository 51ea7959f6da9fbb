//! Parses the settings, and collects their faults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use super::settings::{
    AUDIENCE, AUTHENTICATION, BODIES, BODY_LIMIT, BODY_TIMEOUT, CALLERS, CONCURRENCY,
    FIRESTORE_EMULATOR, GRACE, ISSUER, KEYS_URL, LEEWAY, LOG, LOG_FORMAT, OPERATORS, PAUSED, PORT,
    PROJECT, PUBSUB_EMULATOR, SETTINGS, STORE, STORE_CA_FILE, STORE_PASSWORD, STORE_TIMEOUT,
    Setting,
};
use super::{Config, Fault};
use crate::dedup::StoreSetting;
use crate::environment::Environment;
use crate::environment::is_project_id;
use crate::push::authentication::{Mode, is_google, issuer_fault};
use crate::subscriber::{audience_fault, caller_fault};
use crate::telemetry;

/// A reader of settings.
pub(super) struct Reader<'a> {
    pub(super) environment: &'a Environment,
    pub(super) faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Reads all settings, so that all faults are found. Returns `None` after a fault.
    pub(super) fn config(&mut self) -> Option<Config> {
        let port = self
            .number(&PORT, 0, u64::from(u16::MAX))
            .and_then(|port| u16::try_from(port).ok());
        let project = self.read(&PROJECT, |value| {
            is_project_id(value).then(|| value.to_owned())
        });
        let emulator = self.optional(&FIRESTORE_EMULATOR, host_and_port);
        let store = self.store(emulator.flatten());
        let audiences = self.list(&AUDIENCE, audience_fault);
        let callers = self.list(&CALLERS, caller_fault);
        let operators = self.optional_list(&OPERATORS, caller_fault);
        let paused = self.optional_list(&PAUSED, |_| None);
        let authentication = self.read(&AUTHENTICATION, Mode::parse);
        let issuer = self.read(&ISSUER, |value| {
            issuer_fault(value).is_none().then(|| value.to_owned())
        });
        let keys_url = self.keys_of(issuer.as_deref());
        let pubsub_emulator = self.optional(&PUBSUB_EMULATOR, host_and_port);
        let concurrency = self.number(&CONCURRENCY, 1, 10_000);
        let grace = self.number(&GRACE, 1, 600);
        let body_limit = self.number(&BODY_LIMIT, 1024, 32 * 1024 * 1024);
        let bodies = self.bodies(body_limit);
        let body_timeout = self.number(&BODY_TIMEOUT, 1, 600);
        let leeway = self.number(&LEEWAY, 0, 60);
        let store_timeout = self.number(&STORE_TIMEOUT, 10, 60_000);
        let exporters = self.exporters();
        let _checked = self.read(&LOG, |value| telemetry::filter(value).map(drop));
        let _checked = self.optional(&LOG_FORMAT, |value| telemetry::is_json(value).map(drop));
        Some(Config {
            listen: SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port?)),
            project: project?,
            store: store?,
            audiences: audiences?,
            callers: callers?,
            operators: operators?,
            paused: paused?,
            authentication: authentication?,
            issuer: issuer?,
            keys_url: keys_url?,
            pubsub_emulator: pubsub_emulator?,
            concurrency: usize::try_from(concurrency?).ok()?,
            grace: Duration::from_secs(grace?),
            body_limit_bytes: usize::try_from(body_limit?).ok()?,
            bodies_bytes: usize::try_from(bodies?).ok()?,
            body_timeout: Duration::from_secs(body_timeout?),
            token_leeway: Duration::from_secs(leeway?),
            store_timeout: Duration::from_millis(store_timeout?),
            exporters: exporters?,
            environment: self.environment.clone(),
        })
    }

    /// Reports the settings that are not UTF-8 as such instead of as unset.
    pub(super) fn check_encoding(&mut self) {
        let environment = self.environment;
        for setting in SETTINGS {
            if environment.is_not_utf8(setting.name) {
                self.faults.retain(|fault| fault.name != setting.name);
                let _none: Option<()> = self.fault(&setting, "is not UTF-8".into());
            }
        }
    }

    /// Reads the limit of all bodies, which must have room for the largest one.
    fn bodies(&mut self, largest: Option<u64>) -> Option<u64> {
        let bodies = self.number(&BODIES, 1024, 64 << 30)?;
        match largest {
            Some(largest) if bodies < largest => {
                let found = format!("is {bodies}, less than {} of {largest}", BODY_LIMIT.name);
                self.fault(&BODIES, found)
            }
            _ => Some(bodies),
        }
    }

    /// Reads the URL of the keys. Another issuer than the default one has other keys, so it needs a URL.
    fn keys_of(&mut self, issuer: Option<&str>) -> Option<Url> {
        if !issuer.is_some_and(is_google) && self.environment.get(KEYS_URL.name).is_none() {
            return self.fault(&KEYS_URL, "is not set, although PUSHGATE_ISSUER is".into());
        }
        self.read(&KEYS_URL, keys_url)
    }

    pub(super) fn read<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        match self.environment.get(setting.name).or(setting.default) {
            Some(value) => self.parse(setting, value, parse),
            None => self.fault(setting, "is not set".into()),
        }
    }

    /// Reads an optional setting: `Some(None)` if it is unset.
    pub(super) fn optional<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.environment.get(setting.name) {
            Some(value) => self.parse(setting, value, parse).map(Some),
            None => Some(None),
        }
    }

    /// Reads a list that is not needed.
    fn optional_list(
        &mut self,
        setting: &Setting,
        fault: impl Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<String>> {
        match self.environment.get(setting.name) {
            Some(_) => self.list(setting, fault),
            None => Some(Vec::new()),
        }
    }

    /// Reads a list of items, each of a form that a token can have.
    fn list(
        &mut self,
        setting: &Setting,
        fault: impl Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<String>> {
        let items = self.read(setting, |value| {
            Some(list(value)).filter(|items| !items.is_empty())
        })?;
        let wrong = items.iter().find_map(|item| Some((item, fault(item)?)));
        match wrong {
            Some((item, why)) => self.fault(setting, format!("contains {item:?}, which {why}")),
            None => Some(items),
        }
    }

    pub(super) fn number(&mut self, setting: &Setting, least: u64, most: u64) -> Option<u64> {
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
        parse(value).or_else(|| self.fault(setting, format!("is {value:?}")))
    }

    /// Reads the store. Its faults do not quote the address, since it may contain a password.
    fn store(&mut self, emulator: Option<String>) -> Option<StoreSetting> {
        let _only_of_firestore = &emulator;
        let Some(value) = self.environment.get(STORE.name) else {
            return self.fault(&STORE, "is not set".into());
        };
        if value.starts_with("memory") || value.starts_with("firestore:") {
            for setting in [STORE_PASSWORD, STORE_CA_FILE] {
                if self.environment.get(setting.name).is_some() {
                    return self.fault(&setting, format!("is set, but {} takes none", STORE.name));
                }
            }
        }
        if value == "memory" || value.starts_with("memory:") {
            return self.memory(value.strip_prefix("memory:").unwrap_or_default());
        }
        let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
        let is_scheme = !scheme.contains([':', '@']); // otherwise it may contain a password
        if let Some(feature) = missing_feature(scheme).filter(|_| is_scheme) {
            let found = format!(
                "has the scheme {scheme:?}, which this build does not include: build with --features {feature}"
            );
            return self.fault(&STORE, found);
        }
        #[cfg(feature = "firestore")]
        if let Some(database) = value.strip_prefix("firestore://") {
            return match database.parse() {
                Ok(database) => Some(StoreSetting::Firestore { database, emulator }),
                Err(_) => self.fault(
                    &STORE,
                    "has no PROJECT or PROJECT/DATABASE after firestore://".into(),
                ),
            };
        }
        #[cfg(feature = "redis")]
        return self.redis(value).map(StoreSetting::Redis);
        #[cfg(not(feature = "redis"))]
        self.fault(&STORE, "is not a store of this build".into())
    }

    /// Reads the store in memory. On Cloud Run, which sets `K_SERVICE`, it needs a reason, since instances share no memory.
    fn memory(&mut self, reason: &str) -> Option<StoreSetting> {
        if self.environment.get("K_SERVICE").is_some() && reason.trim().is_empty() {
            let found = "is memory: on Cloud Run (K_SERVICE is set), where each instance remembers only its own messages: write memory:REASON, with the reason that running a message again is harmless";
            return self.fault(&STORE, found.into());
        }
        Some(StoreSetting::Memory)
    }

    pub(super) fn fault<T>(&mut self, setting: &Setting, found: String) -> Option<T> {
        self.faults.push(Fault {
            name: setting.name,
            found,
            expected: format!("{} ({})", setting.form, setting.meaning),
        });
        None
    }
}

/// Returns the feature that a store of this scheme needs, if the build does not include it.
pub(super) fn missing_feature(scheme: &str) -> Option<&'static str> {
    let is_redis = scheme.starts_with("redis");
    match scheme {
        "firestore" if !cfg!(feature = "firestore") => Some("firestore"),
        _ if is_redis && !cfg!(feature = "redis") => Some("redis"),
        _ => None,
    }
}

pub(super) fn list(value: &str) -> Vec<String> {
    let items = value.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Parses the URL of the keys. Clear text is allowed from this machine only, since an attacker could replace the keys.
fn keys_url(value: &str) -> Option<Url> {
    let url = Url::parse(value).ok()?;
    let is_local = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    (url.scheme() == "https" || url.scheme() == "http" && is_local).then_some(url)
}

/// Returns the `HOST:PORT` of the Pub/Sub emulator for a publisher, or the invalid value.
pub(crate) fn pubsub_emulator(environment: &Environment) -> Result<Option<String>, String> {
    let host = environment.get(PUBSUB_EMULATOR.name);
    host.map(|host| host_and_port(host).ok_or_else(|| host.to_owned()))
        .transpose()
}

fn host_and_port(value: &str) -> Option<String> {
    let (host, port) = value.rsplit_once(':')?;
    let is_valid = !value.contains("//") && !host.is_empty() && port.parse::<u16>().is_ok();
    is_valid.then(|| value.to_owned())
}
