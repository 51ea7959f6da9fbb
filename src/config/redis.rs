//! The address of Redis: a URL, its password and its certificates.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::reader::Reader;
use super::settings::{STORE, STORE_CA_FILE, STORE_PASSWORD};
use crate::dedup::{RedisAddress, RedisAddressError};
use crate::loggable::encoding::utf8;

impl Reader<'_> {
    /// Reads the address with its password and certificates.
    pub(super) fn redis(&mut self, url: &str) -> Option<RedisAddress> {
        let mut address: RedisAddress = url
            .parse()
            .or_else(|error: RedisAddressError| self.fault(&STORE, error.to_string()).ok_or(()))
            .ok()?;
        if let Some(password) = self.environment.get(STORE_PASSWORD.name) {
            let Ok(completed) = address.with_password(password) else {
                let found = format!("is set, although {} has a password", STORE.name);
                return self.fault(&STORE_PASSWORD, found);
            };
            address = completed;
        }
        if let Some(path) = self.environment.get(STORE_CA_FILE.name) {
            let trusting = certificates(path).and_then(|authorities| {
                let is_trusting = address.trusting(authorities);
                is_trusting.map_err(|_| format!("is set, although {} is without TLS", STORE.name))
            });
            match trusting {
                Ok(trusting) => address = trusting,
                Err(found) => return self.fault(&STORE_CA_FILE, found),
            }
        }
        address
            .complete()
            .or_else(|error| self.fault(&STORE, error.to_string()).ok_or(()))
            .ok()
    }
}

fn certificates(path: &str) -> Result<Vec<u8>, String> {
    let unreadable =
        |error: &dyn std::error::Error| format!("is {path:?}, which cannot be read: {error}");
    let file = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let pem = utf8(&file).map_err(|error| unreadable(&error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(pem.to_vec()),
        _ => Err(format!("is {path:?}, a file without a PEM certificate")),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::environment::Environment;

    /// Returns the settings as text, or their faults.
    fn read(changes: &[(&str, &str)]) -> Result<String, String> {
        let needed = [
            ("GOOGLE_CLOUD_PROJECT", "shop"),
            ("PUSHGATE_AUDIENCE", "https://push.example.com"),
            ("PUSHGATE_CALLERS", "push@shop.iam.gserviceaccount.com"),
        ];
        let environment: Environment = needed.iter().chain(changes).copied().collect();
        let config = Config::read(&environment).map_err(|error| error.to_string())?;
        Ok(format!("{config:?} {:?}", config.effective()))
    }

    #[test]
    fn a_password_is_never_shown() {
        for (changes, expected) in [
            (
                &[("PUSHGATE_STORE", "redis://app:hush@redis.internal:6379/0")][..],
                "redis://app:***@redis.internal:6379/0",
            ),
            (
                &[
                    (
                        "PUSHGATE_STORE",
                        "redis-sentinel://app@s/main?sentinel_password=hush",
                    ),
                    ("PUSHGATE_STORE_PASSWORD", "hush"),
                ],
                "redis-sentinel://app:***@s:26379/main?sentinel_password=***",
            ),
        ] {
            let shown = read(changes).expect("a store");
            assert!(
                !shown.contains("hush") && shown.contains(expected),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_fault_of_a_store_is_named_without_its_passwords() {
        let store = |url| [("PUSHGATE_STORE", url), ("", ""), ("", "")];
        let with = |url, name, value| [("PUSHGATE_STORE", url), (name, value), ("", "")];
        for (changes, expected) in [
            (
                store("mysql://app:hush@db"),
                "PUSHGATE_STORE has the scheme \"mysql\", expected redis://",
            ),
            (
                store("app:hush@host"),
                "PUSHGATE_STORE is not a URL, expected",
            ),
            (
                store("redis:app:hush@host:6379"),
                "PUSHGATE_STORE is not a URL, expected",
            ),
            (
                store("redis://h/hush?password=hush"),
                "PUSHGATE_STORE has a path that is not a database",
            ),
            (
                store("redis://app@h"),
                "PUSHGATE_STORE has a user without a password",
            ),
            (
                with("redis://app:hush@h", "PUSHGATE_STORE_PASSWORD", "hush"),
                "PUSHGATE_STORE_PASSWORD is set, although PUSHGATE_STORE has a password",
            ),
            (
                with("rediss://h", "PUSHGATE_STORE_CA_FILE", "/nowhere/ca.pem"),
                "PUSHGATE_STORE_CA_FILE is \"/nowhere/ca.pem\", which cannot be read",
            ),
            (
                with("rediss://h", "PUSHGATE_STORE_CA_FILE", "Cargo.toml"),
                "PUSHGATE_STORE_CA_FILE is \"Cargo.toml\", a file without a PEM certificate",
            ),
        ] {
            let error = read(&changes).expect_err(expected);
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
