//! Descriptors of Google's messages, for the JSON of REST and for update masks. They are built from a table, since prost's
//! structs have none.

mod iam;
mod pubsub;
mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use prost_types::FileDescriptorProto;

use crate::error::ApiError;

/// The package of topics, subscriptions, snapshots and schemas.
pub(crate) const PUBSUB: &str = "google.pubsub.v1";
/// The package of policies.
pub(crate) const IAM: &str = "google.iam.v1";

/// Fields that are newer than prost's structs, with the reason of their rejection.
const DROPPED: [(&str, &str); 3] = [
    (
        "google.pubsub.v1.Schema.compiled_proto_schema",
        "a schema is read from its definition",
    ),
    (
        "google.pubsub.v1.MessageTransform.compression",
        "it is newer than the emulator's messages, which would lose it",
    ),
    (
        "google.pubsub.v1.BigtableConfig.column_family_mapping",
        "it is newer than the emulator's messages, which would lose it",
    ),
];

static POOL: LazyLock<Result<DescriptorPool, DescriptorError>> = LazyLock::new(pool);

/// Returns a message by its full name.
///
/// # Errors
/// If the table lacks it, which tests exclude.
pub(crate) fn message(full_name: &str) -> Result<MessageDescriptor, ApiError> {
    let pool = POOL.as_ref().map_err(|error| {
        ApiError::internal(format!("the table of messages cannot be built: {error}"))
    })?;
    pool.get_message_by_name(full_name)
        .ok_or_else(|| ApiError::internal(format!("the table of messages has no {full_name}")))
}

/// Returns a message with the fields of `value`, which is of the same type.
///
/// # Errors
/// As `message`.
pub(crate) fn reflect(
    full_name: &str,
    value: &impl prost::Message,
) -> Result<DynamicMessage, ApiError> {
    let mut reflected = DynamicMessage::new(message(full_name)?);
    let same = reflected.transcode_from(value);
    same.map_err(|error| {
        ApiError::internal(format!("{full_name} is not as in the table: {error}"))
    })?;
    Ok(reflected)
}

/// Rejects fields that Google's clients may send and prost's structs would drop.
///
/// # Errors
/// If the request has such a field.
pub(crate) fn reject_dropped(message: &DynamicMessage) -> Result<(), ApiError> {
    for (field, value) in message.fields() {
        let mut dropped = DROPPED.iter();
        if let Some((_, reason)) = dropped.find(|(name, _)| *name == field.full_name()) {
            return Err(ApiError::unimplemented(format!(
                "The emulator does not act upon {}.{}: {reason}",
                field.parent_message().name(),
                field.json_name()
            )));
        }
        let list = value.as_list().unwrap_or_default();
        let mut inner = list.iter().chain([value]).filter_map(Value::as_message);
        inner.try_for_each(reject_dropped)?;
    }
    Ok(())
}

/// Returns the types of *google.protobuf*, which the library provides, and those of the tables.
fn pool() -> Result<DescriptorPool, DescriptorError> {
    let mut pool = DescriptorPool::global();
    let known: Vec<String> = pool.files().map(|file| file.name().to_owned()).collect();
    pool.add_file_descriptor_protos([
        file("google.type", iam::TYPE, &[]),
        file("google.rpc", iam::RPC, &known),
        file(IAM, iam::IAM, &with(&known, "google.type")),
        file(PUBSUB, pubsub::TABLE, &known),
    ])?;
    Ok(pool)
}

fn with(known: &[String], file: &str) -> Vec<String> {
    let mut files = known.to_vec();
    files.push(file.to_owned());
    files
}

fn file(package: &str, table: &str, dependencies: &[String]) -> FileDescriptorProto {
    let (message_type, enum_type) = table::read(table);
    FileDescriptorProto {
        name: Some(package.to_owned()),
        package: Some(package.to_owned()),
        dependency: dependencies.to_vec(),
        message_type,
        enum_type,
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    }
}
