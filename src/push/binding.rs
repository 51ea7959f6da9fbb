//! The callers that may push to each subscription.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::delivery::running_subscriber::RunningSubscriber;
use crate::loggable::excerpt;
use crate::push::authentication::Caller;
use crate::push::forms::Endpoint;
use crate::subscriber::Form;

/// The reason why a push has no subscriber.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindingError {
    #[error(
        "no subscriber is declared for {found:?}, expected one of {known}: check GOOGLE_CLOUD_PROJECT and main.rs"
    )]
    UnknownSubscription { found: String, known: String },
    #[error(
        "caller {found:?} may not push here, expected {expected:?}: check PUSHGATE_CALLERS or .callers(…)"
    )]
    OtherCaller { found: String, expected: String },
    #[error(
        "token of {email:?} is for audience {found:?}, expected {expected:?}: check PUSHGATE_AUDIENCE or .audience(…), and the subscription's push-auth-token-audience"
    )]
    OtherAudience {
        email: String,
        found: String,
        expected: String,
    },
}

/// The defaults of the settings for subscribers that declare none.
pub(crate) struct Defaults<'a> {
    /// The e-mails of the callers.
    pub(crate) callers: &'a [String],
    /// The audiences of their tokens.
    pub(crate) audiences: &'a [String],
    /// The name of the Cloud Run service of this process.
    pub(crate) service: Option<&'a str>,
}

/// A subscriber with the callers that may push to it.
struct Binding {
    subscriber: Arc<RunningSubscriber>,
    /// The e-mails of the callers that may push to it.
    callers: HashSet<String>,
    /// The audiences of the tokens that it accepts.
    audiences: HashSet<String>,
    /// The Cloud Run service of this process, whose URLs are audiences, too: no audience can be declared for Eventarc's tokens.
    own_service: Option<String>,
}

/// All subscribers by the full names of their subscriptions.
pub(crate) struct Bindings {
    /// The project of all subscriptions.
    project: String,
    /// The bindings by the full names of their subscriptions.
    by_name: HashMap<Arc<str>, Binding>,
    /// All pairs of a caller and an audience that are declared.
    callers: HashSet<Caller>,
}

impl Binding {
    fn new(subscriber: Arc<RunningSubscriber>, defaults: &Defaults<'_>) -> Self {
        let declared = &subscriber.declared;
        let or_default = |declared: &[String], default: &[String]| {
            let chosen = if declared.is_empty() {
                default
            } else {
                declared
            };
            chosen.iter().cloned().collect()
        };
        let service = defaults
            .service
            .filter(|_| declared.pushes.form == Form::Eventarc);
        Self {
            callers: or_default(&declared.pushes.callers, defaults.callers),
            audiences: or_default(&declared.pushes.audiences, defaults.audiences),
            own_service: service.map(str::to_owned),
            subscriber,
        }
    }

    /// Returns each pair of a caller and an audience that may push here.
    fn pairs(&self) -> impl Iterator<Item = Caller> + '_ {
        self.callers.iter().flat_map(|email| {
            self.audiences.iter().map(|audience| Caller {
                email: email.clone(),
                audience: audience.clone(),
            })
        })
    }

    /// Returns true if tokens for this audience may push here.
    fn accepts_audience(&self, audience: &str) -> bool {
        let is_url = |service: &String| is_url_of(service, audience);
        self.audiences.contains(audience) || self.own_service.as_ref().is_some_and(is_url)
    }

    /// Returns true if this caller may push here.
    fn allows(&self, caller: &Caller) -> bool {
        self.callers.contains(&caller.email) && self.accepts_audience(&caller.audience)
    }
}

impl Bindings {
    /// Binds the subscribers of this project to their callers.
    pub(crate) fn new(
        subscribers: impl IntoIterator<Item = RunningSubscriber>,
        project: &str,
        defaults: &Defaults<'_>,
    ) -> Self {
        let by_name: HashMap<_, _> = subscribers
            .into_iter()
            .map(|subscriber| {
                let name = Arc::clone(&subscriber.name);
                (name, Binding::new(Arc::new(subscriber), defaults))
            })
            .collect();
        Self {
            project: project.to_owned(),
            callers: by_name.values().flat_map(Binding::pairs).collect(),
            by_name,
        }
    }

    /// Returns the project of all subscriptions.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// Returns a subscriber by the short name of its subscription.
    pub(crate) fn subscriber(&self, id: &str) -> Option<&Arc<RunningSubscriber>> {
        let name = format!("projects/{}/subscriptions/{id}", self.project);
        let binding = self.by_name.get(name.as_str())?;
        Some(&binding.subscriber)
    }

    /// Returns all subscribers.
    pub(crate) fn subscribers(&self) -> impl Iterator<Item = &RunningSubscriber> {
        let bindings = self.by_name.values();
        bindings.map(|binding| binding.subscriber.as_ref())
    }

    /// Returns the endpoint at this path, with its declared subscriber.
    pub(crate) fn endpoint<'a>(&'a self, path: Option<&'a str>) -> Endpoint<'a> {
        let named = path.and_then(|id| {
            let name = format!("projects/{}/subscriptions/{id}", self.project);
            self.by_name.get(name.as_str())
        });
        Endpoint {
            path,
            declared: named
                .map(|Binding { subscriber, .. }| (subscriber.name.as_ref(), &subscriber.declared)),
        }
    }

    /// Verifies that this caller may push to any subscription, before the body is read.
    pub(crate) fn allows(&self, caller: &Caller) -> Result<(), BindingError> {
        let is_bound = |binding: &Binding| binding.allows(caller);
        if self.callers.contains(caller) || self.by_name.values().any(is_bound) {
            return Ok(());
        }
        let distinct = |texts: BTreeSet<&str>| {
            texts
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let of_same_email = self
            .callers
            .iter()
            .filter(|known| known.email == caller.email);
        let audiences: BTreeSet<&str> =
            of_same_email.map(|known| known.audience.as_str()).collect();
        if !audiences.is_empty() {
            return Err(BindingError::OtherAudience {
                email: excerpt(&caller.email),
                found: excerpt(&caller.audience),
                expected: distinct(audiences),
            });
        }
        let expected = distinct(
            self.callers
                .iter()
                .map(|known| known.email.as_str())
                .collect(),
        );
        Err(BindingError::OtherCaller {
            found: excerpt(&caller.email),
            expected,
        })
    }

    /// Returns the subscriber of this subscription, if this caller may push to it.
    pub(crate) fn find(
        &self,
        subscription: &str,
        caller: &Caller,
    ) -> Result<&Arc<RunningSubscriber>, BindingError> {
        let Some(binding) = self.by_name.get(subscription) else {
            let mut known: Vec<&str> = self.by_name.keys().map(AsRef::as_ref).take(20).collect();
            known.sort_unstable();
            return Err(BindingError::UnknownSubscription {
                found: excerpt(subscription),
                known: known.join(", "),
            });
        };
        if !binding.accepts_audience(&caller.audience) {
            return Err(BindingError::OtherAudience {
                email: excerpt(&caller.email),
                found: excerpt(&caller.audience),
                expected: joined(&binding.audiences),
            });
        }
        if !binding.callers.contains(&caller.email) {
            return Err(BindingError::OtherCaller {
                found: excerpt(&caller.email),
                expected: joined(&binding.callers),
            });
        }
        Ok(&binding.subscriber)
    }
}

fn joined(texts: &HashSet<String>) -> String {
    let sorted: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
    sorted.into_iter().collect::<Vec<_>>().join(", ")
}

/// Returns true for the two URLs of a service on Cloud Run (Google, *Cloud Run, deterministic and non-deterministic URLs*):
/// `https://SERVICE-NUMBER.REGION.run.app` and `https://SERVICE-HASH-REGION.a.run.app`. Number and hash are not known
/// here. The e-mail identifies the caller, so a token of that account for a service of the same name in another project is accepted.
fn is_url_of(service: &str, audience: &str) -> bool {
    let url = audience.strip_prefix("https://").unwrap_or_default();
    let rest = url
        .strip_prefix(service)
        .and_then(|rest| rest.strip_prefix('-'));
    let Some((own, domain)) = rest.and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let is_number = !own.is_empty() && own.chars().all(|c| c.is_ascii_digit());
    let is_hash = own
        .split_once('-')
        .is_some_and(|(hash, region)| is_word(hash) && is_word(region));
    let region = domain.strip_suffix(".run.app").unwrap_or_default();
    let is_region = !region.is_empty() && region.split('-').all(is_word);
    is_number && is_region || is_hash && domain == "a.run.app"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_run_service_has_two_urls() {
        for url in [
            "https://shop-gate-123456789012.europe-west1.run.app",
            "https://shop-gate-u5jzw3umja-ew.a.run.app",
        ] {
            assert!(is_url_of("shop-gate", url), "{url}");
        }
        for url in [
            "http://shop-gate-u5jzw3umja-ew.a.run.app",
            "https://other-u5jzw3umja-ew.a.run.app",
            "https://shop-gate-u5jzw3umja-ew.a.run.app.example.com",
            "https://shop-gate-u5jzw3umja-ew.a.run.app/push",
            "https://shop-gate-x-u5jzw3umja-ew.a.run.app",
            "https://shop-gate-12a.europe-west1.run.app",
            "https://shop-gate-123456789012.run.app",
            "https://shop-gate.a.run.app",
            "",
        ] {
            assert!(!is_url_of("shop-gate", url), "{url}");
        }
    }
}
