//! The errors of exactly-once delivery.

use std::collections::HashMap;

use prost::Message;
use tonic::{Code, Status};

/// *google.rpc.Status*, which the trailers of a response carry.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// *google.rpc.ErrorInfo*.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

/// Returns the error of a request with ids that could not be acknowledged or extended (Google, *Exactly-once delivery*).
/// Google's clients read the reason and the value.
pub(in crate::api) fn rejected(invalid: Vec<String>) -> Status {
    const TEXT: &str = "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired or the acknowledgement ids were malformed.";
    let failure = |id| (id, "PERMANENT_FAILURE_INVALID_ACK_ID".to_owned());
    let info = ErrorInfo {
        reason: "EXACTLY_ONCE_ACKID_FAILURE".to_owned(),
        domain: "pubsub.googleapis.com".to_owned(),
        metadata: invalid.into_iter().map(failure).collect(),
    };
    let any = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
        value: info.encode_to_vec(),
    };
    let status = RpcStatus {
        code: Code::FailedPrecondition as i32,
        message: TEXT.to_owned(),
        details: vec![any],
    };
    let details = status.encode_to_vec().into();
    Status::with_details(Code::FailedPrecondition, TEXT, details)
}
