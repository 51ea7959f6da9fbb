//! Google's *PushConfig*.

use std::collections::HashMap;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PushConfig as PushConfigMessage;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::{
    AuthenticationMethod, NoWrapper, OidcToken as OidcTokenMessage, Wrapper,
};

use crate::error::ApiError;
use crate::resources::subscription::{OidcToken, PushConfig, PushForm};

const VERSION_ATTRIBUTE: &str = "x-goog-version";

/// Returns the push settings, or `None` without an endpoint (Google, *Subscription*, `pushConfig`).
///
/// # Errors
/// If it has an unknown attribute, or settings of an endpoint without an endpoint.
pub(crate) fn push_config_from(config: PushConfigMessage) -> Result<Option<PushConfig>, ApiError> {
    let wrapped = wrapped(&config.attributes)?;
    if config.push_endpoint.is_empty() {
        return without_endpoint(&config).map(|()| None);
    }
    let oidc_token = config.authentication_method.map(|method| {
        let AuthenticationMethod::OidcToken(token) = method;
        OidcToken {
            service_account_email: token.service_account_email,
            audience: Some(token.audience).filter(|audience| !audience.is_empty()),
        }
    });
    let form = match config.wrapper {
        Some(Wrapper::NoWrapper(NoWrapper { write_metadata })) => {
            PushForm::Unwrapped { write_metadata }
        }
        Some(Wrapper::PubsubWrapper(_)) | None => wrapped,
    };
    Ok(Some(PushConfig {
        endpoint: config.push_endpoint,
        oidc_token,
        form,
    }))
}

fn without_endpoint(config: &PushConfigMessage) -> Result<(), ApiError> {
    let setting = match (&config.authentication_method, &config.wrapper) {
        (Some(AuthenticationMethod::OidcToken(_)), _) => "oidcToken",
        (None, Some(Wrapper::NoWrapper(_))) => "noWrapper",
        (None, Some(Wrapper::PubsubWrapper(_)) | None) => return Ok(()),
    };
    Err(ApiError::invalid(format!(
        "pushConfig has {setting} and no pushEndpoint: nothing is pushed, and the setting would be lost"
    )))
}

/// Returns the version of the push format, which is the only attribute; `v1beta2` is the same as `v1` (Google,
/// *PushConfig*, `attributes`).
fn wrapped(attributes: &HashMap<String, String>) -> Result<PushForm, ApiError> {
    let mut form = PushForm::Wrapped;
    for (attribute, version) in attributes {
        form = match (attribute.as_str(), version.as_str()) {
            (VERSION_ATTRIBUTE, "v1" | "v1beta2") => PushForm::Wrapped,
            (VERSION_ATTRIBUTE, "v1beta1") => PushForm::WrappedV1Beta1,
            (VERSION_ATTRIBUTE, _) => return Err(ApiError::invalid("x-goog-version must be v1")),
            _ => {
                return Err(ApiError::invalid(format!(
                    "PushConfig has no attribute {attribute:?}"
                )));
            }
        };
    }
    Ok(form)
}

pub(crate) fn push_config_to(config: PushConfig) -> PushConfigMessage {
    let (version, wrapper) = match config.form {
        PushForm::Wrapped => ("v1", None),
        PushForm::WrappedV1Beta1 => ("v1beta1", None),
        PushForm::Unwrapped { write_metadata } => {
            ("v1", Some(Wrapper::NoWrapper(NoWrapper { write_metadata })))
        }
    };
    let token = config.oidc_token.map(|token| {
        AuthenticationMethod::OidcToken(OidcTokenMessage {
            service_account_email: token.service_account_email,
            audience: token.audience.unwrap_or_default(),
        })
    });
    PushConfigMessage {
        push_endpoint: config.endpoint,
        attributes: HashMap::from([(VERSION_ATTRIBUTE.to_owned(), version.to_owned())]),
        authentication_method: token,
        wrapper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::PubsubWrapper;

    fn check(version: Option<&str>, wrapper: Option<Wrapper>, expected: Option<PushForm>) {
        let version = version.map(|version| (VERSION_ATTRIBUTE.to_owned(), version.to_owned()));
        let config = PushConfigMessage {
            push_endpoint: "http://localhost/".to_owned(),
            attributes: HashMap::from_iter(version.clone()),
            authentication_method: None,
            wrapper,
        };
        let found = push_config_from(config).ok().flatten();
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
            let shown = push_config_to(config.clone());
            assert_eq!(push_config_from(shown).unwrap(), Some(config));
        }
    }

    #[test]
    fn without_an_endpoint_nothing_is_pushed() {
        let empty = PushConfigMessage::default();
        assert_eq!(push_config_from(empty.clone()), Ok(None));
        let version = (VERSION_ATTRIBUTE.to_owned(), "v1".to_owned());
        let version = PushConfigMessage {
            attributes: HashMap::from([version]),
            wrapper: Some(Wrapper::PubsubWrapper(PubsubWrapper {})),
            ..empty
        };
        assert_eq!(push_config_from(version), Ok(None));
    }

    #[test]
    fn a_setting_without_an_endpoint_is_rejected() {
        let config = PushConfig::new("http://localhost/");
        for (config, setting) in [
            (
                config.clone().signed_as("push@shop.example", None),
                "oidcToken",
            ),
            (config.unwrapped(false), "noWrapper"),
        ] {
            let mut lost = push_config_to(config);
            lost.push_endpoint.clear();
            let rejected = push_config_from(lost).unwrap_err().to_string();
            assert!(rejected.contains(setting), "{rejected}");
        }
    }
}
