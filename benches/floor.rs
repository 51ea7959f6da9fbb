//! The floor: axum that reads the body of a push and acknowledges it.

use std::error::Error;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).unwrap_or_default();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let router = Router::new().route("/", post(async |_body: Bytes| StatusCode::NO_CONTENT));
    Ok(axum::serve(listener, router).await?)
}
