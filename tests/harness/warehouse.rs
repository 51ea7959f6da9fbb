//! The warehouse of the example, which keeps a ledger of effects.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::soon;

/// The order whose first call the warehouse does not answer before it is opened.
pub(crate) const HELD: &str = "A-150";

/// The ledger of effects.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    /// The calls of each order.
    pub(crate) calls: HashMap<String, usize>,
    /// Reservations by idempotency key, with their order: a repeated key reserves nothing more.
    pub(crate) reservations: HashMap<String, String>,
}

/// The warehouse, which the service calls.
pub(crate) struct Warehouse {
    pub(crate) url: String,
    shop: Arc<Shop>,
}

#[derive(Default)]
struct Shop {
    ledger: watch::Sender<Ledger>,
    is_open: watch::Sender<bool>,
}

impl Warehouse {
    pub(crate) async fn start() -> Self {
        let shop = Arc::new(Shop::default());
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        let router = Router::new()
            .route("/reservations", post(reserve))
            .with_state(Arc::clone(&shop));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { url, shop }
    }

    /// Lets the held call end.
    pub(crate) fn open(&self) {
        self.shop.is_open.send_replace(true);
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Ledger) -> bool) -> Ledger {
        let mut ledger = self.shop.ledger.subscribe();
        soon(what, ledger.wait_for(|ledger| is_so(ledger)))
            .await
            .expect("the ledger")
            .clone()
    }
}

async fn reserve(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    let order: Value = serde_json::from_str(&body).expect("an order");
    let id = order["orderId"].as_str().expect("an id").to_owned();
    let article = &order["lines"][0]["article"];
    if article == "unicorn" {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"line": 1})));
    }
    let key = headers["idempotency-key"]
        .to_str()
        .expect("text")
        .to_owned();
    let mut calls = 0;
    shop.ledger.send_modify(|ledger| {
        let count = ledger.calls.entry(id.clone()).or_default();
        *count += 1;
        calls = *count;
        if article != "kayak" || calls > 1 {
            ledger.reservations.insert(key, id.clone());
        }
    });
    if article == "kayak" && calls == 1 {
        return (StatusCode::LOCKED, Json(json!({})));
    }
    if id == HELD && calls == 1 {
        let mut is_open = shop.is_open.subscribe();
        is_open.wait_for(|is_open| *is_open).await.expect("a shop");
    }
    (StatusCode::CREATED, Json(json!({})))
}
