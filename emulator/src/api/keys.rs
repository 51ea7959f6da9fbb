//! The issuer's documents: the discovery document and the keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::issuer::Issuer;

/// The cache headers of the keys. Google's have the same form (Google, *Authenticate with a backend server*: fetch the keys
/// again as `Cache-Control` says). The single second is ours: a restarted emulator has other keys, and a receiver with
/// cached ones would reject its tokens. Without any caching, libraries that fetch the keys for every token would be slow.
const CACHE: &str = "public, max-age=1, must-revalidate";

/// The required fields of a discovery document (OpenID Connect Discovery 1.0, section 3), since libraries reject one
/// without them. There is no sign-in here, so nothing answers at the authorization endpoint.
#[derive(Serialize)]
struct Discovery<'a> {
    issuer: &'a str,
    authorization_endpoint: String,
    jwks_uri: String,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
}

pub(super) async fn keys(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    issuer.ready_to_publish().await;
    ([(CACHE_CONTROL, CACHE)], Json(issuer.published()))
}

/// Returns the keys as certificates in PEM by key id, as Google's own libraries request them.
pub(super) async fn certificates(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    issuer.ready_to_publish().await;
    ([(CACHE_CONTROL, CACHE)], Json(issuer.certificates()))
}

pub(super) async fn discovery(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    let discovery = Discovery {
        issuer: issuer.url(),
        authorization_endpoint: format!("{}/o/oauth2/v2/auth", issuer.url()),
        jwks_uri: issuer.keys_url(),
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
    };
    ([(CACHE_CONTROL, CACHE)], Json(discovery)).into_response()
}
