//! Google's *PushConfig* in JSON, and the emulator's reading of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{nullable, object, refuse_unsupported};
use crate::error::ApiError;
use crate::subscription::{OidcToken, PushConfig, PushForm};

const VERSION_ATTRIBUTE: &str = "x-goog-version";

/// Google's *PushConfig* in JSON.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushConfigBody {
    #[serde(default, alias = "push_endpoint", deserialize_with = "nullable")]
    push_endpoint: String,
    #[serde(default, deserialize_with = "nullable")]
    attributes: BTreeMap<String, String>,
    #[serde(
        default,
        alias = "oidc_token",
        deserialize_with = "object",
        skip_serializing_if = "Option::is_none"
    )]
    oidc_token: Option<OidcTokenBody>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OidcTokenBody {
    #[serde(
        default,
        alias = "service_account_email",
        deserialize_with = "nullable"
    )]
    service_account_email: String,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    audience: String,
}

impl PushConfigBody {
    /// Nothing, if it has no endpoint: such a subscription is not pushed (Google, *Subscription*, `pushConfig`).
    pub(super) fn into_config(self) -> Result<Option<PushConfig>, ApiError> {
        const UNSUPPORTED: [(&str, &str); 1] = [("noWrapper", "every push is wrapped")];
        refuse_unsupported("PushConfig", &self.others, &UNSUPPORTED, &["pubsubWrapper"])?;
        for (attribute, version) in &self.attributes {
            check_attribute(attribute, version)?;
        }
        if self.push_endpoint.is_empty() {
            return Ok(None);
        }
        let oidc_token = self.oidc_token.map(|token| OidcToken {
            service_account_email: token.service_account_email,
            audience: Some(token.audience).filter(|audience| !audience.is_empty()),
        });
        Ok(Some(PushConfig {
            endpoint: self.push_endpoint,
            oidc_token,
            form: PushForm::Wrapped,
        }))
    }
}

/// The format of pushes is the only attribute, and `v1beta2` means `v1` (Google, *PushConfig*, `attributes`).
fn check_attribute(attribute: &str, version: &str) -> Result<(), ApiError> {
    match (attribute, version) {
        (VERSION_ATTRIBUTE, "v1" | "v1beta2") => Ok(()),
        (VERSION_ATTRIBUTE, "v1beta1") => Err(ApiError::unimplemented(
            "The emulator pushes in the format v1 only",
        )),
        (VERSION_ATTRIBUTE, _) => Err(ApiError::invalid("x-goog-version must be v1")),
        _ => Err(ApiError::invalid(format!(
            "PushConfig has no attribute {attribute:?}"
        ))),
    }
}

impl From<PushConfig> for PushConfigBody {
    fn from(config: PushConfig) -> Self {
        let version = (VERSION_ATTRIBUTE.to_owned(), "v1".to_owned());
        Self {
            push_endpoint: config.endpoint,
            attributes: BTreeMap::from([version]),
            oidc_token: config.oidc_token.map(|token| OidcTokenBody {
                service_account_email: token.service_account_email,
                audience: token.audience.unwrap_or_default(),
            }),
            others: BTreeMap::new(),
        }
    }
}
