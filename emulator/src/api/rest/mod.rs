//! Google's REST interface: every request is transcoded to an RPC, and its response to JSON (Google, *HttpRule*, and
//! *ProtoJSON format*).
//!
//! `routes` maps requests to RPCs, `path` and `query` read the URL, `body` and `json` the body, and `rejection` writes errors.
//! Nothing here depends on a particular RPC.

mod body;
mod json;
mod once;
mod path;
mod query;
mod rejection;
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

pub(super) use self::json::write_message as write_json;
use self::path::Path;
pub(super) use self::query::Query;
pub(crate) use self::rejection::reject;
use self::route::{Body, Route};
use super::grpc::Api;
use crate::descriptor;

/// The RPCs of `api` and their routes.
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

/// Answers requests without another route, in the form of each kind of client.
pub(super) async fn answer<S: Api>(State(rest): State<Rest<S>>, request: Request) -> Response {
    if is_grpc(request.headers()) {
        let path = request.uri().path();
        let status = Status::unimplemented(format!("The emulator does not have {path}"));
        return status.into_http::<axum::body::Body>();
    }
    // The whole body is read even if it is not needed, since a connection with an unread body is closed.
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let method = method(request.method(), &headers);
    let body = Bytes::from_request(request, &()).await.ok();
    match rest
        .transcode(&method, &uri, || body::plain(body, &headers))
        .await
    {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(status) => reject(&status),
    }
}

impl<S: Api> Rest<S> {
    pub(super) fn new(api: Arc<S>) -> Self {
        Self {
            api,
            routes: routes::all().into(),
        }
    }

    /// Calls the RPC of a request, and returns its response as JSON.
    async fn transcode(
        &self,
        method: &Method,
        uri: &Uri,
        body: impl FnOnce() -> Result<Bytes, Status>,
    ) -> Result<Vec<u8>, Status> {
        let path = Path::read(uri.path())?;
        let (route, name) = self.find(method, &path)?;
        let query = Query::read(uri)?;
        let enums_as_numbers = query.enums_as_numbers;
        let mut message = DynamicMessage::new(descriptor::message(&route.request)?);
        match route.body {
            Body::None => query.bind(&mut message)?,
            Body::Whole => {
                query.bind(&mut message)?;
                json::read_over(&mut message, &body()?)?;
            }
            Body::Field(field) => {
                query.bind(&mut message)?;
                json::read_field(&mut message, field, &body()?)?;
            }
        }
        path::bind(&mut message, route.field, &name)?;
        let answer = (route.call)(&*self.api, message).await?;
        json::write(&route.answer, &answer, enums_as_numbers)
    }

    /// Returns the route of a request, and the name in its path.
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

/// Returns the method of a request. Clients that cannot send every method, such as Google's for Java, send it in a header.
fn method(sent: &Method, headers: &HeaderMap) -> Method {
    let meant = headers.get("x-http-method-override");
    meant
        .filter(|_| *sent == Method::POST)
        .and_then(|meant| Method::from_bytes(meant.as_bytes()).ok())
        .unwrap_or_else(|| sent.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_post_can_stand_for_another_method() {
        let mut headers = HeaderMap::new();
        headers.insert("x-http-method-override", "DELETE".parse().unwrap());
        assert_eq!(method(&Method::POST, &headers), Method::DELETE);
        assert_eq!(method(&Method::GET, &headers), Method::GET);
        assert_eq!(method(&Method::POST, &HeaderMap::new()), Method::POST);
    }
}
