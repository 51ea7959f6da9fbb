//! The actions of the page's buttons.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Console;
use super::form::{Body, Encoding, MessageForm, read};
use super::overview::{subscription_name, topic_name};
use crate::error::ApiError;
use crate::faults::Faults;
use crate::messages::message::MAX_PUBLISH_BYTES;
use crate::strict_json;

pub(super) type Named = Path<(String, String)>;

/// The content of the form for publishing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Publish {
    #[serde(default)]
    data: String,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default, deserialize_with = "strict_json::texts")]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    ordering_key: String,
    #[serde(default = "one")]
    count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Redeliver {
    message_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seek {
    /// The time in RFC 3339.
    time: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn publish(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<Publish>,
) -> Result<Json<Value>, ApiError> {
    let publish = read(body)?;
    let topic = topic_name(&project, &id)?;
    if !(1..=1_000).contains(&publish.count) {
        return Err(ApiError::invalid(format!(
            "count is {}, expected 1 to 1000",
            publish.count
        )));
    }
    let form = MessageForm {
        data: publish.data,
        encoding: publish.encoding,
        attributes: publish.attributes,
        ordering_key: publish.ordering_key,
    };
    let message = form.message()?;
    let size_bytes = message.size_bytes().saturating_mul(publish.count);
    if size_bytes > MAX_PUBLISH_BYTES {
        return Err(ApiError::invalid(format!(
            "The messages have {size_bytes} bytes in all, more than {MAX_PUBLISH_BYTES}"
        )));
    }
    let source = &console.source;
    source.room_to_save().await?;
    let ids = source.publish(&topic, vec![message; publish.count])?;
    source.saved().await?;
    Ok(Json(json!({"messageIds": ids})))
}

pub(super) async fn redeliver(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<Redeliver>,
) -> Result<Json<Value>, ApiError> {
    let name = subscription_name(&project, &id)?;
    console.source.redeliver(&name, &read(body)?.message_id)?;
    done(&console).await
}

pub(super) async fn seek(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<Seek>,
) -> Result<Json<Value>, ApiError> {
    let name = subscription_name(&project, &id)?;
    let time = read(body)?.time;
    let time = OffsetDateTime::parse(&time, &Rfc3339);
    let time =
        time.map_err(|_| ApiError::invalid("time is not a time such as 2030-01-02T03:04:05Z"))?;
    console.source.seek(&name, time)?;
    done(&console).await
}

pub(super) async fn purge(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<Nothing>,
) -> Result<Json<Value>, ApiError> {
    read(body)?;
    console.source.purge(&subscription_name(&project, &id)?)?;
    done(&console).await
}

pub(super) async fn set_faults(
    State(console): State<Console>,
    Path((project, id)): Named,
    body: Body<Faults>,
) -> Result<Json<Value>, ApiError> {
    let name = subscription_name(&project, &id)?;
    console.source.set_faults(&name, read(body)?)?;
    done(&console).await
}

/// Waits until a change is saved, and returns the response.
pub(super) async fn done(console: &Console) -> Result<Json<Value>, ApiError> {
    console.source.saved().await?;
    Ok(Json(json!({})))
}

const fn one() -> usize {
    1
}
