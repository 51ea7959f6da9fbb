//! One route: its request, and its RPC.

use axum::http::Method;
use futures_util::future::BoxFuture;
use prost::Message;
use prost_reflect::DynamicMessage;
use tonic::{Request, Response, Status};

use super::path::Path;
use crate::descriptor;

/// A function that calls an RPC with a request of its type, and returns the encoded response.
pub(super) type Call<S> =
    for<'a> fn(&'a S, DynamicMessage) -> BoxFuture<'a, Result<Vec<u8>, Status>>;

/// The source of the fields that are not in the path (Google, *HttpRule*, `body`).
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// The query. The body is not read.
    None,
    /// The body. There are no query parameters.
    Whole,
    /// The body for this field, and the query for the others.
    Field(&'static str),
}

/// An RPC over REST (Google, *HttpRule*).
pub(super) struct Route<S> {
    pub(super) method: Method,
    /// The field of the name in the path.
    pub(super) field: &'static str,
    pub(super) body: Body,
    /// The full names of the messages.
    pub(super) request: String,
    pub(super) answer: String,
    pub(super) call: Call<S>,
    /// The whole path, and the number of segments of the name.
    template: String,
    name_segments: usize,
}

impl<S> Route<S> {
    /// Returns a route with a `template` such as `{topic=projects/*/topics/*}:publish`.
    pub(super) fn new(
        method: Method,
        template: &'static str,
        body: Body,
        (request, answer): (String, String),
        call: Call<S>,
    ) -> Self {
        let (variable, rest) = template.split_once('}').unwrap_or((template, ""));
        let (field, name) = variable.split_once('=').unwrap_or((variable, ""));
        Self {
            method,
            field: field.trim_start_matches('{'),
            body,
            request,
            answer,
            call,
            template: format!("{name}{rest}"),
            name_segments: name.split('/').count(),
        }
    }

    /// Returns the name in the path, if the path matches.
    pub(super) fn matches(&self, path: &Path) -> Option<String> {
        path.name(&self.template, self.name_segments)
    }
}

/// Decodes a request for the RPC.
pub(super) fn read<T: Message + Default>(message: &DynamicMessage) -> Result<Request<T>, Status> {
    descriptor::reject_dropped(message)?;
    let read = message.transcode_to();
    read.map(Request::new)
        .map_err(|error| Status::invalid_argument(format!("The request is malformed: {error}")))
}

/// Encodes the response of an RPC.
pub(super) fn reply<T: Message>(answer: Result<Response<T>, Status>) -> Result<Vec<u8>, Status> {
    Ok(answer?.into_inner().encode_to_vec())
}
