//! Google's *PushConfig*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PushConfig as PushConfigMessage;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::{
    AuthenticationMethod, NoWrapper, OidcToken as OidcTokenMessage, Wrapper,
};

use crate::error::ApiError;
use crate::resources::subscription::{OidcToken, PushConfig, PushForm};

/// Returns the push settings, or `None` without an endpoint (Google, *Subscription*, `pushConfig`).
///
/// # Errors
/// If it has an unknown attribute, or settings of an endpoint without an endpoint.
pub(crate) fn push_config_from(config: PushConfigMessage) -> Result<Option<PushConfig>, ApiError> {
    let no_wrapper = match config.wrapper {
        Some(Wrapper::NoWrapper(NoWrapper { write_metadata })) => Some(write_metadata),
        Some(Wrapper::PubsubWrapper(_)) | None => None,
    };
    let attributes = config.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.as_str(), value.as_str()));
    let form = PushForm::declared(no_wrapper, attributes)?;
    if config.push_endpoint.is_empty() {
        return without_endpoint(&config, form).map(|()| None);
    }
    let oidc_token = config.authentication_method.map(|method| {
        let AuthenticationMethod::OidcToken(token) = method;
        OidcToken {
            service_account_email: token.service_account_email,
            audience: Some(token.audience).filter(|audience| !audience.is_empty()),
        }
    });
    Ok(Some(PushConfig {
        endpoint: config.push_endpoint,
        oidc_token,
        form,
    }))
}

fn without_endpoint(config: &PushConfigMessage, form: PushForm) -> Result<(), ApiError> {
    let setting = match (&config.authentication_method, form) {
        (Some(AuthenticationMethod::OidcToken(_)), _) => "oidcToken",
        (None, PushForm::Unwrapped { .. }) => "noWrapper",
        (None, PushForm::Eventarc) => "the attribute pushgate-form",
        (None, PushForm::Wrapped | PushForm::WrappedV1Beta1) => return Ok(()),
    };
    Err(ApiError::invalid(format!(
        "pushConfig has {setting} and no pushEndpoint: nothing is pushed, and the setting would be lost"
    )))
}

pub(crate) fn push_config_to(config: PushConfig) -> PushConfigMessage {
    let wrapper = match config.form {
        PushForm::Unwrapped { write_metadata } => {
            Some(Wrapper::NoWrapper(NoWrapper { write_metadata }))
        }
        PushForm::Wrapped | PushForm::WrappedV1Beta1 | PushForm::Eventarc => None,
    };
    let attributes = config.form.attributes().iter();
    let attributes = attributes.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let token = config.oidc_token.map(|token| {
        AuthenticationMethod::OidcToken(OidcTokenMessage {
            service_account_email: token.service_account_email,
            audience: token.audience.unwrap_or_default(),
        })
    });
    PushConfigMessage {
        push_endpoint: config.endpoint,
        attributes: attributes.collect(),
        authentication_method: token,
        wrapper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::push_config::PubsubWrapper;

    fn check(attributes: &[(&str, &str)], wrapper: Option<Wrapper>, expected: Option<PushForm>) {
        let owned = attributes.iter();
        let owned = owned.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = PushConfigMessage {
            push_endpoint: "http://localhost/".to_owned(),
            attributes: owned.collect(),
            authentication_method: None,
            wrapper,
        };
        let found = push_config_from(config).ok().flatten();
        assert_eq!(found.map(|config| config.form), expected, "{attributes:?}");
    }

    #[test]
    fn forms_of_a_push() {
        let unwrapped = |write_metadata| Some(Wrapper::NoWrapper(NoWrapper { write_metadata }));
        let (v1, v1beta1) = (("x-goog-version", "v1"), ("x-goog-version", "v1beta1"));
        let eventarc = ("pushgate-form", "eventarc");
        check(&[], None, Some(PushForm::Wrapped));
        check(&[v1], None, Some(PushForm::Wrapped));
        check(
            &[("x-goog-version", "v1beta2")],
            None,
            Some(PushForm::Wrapped),
        );
        check(&[v1beta1], None, Some(PushForm::WrappedV1Beta1));
        check(&[("x-goog-version", "v2")], None, None);
        check(&[eventarc], None, Some(PushForm::Eventarc));
        check(&[v1, eventarc], None, Some(PushForm::Eventarc));
        check(&[v1beta1, eventarc], None, None);
        check(&[eventarc], unwrapped(true), None);
        check(&[("pushgate-form", "wrapped")], None, None);
        check(&[("form", "eventarc")], None, None);
        let wrapped = Some(Wrapper::PubsubWrapper(PubsubWrapper {}));
        check(&[], wrapped, Some(PushForm::Wrapped));
        for write_metadata in [false, true] {
            let form = Some(PushForm::Unwrapped { write_metadata });
            check(&[v1], unwrapped(write_metadata), form);
        }
    }

    #[test]
    fn a_push_config_is_shown_as_it_was_declared() {
        let config = PushConfig::new("http://localhost/");
        for config in [
            config.clone(),
            config.clone().signed_as("push@shop.example", Some("me")),
            config.clone().signed_as("push@shop.example", None),
            config.clone().eventarc(),
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
        let version = ("x-goog-version".to_owned(), "v1".to_owned());
        let version = PushConfigMessage {
            attributes: [version].into(),
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
            (config.clone().eventarc(), "pushgate-form"),
            (config.unwrapped(false), "noWrapper"),
        ] {
            let mut lost = push_config_to(config);
            lost.push_endpoint.clear();
            let rejected = push_config_from(lost).unwrap_err().to_string();
            assert!(rejected.contains(setting), "{rejected}");
        }
    }
}
