//! A receiver as it is written in an afternoon: it verifies each token, and marks each message in Redis before and after its handler.

use std::error::Error;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Receiver {
    keys: JwkSet,
    issuer: String,
    redis: MultiplexedConnection,
}

#[derive(Deserialize)]
struct Claims {
    email: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push {
    message: Message,
    subscription: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    data: String,
    message_id: String,
}

/// Returns true for a valid token of the push account.
fn is_authentic(receiver: &Receiver, headers: &HeaderMap) -> Option<bool> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = token.strip_prefix("Bearer ")?;
    let key = receiver.keys.find(&decode_header(token).ok()?.kid?)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[&receiver.issuer]);
    let key = DecodingKey::from_jwk(key).ok()?;
    let claims: Claims = decode(token, &key, &validation).ok()?.claims;
    Some(claims.email == CALLER)
}

const AUDIENCE: &str = "https://push.example.com";
const CALLER: &str = "push@bench.iam.gserviceaccount.com";

async fn receive(
    State(mut receiver): State<Receiver>,
    headers: HeaderMap,
    Json(push): Json<Push>,
) -> StatusCode {
    if is_authentic(&receiver, &headers) != Some(true) {
        return StatusCode::UNAUTHORIZED;
    }
    let key = format!("{}/{}", push.subscription, push.message.message_id);
    let mut claim = redis::cmd("SET");
    claim.arg(&key).arg("running").arg("NX").arg("EX").arg(60);
    match claim
        .query_async::<Option<String>>(&mut receiver.redis)
        .await
    {
        Ok(Some(_)) => {}
        Ok(None) => return StatusCode::NO_CONTENT,
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
    }
    let Ok(data) = BASE64_STANDARD.decode(&push.message.data) else {
        return StatusCode::BAD_REQUEST;
    };
    handle(&data);
    let mut done = redis::cmd("SET");
    done.arg(&key).arg("done").arg("EX").arg(604_800);
    match done.query_async::<()>(&mut receiver.redis).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn handle(_data: &[u8]) {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("PORT ISSUER KEYS_URL REDIS_URL");
    let (port, issuer, keys, redis) = (next()?, next()?, next()?, next()?);
    let receiver = Receiver {
        keys: reqwest::get(keys).await?.json().await?,
        issuer,
        redis: redis::Client::open(redis)?
            .get_multiplexed_async_connection()
            .await?,
    };
    let router = Router::new()
        .route("/", post(receive))
        .layer(DefaultBodyLimit::max(16 * 1024 * 1024))
        .with_state(receiver);
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    Ok(axum::serve(listener, router).await?)
}
