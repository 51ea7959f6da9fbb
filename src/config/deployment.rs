//! The settings of a deployment, checked as the deployed service checks them.

use std::collections::{BTreeMap, BTreeSet};

use super::Config;
use super::reader::missing_feature;
use super::settings::{
    BODIES, BODY_LIMIT, KEYS_URL, PROJECT, STORE, STORE_CA_FILE, STORE_PASSWORD,
};
use crate::environment::Environment;

/// The variables that a deployment sets.
#[derive(Default)]
pub(crate) struct Deployment {
    pub(crate) known: BTreeMap<String, String>,
    /// Variables with an unknown value: a secret, or not known yet.
    pub(crate) unknown: BTreeSet<String>,
    /// Variables with a value that must not be shown.
    pub(crate) hidden: BTreeSet<String>,
}

/// Returns the name and the fault of each setting that stops the start of the service. A value that may be secret is hidden.
pub(crate) fn deployment_faults(deployment: &Deployment) -> Vec<(&'static str, String)> {
    let Err(error) = Config::read(&environment(deployment)) else {
        return Vec::new();
    };
    let faults = error
        .faults
        .into_iter()
        .filter(|fault| is_certain(deployment, fault.name));
    faults
        .map(|fault| {
            let is_secret = deployment.hidden.contains(fault.name)
                || [KEYS_URL.name, STORE_PASSWORD.name].contains(&fault.name);
            let is_set = deployment
                .known
                .get(fault.name)
                .is_some_and(|value| !value.is_empty());
            let text = if is_secret && is_set {
                format!("{} is (hidden), expected {}", fault.name, fault.expected)
            } else {
                fault.to_string()
            };
            (fault.name, text)
        })
        .collect()
}

/// Returns the known variables, without the file of certificates, which is in the service's image or volumes.
fn environment(deployment: &Deployment) -> Environment {
    let known = deployment.known.iter();
    let known = known.filter(|(name, _)| *name != STORE_CA_FILE.name);
    let mut all: BTreeMap<&str, &str> = known.map(|(name, value)| (&**name, &**value)).collect();
    if deployment.unknown.contains(STORE_PASSWORD.name) {
        // A user in the store's address needs a password.
        all.insert(STORE_PASSWORD.name, "unknown");
    }
    all.into_iter().collect()
}

/// Returns true if no unknown value can have caused this fault.
fn is_certain(deployment: &Deployment, name: &str) -> bool {
    let is_unknown = |name: &str| deployment.unknown.contains(name);
    let value = deployment.known.get(name).map_or("", String::as_str);
    let rests_on_unknown = is_unknown(name) || name == BODIES.name && is_unknown(BODY_LIMIT.name);
    // The metadata server has the project.
    let is_completed = name == PROJECT.name && value.is_empty();
    // The image may include other features than this program.
    let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_of_image = name == STORE.name && missing_feature(scheme).is_some();
    !(rests_on_unknown || is_completed || is_of_image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the faults of the required settings with these changes; `None` makes a value unknown.
    fn check(changes: &[(&str, Option<&str>)], hidden: &[&str], expected: &[&str]) {
        let mut deployment = Deployment::default();
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
            deployment.known.remove(*name);
            match value {
                Some(value) => drop(deployment.known.insert((*name).into(), (*value).into())),
                None => drop(deployment.unknown.insert((*name).into())),
            }
        }
        deployment.hidden = hidden.iter().map(|name| (*name).into()).collect();
        let found = deployment_faults(&deployment);
        assert_eq!(found.len(), expected.len(), "{changes:?}: {found:?}");
        for ((_, found), expected) in found.iter().zip(expected) {
            assert!(
                found.contains(expected) && !found.contains("hush"),
                "{found}"
            );
        }
    }

    #[test]
    fn a_setting_that_stops_the_start_is_found() {
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
                "PUSHGATE_CALLERS contains \"serviceAccount:push@shop.example\", which is written as a member of an IAM policy",
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
    fn an_unknown_value_is_not_a_fault() {
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
