//! Checks of the environment. The emulator is not a Pub/Sub for production: it has no passwords, and signs tokens for every
//! client that reaches it.
//!
//! Loopback is harmless everywhere, as for tests in a pod or in a job. An address that others reach needs a flag, and the
//! error names a platform of production. Credentials in the environment are allowed: laptops have them, and the emulator
//! reads none.

use std::net::SocketAddr;

use emulator::StartError;

/// Variables of platforms, with their names (Google, *Container runtime contract*; Kubernetes sets its own in every pod).
const PLATFORMS: [(&str, &str); 3] = [
    ("K_SERVICE", "Cloud Run"),
    ("CLOUD_RUN_JOB", "Cloud Run"),
    ("KUBERNETES_SERVICE_HOST", "Kubernetes"),
];

/// The reason for which the command does not start.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error(
        "--host-port {address} can be reached by other machines, and this seems to be {platform} ({variable} is set): the \
         emulator has no passwords, signs tokens for every client and must not hold production messages. Use Pub/Sub \
         itself there, listen on 127.0.0.1, or, if this is a test environment, set --allow-remote"
    )]
    Production {
        address: SocketAddr,
        platform: &'static str,
        variable: &'static str,
    },
    #[error(
        "--host-port {0} can be reached by other machines: the emulator has no passwords and signs tokens for \
         every client. Listen on 127.0.0.1, or set --allow-remote"
    )]
    Remote(SocketAddr),
    #[error(
        "--host-port {0} is taken, perhaps by another emulator: stop that one, or choose another port; port 0 takes a free one"
    )]
    Taken(SocketAddr),
    #[error("--host-port {0} is no address of this machine")]
    Elsewhere(SocketAddr),
}

/// The environment of the command.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    platform: Option<(&'static str, &'static str)>,
}

impl Place {
    /// Detects the platform; `is_set` is true for variables that are set.
    pub(crate) fn of(is_set: impl Fn(&str) -> bool) -> Self {
        let mut platforms = PLATFORMS.into_iter();
        Self {
            platform: platforms.find(|(variable, _)| is_set(variable)),
        }
    }

    /// Rejects an address that others reach, unless it is allowed.
    pub(crate) fn check(self, address: SocketAddr, allow_remote: bool) -> Result<(), Rejection> {
        if allow_remote || address.ip().is_loopback() {
            return Ok(());
        }
        Err(match self.platform {
            Some((variable, platform)) => Rejection::Production {
                address,
                platform,
                variable,
            },
            None => Rejection::Remote(address),
        })
    }
}

impl Rejection {
    /// Returns the error in terms of the flags, if they caused it.
    pub(crate) fn of(error: &StartError) -> Option<Self> {
        use std::io::ErrorKind::{AddrInUse, AddrNotAvailable};
        match error {
            StartError::Listen { address, source } if source.kind() == AddrInUse => {
                Some(Self::Taken(*address))
            }
            StartError::Listen { address, source } if source.kind() == AddrNotAvailable => {
                Some(Self::Elsewhere(*address))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[&str], address: &str, allow_remote: bool, words: Option<&str>) {
        let place = Place::of(|name| variables.contains(&name));
        let rejection = place.check(address.parse().unwrap(), allow_remote).err();
        let rejection = rejection.map(|rejection| rejection.to_string());
        let is_expected = match (&rejection, words) {
            (None, None) => true,
            (Some(rejection), Some(words)) => rejection.contains(words),
            _ => false,
        };
        assert!(is_expected, "{variables:?} {address}: {rejection:?}");
    }

    #[test]
    fn only_addresses_that_others_reach_are_rejected() {
        check(&[], "127.0.0.1:1", false, None);
        check(&[], "[::1]:1", false, None);
        check(&["K_SERVICE"], "127.0.0.1:1", false, None);
        check(&[], "0.0.0.0:1", false, Some("--allow-remote"));
        check(
            &["K_SERVICE"],
            "0.0.0.0:1",
            false,
            Some("seems to be Cloud Run (K_SERVICE"),
        );
        let pod = ["KUBERNETES_SERVICE_HOST"];
        check(&pod, "10.0.0.1:1", false, Some("seems to be Kubernetes"));
        check(&pod, "10.0.0.1:1", true, None);
    }
}
