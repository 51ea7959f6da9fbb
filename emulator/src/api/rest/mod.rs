//! Google's REST interface: every request becomes that of an RPC, and its answer JSON (Google, *HttpRule*, and *ProtoJSON
//! format*).
//!
//! `routes` says which request is which RPC, `path` and `query` read what the address holds, `json` the rest, and `refusal`
//! writes what went wrong. Nothing here knows what an RPC does.

mod json;
mod path;
mod query;
mod refusal;
mod route;
mod routes;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use prost_reflect::DynamicMessage;
use tonic::Status;

use self::path::Path;
use self::query::Query;
pub(crate) use self::refusal::refuse;
use self::route::{Body, Route};
use super::MAX_BODY_BYTES;
use super::descriptor;
use super::grpc::Api;

/// The RPCs of `api`, and the routes to them.
pub(super) struct Rest<S> {
    api: Arc<S>,
    routes: Arc<[Route<S>]>,
}

impl<S> Clone for Rest<S> {
    fn clone(&self) -> Self {
        Self {
            api: Arc::clone(&self.api),
            routes: Arc::clone(&self.routes),
        }
    }
}

/// Answers whatever no other route of the server takes, each kind of client in its own form.
pub(super) async fn answer<S: Api>(State(rest): State<Rest<S>>, request: Request) -> Response {
    if is_grpc(request.headers()) {
        let path = request.uri().path();
        let status = Status::unimplemented(format!("The emulator does not have {path}"));
        return status.into_http::<axum::body::Body>();
    }
    // The whole body is read even if nothing wants it: the connection of one that is left unread is closed.
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = Bytes::from_request(request, &()).await.ok();
    match rest.transcode(&method, &uri, body).await {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(status) => refuse(&status),
    }
}

impl<S: Api> Rest<S> {
    pub(super) fn new(api: Arc<S>) -> Self {
        Self {
            api,
            routes: routes::all().into(),
        }
    }

    /// Calls the RPC that a request means, and gives its answer as JSON.
    async fn transcode(
        &self,
        method: &Method,
        uri: &Uri,
        body: Option<Bytes>,
    ) -> Result<Vec<u8>, Status> {
        let path = Path::read(uri.path())?;
        let (route, name) = self.find(method, &path)?;
        let query = Query::read(uri)?;
        let enums_as_numbers = query.enums_as_numbers;
        let mut message = DynamicMessage::new(descriptor::message(&route.request)?);
        match route.body {
            Body::None => query.bind(&mut message)?,
            Body::Whole => {
                query.refuse_parameters()?;
                message = json::read(&message, &within_bound(body)?)?;
            }
            Body::Field(field) => {
                query.bind(&mut message)?;
                json::read_field(&mut message, field, &within_bound(body)?)?;
            }
        }
        path::bind(&mut message, route.field, &name)?;
        let answer = (route.call)(&*self.api, message).await?;
        json::write(&route.answer, &answer, enums_as_numbers)
    }

    /// The route that a request takes, and the name in its path.
    fn find(&self, method: &Method, path: &Path) -> Result<(&Route<S>, String), Status> {
        let mut others = Vec::new();
        for route in self.routes.iter() {
            let Some(name) = route.matches(path) else {
                continue;
            };
            if route.method == *method {
                return Ok((route, name));
            }
            others.push(route.method.as_str());
        }
        Err(path.missing(method, &others))
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The body of a request. One that is too large was read up to a wider bound, so that a client gets to the answer instead of a
/// closed connection.
fn within_bound(body: Option<Bytes>) -> Result<Bytes, Status> {
    body.filter(|body| body.len() <= MAX_BODY_BYTES)
        .ok_or_else(|| {
            Status::invalid_argument(format!(
                "The request body could not be read, or has more than {MAX_BODY_BYTES} bytes"
            ))
        })
}
