//! Reads gRPC requests. A malformed one gets a permanent code, since clients retry `INTERNAL` endlessly.

use std::any::TypeId;
use std::marker::PhantomData;

use axum::body::Bytes;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    CommitSchemaRequest, CreateSchemaRequest, PublishRequest, Subscription, Topic,
    UpdateSubscriptionRequest, UpdateTopicRequest, ValidateMessageRequest, ValidateSchemaRequest,
};
use prost::bytes::Buf;
use prost::{DecodeError, Message};
use prost_reflect::DynamicMessage;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::descriptor::{self, PUBSUB};

/// The most bytes of an attribute's key in an error.
const MAX_KEY_CHARS: usize = 64;
/// Requests whose structs may drop fields that are newer.
const WITH_NEWER_FIELDS: [(TypeId, &str); 8] = [
    (TypeId::of::<Topic>(), "Topic"),
    (TypeId::of::<UpdateTopicRequest>(), "UpdateTopicRequest"),
    (TypeId::of::<Subscription>(), "Subscription"),
    (
        TypeId::of::<UpdateSubscriptionRequest>(),
        "UpdateSubscriptionRequest",
    ),
    (TypeId::of::<CreateSchemaRequest>(), "CreateSchemaRequest"),
    (TypeId::of::<CommitSchemaRequest>(), "CommitSchemaRequest"),
    (
        TypeId::of::<ValidateSchemaRequest>(),
        "ValidateSchemaRequest",
    ),
    (
        TypeId::of::<ValidateMessageRequest>(),
        "ValidateMessageRequest",
    ),
];

/// Writes responses like `tonic_prost`, and reads requests with [`RequestDecoder`].
pub(super) struct RequestCodec<T, U>(PhantomData<(T, U)>);

/// Reads messages, and rejects other bytes as an invalid argument.
pub(super) struct RequestDecoder<U>(PhantomData<U>);

impl<T, U> Default for RequestCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for RequestCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = RequestDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        RequestDecoder(PhantomData)
    }
}

impl<U: Message + Default + 'static> Decoder for RequestDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let body = buffer.copy_to_bytes(buffer.remaining());
        let request = U::decode(body.clone());
        let request = request.map_err(|error| rejection::<U>(body.clone(), &error))?;
        reject_dropped::<U>(&body)?;
        Ok(Some(request))
    }
}

/// Rejects fields that the request's struct has dropped.
fn reject_dropped<U: 'static>(body: &[u8]) -> Result<(), Status> {
    let of_type = |(id, _): &&(TypeId, &str)| *id == TypeId::of::<U>();
    let Some((_, name)) = WITH_NEWER_FIELDS.iter().find(of_type) else {
        return Ok(());
    };
    let message = descriptor::message(&format!("{PUBSUB}.{name}"))?;
    let message = DynamicMessage::decode(message, body).map_err(|error| {
        Status::invalid_argument(format!("The request cannot be read: {error}"))
    })?;
    Ok(descriptor::reject_dropped(&message)?)
}

fn rejection<U: 'static>(body: Bytes, error: &DecodeError) -> Status {
    let is_publish = TypeId::of::<U>() == TypeId::of::<PublishRequest>();
    let attribute = is_publish.then(|| unreadable_attribute(body)).flatten();
    Status::invalid_argument(match attribute {
        Some(attribute) => format!(
            "{attribute} is not UTF-8: perhaps its text was cut in the middle of a character"
        ),
        None => format!("The request cannot be read: {error}"),
    })
}

/// The attributes of a publish request, which may be any bytes here.
#[derive(Clone, PartialEq, Message)]
struct AnyPublish {
    #[prost(message, repeated, tag = "2")]
    messages: Vec<AnyMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyMessage {
    #[prost(message, repeated, tag = "2")]
    attributes: Vec<AnyAttribute>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyAttribute {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// Returns the name of the first attribute that is not UTF-8, without its value.
fn unreadable_attribute(body: Bytes) -> Option<String> {
    let request = AnyPublish::decode(body).ok()?;
    for (place, message) in request.messages.iter().enumerate() {
        for AnyAttribute { key, value } in &message.attributes {
            let name: String = String::from_utf8_lossy(key)
                .chars()
                .take(MAX_KEY_CHARS)
                .collect();
            let of_message = format!("{name:?} of messages[{place}]");
            if std::str::from_utf8(key).is_err() {
                return Some(format!("The attribute key {of_message}"));
            }
            if std::str::from_utf8(value).is_err() {
                return Some(format!("The value of the attribute {of_message}"));
            }
        }
    }
    None
}
