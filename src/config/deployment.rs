//! Settings that a deployment gives a service elsewhere: read as that service would read them, as far as they are known here.

use std::collections::{BTreeMap, BTreeSet};

use super::Config;
use super::reader::left_out;
use super::settings::{
    BODIES, BODY_LIMIT, KEYS_URL, PROJECT, STORE, STORE_CA_FILE, STORE_PASSWORD,
};
use crate::environment::Environment;

/// What a deployment sets.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) known: BTreeMap<String, String>,
    /// Set to what is not known: a secret's, or not yet.
    pub(crate) unknown: BTreeSet<String>,
    /// Set to what must not be shown.
    pub(crate) hidden: BTreeSet<String>,
}

/// Each setting that the service would refuse to start with, and what is wrong with it: without the value where that may be secret.
pub(crate) fn unreadable(given: &Given) -> Vec<(&'static str, String)> {
    let Err(error) = Config::read(&environment(given)) else {
        return Vec::new();
    };
    let faults = error
        .faults
        .into_iter()
        .filter(|fault| is_certain(given, fault.name));
    faults
        .map(|fault| {
            let is_secret = given.hidden.contains(fault.name)
                || [KEYS_URL.name, STORE_PASSWORD.name].contains(&fault.name);
            let is_set = given
                .known
                .get(fault.name)
                .is_some_and(|value| !value.is_empty());
            let told = if is_secret && is_set {
                format!("{} is (hidden), expected {}", fault.name, fault.expected)
            } else {
                fault.to_string()
            };
            (fault.name, told)
        })
        .collect()
}

/// The file of certificates is in the service's image or volumes, and not here.
fn environment(given: &Given) -> Environment {
    let known = given.known.iter();
    let known = known.filter(|(name, _)| *name != STORE_CA_FILE.name);
    let mut all: BTreeMap<&str, &str> = known.map(|(name, value)| (&**name, &**value)).collect();
    if given.unknown.contains(STORE_PASSWORD.name) {
        // A user of the store's address needs some password.
        all.insert(STORE_PASSWORD.name, "unknown");
    }
    all.into_iter().collect()
}

/// Whether what is not known here cannot have made this fault.
fn is_certain(given: &Given, name: &str) -> bool {
    let is_unknown = |name: &str| given.unknown.contains(name);
    let value = given.known.get(name).map_or("", String::as_str);
    let rests_on_unknown = is_unknown(name) || name == BODIES.name && is_unknown(BODY_LIMIT.name);
    // The metadata server knows the project.
    let is_asked = name == PROJECT.name && value.is_empty();
    // The image may be built with other features than this program.
    let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_of_image = name == STORE.name && left_out(scheme).is_some();
    !(rests_on_unknown || is_asked || is_of_image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where the needed settings are changed so; `None` makes one unknown.
    fn check(changes: &[(&str, Option<&str>)], hidden: &[&str], expected: &[&str]) {
        let mut given = Given::default();
        for (name, value) in [
            ("PUSHGATE_STORE", Some("firestore://shop")),
            ("PUSHGATE_AUDIENCE", Some("https://push.example.com")),
            (
                "PUSHGATE_CALLERS",
                Some("push@shop.iam.gserviceaccount.com"),
            ),
        ]
        .iter()
        .chain(changes)
        {
            given.known.remove(*name);
            match value {
                Some(value) => drop(given.known.insert((*name).into(), (*value).into())),
                None => drop(given.unknown.insert((*name).into())),
            }
        }
        given.hidden = hidden.iter().map(|name| (*name).into()).collect();
        let found = unreadable(&given);
        assert_eq!(found.len(), expected.len(), "{changes:?}: {found:?}");
        for ((_, found), expected) in found.iter().zip(expected) {
            assert!(
                found.contains(expected) && !found.contains("hush"),
                "{found}"
            );
        }
    }

    #[test]
    fn what_the_service_would_refuse_is_found() {
        check(&[], &[], &[]);
        check(
            &[("PUSHGATE_AUTHENTICATION", Some("verfiy"))],
            &[],
            &["PUSHGATE_AUTHENTICATION is \"verfiy\", expected verify or platform"],
        );
        check(
            &[("PUSHGATE_STORE", Some("mongodb://app:hush@x"))],
            &[],
            &["PUSHGATE_STORE "],
        );
        check(
            &[("PUSHGATE_CALLERS", Some("")), ("PUSHGATE_AUDIENCE", None)],
            &[],
            &["PUSHGATE_CALLERS is not set"],
        );
        check(
            &[("PUSHGATE_CALLERS", Some("serviceAccount:push@shop.example"))],
            &[],
            &[
                "PUSHGATE_CALLERS holds \"serviceAccount:push@shop.example\", which is written as a member of an IAM policy",
            ],
        );
        check(
            &[("PUSHGATE_KEYS_URL", Some("http://app:hush@x/keys"))],
            &[],
            &["PUSHGATE_KEYS_URL is (hidden), expected an https URL"],
        );
        check(
            &[("PUSHGATE_LOG_FORMAT", Some("hush"))],
            &["PUSHGATE_LOG_FORMAT"],
            &["PUSHGATE_LOG_FORMAT is (hidden)"],
        );
    }

    #[test]
    fn what_is_not_known_is_no_fault() {
        for changes in [
            [("PUSHGATE_CONCURRENCY", None), ("PUSHGATE_STORE", None)],
            [
                ("PUSHGATE_STORE", Some("redis://app@h")),
                ("PUSHGATE_STORE_PASSWORD", None),
            ],
            [
                ("PUSHGATE_STORE", Some("rediss://h")),
                ("PUSHGATE_STORE_CA_FILE", Some("/nowhere/ca.pem")),
            ],
            [
                ("PUSHGATE_BODIES_BYTES", Some("2000")),
                ("PUSHGATE_BODY_LIMIT_BYTES", None),
            ],
            [
                ("PUSHGATE_ISSUER", Some("https://issuer.example.com")),
                ("PUSHGATE_KEYS_URL", None),
            ],
        ] {
            check(&changes, &[], &[]);
        }
    }
}
