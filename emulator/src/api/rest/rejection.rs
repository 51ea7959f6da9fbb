//! Errors in Google's JSON.

use axum::Json;
use axum::response::{IntoResponse, Response};
use prost_reflect::{DynamicMessage, Value as Field};
use serde::Serialize;
use serde_json::Value;
use tonic::Status;

use crate::descriptor;
use crate::server::status;

/// Google's form of an error (Google, *Errors*, "HTTP mapping").
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorStatus<'a>,
}

#[derive(Serialize)]
struct ErrorStatus<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Value>,
}

pub(crate) fn reject(rejection: &Status) -> Response {
    let (code, status) = status::http(rejection.code());
    let error = ErrorStatus {
        code: code.as_u16(),
        message: rejection.message(),
        status,
        details: details(rejection.details()),
    };
    (code, Json(ErrorBody { error })).into_response()
}

/// Returns the details of a status, a *google.rpc.Status*. Only known messages are shown.
fn details(encoded: &[u8]) -> Vec<Value> {
    let message = descriptor::message("google.rpc.Status").ok();
    let status = message.and_then(|message| DynamicMessage::decode(message, encoded).ok());
    let details = status.and_then(|status| {
        let details = status.get_field_by_name("details")?;
        Some(details.as_list()?.to_vec())
    });
    let details = details.into_iter().flatten();
    details
        .filter_map(|detail| match detail {
            Field::Message(detail) => serde_json::to_value(detail).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use serde_json::json;
    use tonic::Code;

    #[test]
    fn reasons_of_failures_are_shown() {
        let name = "google.rpc.ErrorInfo";
        let written = json!({"reason": "EXACTLY_ONCE_ACKID_FAILURE", "domain": "pubsub.googleapis.com",
            "metadata": {"ack-1": "PERMANENT_FAILURE_INVALID_ACK_ID"}});
        let info =
            DynamicMessage::deserialize(descriptor::message(name).unwrap(), &written).unwrap();
        let any = json!({"details": [{"@type": format!("type.googleapis.com/{name}"),
            "reason": written["reason"], "domain": written["domain"], "metadata": written["metadata"]}]});
        let status = descriptor::message("google.rpc.Status").unwrap();
        let status = DynamicMessage::deserialize(status, &any).unwrap();
        assert!(!info.encode_to_vec().is_empty());
        let rejected = Status::with_details(
            Code::FailedPrecondition,
            "no",
            status.encode_to_vec().into(),
        );
        assert_eq!(json!(details(rejected.details())), any["details"]);
        assert!(details(b"no status").is_empty());
        assert!(details(b"").is_empty());
    }
}
