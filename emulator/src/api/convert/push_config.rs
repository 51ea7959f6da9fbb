//! Google's *PushConfig*.

use std::collections::HashMap;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1 as google;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::{
    AuthenticationMethod, NoWrapper, Wrapper,
};

use crate::error::ApiError;
use crate::subscription::{OidcToken, PushConfig, PushForm};

/// The only attribute: the format of what is pushed.
const VERSION: &str = "x-goog-version";

/// Where to push; nowhere without an endpoint, as such a subscription is not pushed (Google, *Subscription*, `pushConfig`).
///
/// # Errors
/// If an attribute is not one of Google's.
pub(in crate::api) fn push_config(
    config: Option<google::PushConfig>,
) -> Result<Option<PushConfig>, ApiError> {
    let Some(config) = config else {
        return Ok(None);
    };
    let form = form(&config)?;
    if config.push_endpoint.is_empty() {
        return Ok(None);
    }
    let oidc_token = config
        .authentication_method
        .map(|AuthenticationMethod::OidcToken(token)| OidcToken {
            service_account_email: token.service_account_email,
            audience: Some(token.audience).filter(|audience| !audience.is_empty()),
        });
    Ok(Some(PushConfig {
        endpoint: config.push_endpoint,
        oidc_token,
        form,
    }))
}

/// `v1beta2` means `v1`, which is the default here, as nothing was ever created by an older version of the API (Google,
/// *PushConfig*, `attributes`).
fn form(config: &google::PushConfig) -> Result<PushForm, ApiError> {
    let mut form = PushForm::Wrapped;
    for (attribute, version) in &config.attributes {
        form = match (attribute.as_str(), version.as_str()) {
            (VERSION, "v1" | "v1beta2") => PushForm::Wrapped,
            (VERSION, "v1beta1") => PushForm::WrappedV1Beta1,
            (VERSION, _) => {
                return Err(ApiError::invalid(
                    "x-goog-version must be v1, v1beta2 or v1beta1",
                ));
            }
            _ => {
                return Err(ApiError::invalid(format!(
                    "PushConfig has no attribute {attribute:?}"
                )));
            }
        };
    }
    Ok(match config.wrapper {
        Some(Wrapper::NoWrapper(NoWrapper { write_metadata })) => {
            PushForm::Unwrapped { write_metadata }
        }
        Some(Wrapper::PubsubWrapper(_)) | None => form,
    })
}

/// What the service shows.
pub(super) fn to_push_config(config: PushConfig) -> google::PushConfig {
    let (version, wrapper) = match config.form {
        PushForm::Wrapped => (Some("v1"), None),
        PushForm::WrappedV1Beta1 => (Some("v1beta1"), None),
        PushForm::Unwrapped { write_metadata } => {
            (None, Some(Wrapper::NoWrapper(NoWrapper { write_metadata })))
        }
    };
    let attribute = version.map(|version| (VERSION.to_owned(), version.to_owned()));
    let token = config.oidc_token.map(|token| {
        AuthenticationMethod::OidcToken(google::push_config::OidcToken {
            service_account_email: token.service_account_email,
            audience: token.audience.unwrap_or_default(),
        })
    });
    google::PushConfig {
        push_endpoint: config.endpoint,
        attributes: HashMap::from_iter(attribute),
        authentication_method: token,
        wrapper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::PubsubWrapper;

    fn check(version: Option<&str>, wrapper: Option<Wrapper>, expected: Option<PushForm>) {
        let version = version.map(|version| (VERSION.to_owned(), version.to_owned()));
        let config = google::PushConfig {
            push_endpoint: "http://localhost/".to_owned(),
            attributes: HashMap::from_iter(version.clone()),
            authentication_method: None,
            wrapper,
        };
        let found = push_config(Some(config)).ok().flatten();
        assert_eq!(found.map(|config| config.form), expected, "{version:?}");
    }

    #[test]
    fn forms_of_a_push() {
        let unwrapped = |write_metadata| Some(Wrapper::NoWrapper(NoWrapper { write_metadata }));
        check(None, None, Some(PushForm::Wrapped));
        check(Some("v1"), None, Some(PushForm::Wrapped));
        check(Some("v1beta2"), None, Some(PushForm::Wrapped));
        check(Some("v1beta1"), None, Some(PushForm::WrappedV1Beta1));
        check(Some("v2"), None, None);
        let wrapped = Some(Wrapper::PubsubWrapper(PubsubWrapper {}));
        check(None, wrapped, Some(PushForm::Wrapped));
        for write_metadata in [false, true] {
            let form = Some(PushForm::Unwrapped { write_metadata });
            check(Some("v1"), unwrapped(write_metadata), form);
        }
    }

    #[test]
    fn a_push_config_is_shown_as_it_was_declared() {
        let config = PushConfig::new("http://localhost/");
        for config in [
            config.clone(),
            config.clone().signed_as("push@shop.example", Some("me")),
            config.clone().signed_as("push@shop.example", None),
            config.unwrapped(true),
        ] {
            let shown = to_push_config(config.clone());
            assert_eq!(push_config(Some(shown)).unwrap(), Some(config));
        }
        let empty = google::PushConfig::default();
        assert_eq!(push_config(Some(empty)).unwrap(), None);
    }
}
