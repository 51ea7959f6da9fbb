//! The web page, under `/console/`: what the emulator holds, what became of each message, and buttons to interfere.
//!
//! `page/` is all that the browser loads; it shows what `overview`, `messages` and `dead_letters` answer as JSON, does things
//! through `actions`, and learns from `live` when to reload. `guard` keeps other web pages out. What all of it knows of
//! the rest of the emulator is in `source`.

mod actions;
mod assets;
mod content;
mod dead_letters;
mod guard;
mod live;
mod messages;
mod overview;
mod refusal;
mod source;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::guard::Guard;
pub(crate) use self::source::Source;
use crate::server::front_door::CONSOLE;

/// Ten megabytes of data as Base64 in JSON, with room for attributes.
const MAX_BODY_BYTES: usize = 14 * 1024 * 1024;
/// The most pages that listen at the same time.
const MAX_LISTENERS: usize = 16;

/// The state of the handlers.
#[derive(Clone)]
struct Console {
    source: Arc<Source>,
    listeners: Arc<Semaphore>,
    stopping: CancellationToken,
}

pub(crate) fn router(source: Source, stopping: CancellationToken) -> Router {
    let guard = Guard::new(source.address(), source.public_url());
    let console = Console {
        source: Arc::new(source),
        listeners: Arc::new(Semaphore::new(MAX_LISTENERS)),
        stopping,
    };
    let api = Router::new()
        .route("/overview", get(overview::overview))
        .route("/topics/{project}/{id}", get(overview::topic))
        .route("/topics/{project}/{id}/publish", post(actions::publish))
        .route("/subscriptions/{project}/{id}", get(overview::subscription))
        .route(
            "/subscriptions/{project}/{id}/redeliver",
            post(actions::redeliver),
        )
        .route("/subscriptions/{project}/{id}/seek", post(actions::seek))
        .route("/subscriptions/{project}/{id}/purge", post(actions::purge))
        .route(
            "/subscriptions/{project}/{id}/faults",
            post(actions::set_faults),
        )
        .route("/messages", get(messages::list))
        .route("/messages/{id}", get(messages::life))
        .route("/messages/{id}/request", get(messages::request))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/replay", post(dead_letters::replay))
        .route("/statistics", get(overview::statistics))
        .route("/live", get(live::news))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route_layer(from_fn_with_state(guard.clone(), guard::api))
        .with_state(console);
    let page = Router::new()
        .route("/console", get(|| async { Redirect::permanent(CONSOLE) }))
        .route(CONSOLE, get(assets::index))
        .route("/console/{file}", get(assets::file))
        .route_layer(from_fn_with_state(guard, guard::page));
    page.nest("/console/api", api)
}
