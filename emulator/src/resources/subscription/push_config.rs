//! The endpoint and the form of pushes.

use url::Url;

use crate::error::ApiError;

/// The attribute with the version of the push format (Google, *PushConfig*, `attributes`).
const VERSION: &str = "x-goog-version";
/// The emulator's own attribute: Google's clients, which drop unknown fields, send it.
const FORM: &str = "pushgate-form";
const EVENTARC: &str = "eventarc";

/// The endpoint and the form of pushes (Google, *PushConfig*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushConfig {
    /// An `http` or `https` URL. Google requires `https`; plain `http` is for laptops.
    pub endpoint: String,
    /// The service account of push tokens; without it pushes have none.
    pub oidc_token: Option<OidcToken>,
    /// The form of a push's body.
    pub form: PushForm,
}

/// An attribute of push settings that is not accepted.
#[derive(Debug)]
pub(crate) struct RejectedAttribute {
    pub(crate) attribute: String,
    pub(crate) reason: String,
}

/// The form of a push's body (Google, *PushConfig*, `wrapper` and `attributes`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PushForm {
    /// JSON with the message, in the current format (`x-goog-version` `v1` or `v1beta2`).
    #[default]
    Wrapped,
    /// JSON with the message, in the format of the first beta (`x-goog-version` `v1beta1`).
    WrappedV1Beta1,
    /// A CloudEvent in binary mode, as Eventarc pushes from the subscriptions that it creates (Google, *Eventarc*): JSON with the
    /// message, and the event's attributes as headers `ce-…`. The attribute `pushgate-form` with the value `eventarc`.
    Eventarc,
    /// The data only (`noWrapper`).
    Unwrapped {
        /// True if the message's fields and attributes are sent as headers.
        write_metadata: bool,
    },
}

impl PushConfig {
    /// Creates settings with `endpoint` and without a token.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            oidc_token: None,
            form: PushForm::default(),
        }
    }

    /// Returns the same settings with tokens of the service account `email`. Their audience is `audience`, or the endpoint.
    #[must_use]
    pub fn signed_as(mut self, email: impl Into<String>, audience: Option<&str>) -> Self {
        self.oidc_token = Some(OidcToken {
            service_account_email: email.into(),
            audience: audience.map(str::to_owned),
        });
        self
    }

    /// Returns the same settings without Pub/Sub's wrapper around the data.
    #[must_use]
    pub fn unwrapped(mut self, write_metadata: bool) -> Self {
        self.form = PushForm::Unwrapped { write_metadata };
        self
    }

    /// Returns the same settings with pushes in the form of Eventarc.
    #[must_use]
    pub fn eventarc(mut self) -> Self {
        self.form = PushForm::Eventarc;
        self
    }

    pub(super) fn check(&self) -> Result<(), ApiError> {
        self.url()?;
        match &self.oidc_token {
            Some(token) if token.service_account_email.is_empty() => {
                Err(ApiError::invalid("oidcToken.serviceAccountEmail is empty"))
            }
            _ => Ok(()),
        }
    }

    /// Parses the endpoint. A URL with a user or a password is rejected, since it would be sent as an `Authorization` that
    /// Pub/Sub does not send. The error does not repeat the URL.
    pub(crate) fn url(&self) -> Result<Url, ApiError> {
        let url = Url::parse(&self.endpoint).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| {
            ApiError::invalid("pushConfig.pushEndpoint is not an http or https URL")
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ApiError::invalid(
                "pushConfig.pushEndpoint has a user or a password: leave out what is before the @",
            ));
        }
        Ok(url)
    }
}

impl PushForm {
    /// Returns the declared form. `no_wrapper` is the `writeMetadata` of an unwrapped push. `v1beta2` is the same as `v1` (Google,
    /// *PushConfig*, `attributes`).
    ///
    /// # Errors
    /// If an attribute is unknown, has an unknown value, or contradicts another setting.
    pub(crate) fn declared<'a>(
        no_wrapper: Option<bool>,
        attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RejectedAttribute> {
        let unwrapped = no_wrapper.map(|write_metadata| Self::Unwrapped { write_metadata });
        let mut form = unwrapped.unwrap_or_default();
        for (attribute, value) in attributes {
            form = match (attribute, value, form) {
                (VERSION, "v1" | "v1beta2", form) => form,
                (VERSION, "v1beta1", Self::Wrapped) => Self::WrappedV1Beta1,
                (FORM, EVENTARC, Self::Wrapped) => Self::Eventarc,
                (_, found, _) => return Err(RejectedAttribute::of(attribute, found)),
            };
        }
        Ok(form)
    }

    /// Returns the attributes that declare this form.
    pub(crate) fn attributes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Wrapped | Self::Unwrapped { .. } => &[(VERSION, "v1")],
            Self::WrappedV1Beta1 => &[(VERSION, "v1beta1")],
            Self::Eventarc => &[(VERSION, "v1"), (FORM, EVENTARC)],
        }
    }
}

impl RejectedAttribute {
    fn of(attribute: &str, found: &str) -> Self {
        let reason = match attribute {
            VERSION => format!(
                "{VERSION} is {found:?}, expected v1, or v1beta1 without noWrapper and {FORM}"
            ),
            FORM => format!(
                "{FORM} is {found:?}, expected {EVENTARC}, without noWrapper and {VERSION} v1beta1"
            ),
            _ => format!(
                "unknown attribute {attribute:?} of pushConfig, expected {VERSION} or {FORM}"
            ),
        };
        Self {
            attribute: attribute.to_owned(),
            reason,
        }
    }
}

impl From<RejectedAttribute> for ApiError {
    fn from(rejected: RejectedAttribute) -> Self {
        Self::invalid(rejected.reason)
    }
}

/// The service account of push tokens (Google, *PushConfig.OidcToken*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OidcToken {
    /// The account, which is the claim `email`.
    pub service_account_email: String,
    /// The claim `aud`. Default: the push endpoint, exactly as configured.
    pub audience: Option<String>,
}
