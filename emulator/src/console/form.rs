//! A message in a form of the page.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::error::ApiError;
use crate::messages::message::Message;
use crate::strict_json::{self, Object};

/// The body of a request, or the reason for which axum rejected it.
pub(super) type Body<T> = Result<Json<Object<T>>, JsonRejection>;

/// The fields of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MessageForm {
    #[serde(default)]
    pub(super) data: String,
    #[serde(default)]
    pub(super) encoding: Encoding,
    #[serde(default, deserialize_with = "strict_json::texts")]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) ordering_key: String,
}

/// The encoding of `data`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    #[default]
    Text,
    /// Text that must be JSON.
    Json,
    Base64,
}

impl MessageForm {
    /// # Errors
    /// If the data is not in its encoding.
    pub(super) fn message(self) -> Result<Message, ApiError> {
        Ok(Message {
            data: self.encoding.decode(self.data)?,
            attributes: self.attributes,
            ordering_key: self.ordering_key,
        })
    }
}

impl Encoding {
    fn decode(self, data: String) -> Result<Bytes, ApiError> {
        match self {
            Self::Text => Ok(data.into()),
            Self::Json => {
                let read: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&data);
                read.map_err(|error| ApiError::invalid(format!("The data is not JSON: {error}")))?;
                Ok(data.into())
            }
            Self::Base64 => {
                let digits: String = data.split_whitespace().collect();
                let bytes = STANDARD.decode(digits);
                let bytes = bytes.map_err(|error| {
                    ApiError::invalid(format!("The data is not Base64: {error}"))
                })?;
                Ok(bytes.into())
            }
        }
    }
}

/// # Errors
/// If the body is not a valid object.
pub(super) fn read<T>(body: Body<T>) -> Result<T, ApiError> {
    match body {
        Ok(Json(Object(body))) => Ok(body),
        Err(rejection) => Err(ApiError::invalid(rejection.body_text())),
    }
}
