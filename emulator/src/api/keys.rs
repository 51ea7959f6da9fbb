//! The issuer's documents: its keys, and where they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::issuer::Issuer;

/// Receivers that obey it meet a rotation as they do at Google: by a key id that they do not know yet.
const CACHE: &str = "public, max-age=3600, must-revalidate";

/// What receivers read of a discovery document (OpenID Connect Discovery 1.0, section 3).
#[derive(Serialize)]
struct Discovery<'a> {
    issuer: &'a str,
    jwks_uri: String,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
}

pub(super) async fn keys(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    issuer.ready().await;
    ([(CACHE_CONTROL, CACHE)], Json(issuer.published()))
}

pub(super) async fn discovery(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    let discovery = Discovery {
        issuer: issuer.url(),
        jwks_uri: issuer.keys_url(),
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
    };
    ([(CACHE_CONTROL, CACHE)], Json(discovery)).into_response()
}
