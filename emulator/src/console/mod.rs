//! The web console under `/console/`: the state of the emulator, the history of each message, and actions.
//!
//! `page/` has the files of the browser. The page shows the JSON of `overview`, `messages` and `dead_letters`, sends
//! requests to `actions` and `resources`, and reloads when `live` notifies it. `guard` keeps other web pages out. `source` is the only
//! access to the rest of the emulator.

mod actions;
mod assets;
mod attempt;
mod content;
mod dead_letters;
mod form;
mod guard;
mod live;
mod messages;
mod overview;
mod rejection;
mod resources;
mod search;
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

/// The largest request: ten megabytes of data as Base64 in JSON, and attributes.
const MAX_BODY_BYTES: usize = 14 * 1024 * 1024;
/// The most open pages with live updates.
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
    let api = api()
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

/// Returns the routes of the page's requests.
fn api() -> Router<Console> {
    Router::new()
        .route("/overview", get(overview::overview))
        .route(
            "/topics/{project}/{id}",
            get(overview::topic)
                .put(resources::create_topic)
                .delete(resources::delete_topic),
        )
        .route("/topics/{project}/{id}/publish", post(actions::publish))
        .route(
            "/subscriptions/{project}/{id}",
            get(overview::subscription)
                .put(resources::create_subscription)
                .delete(resources::delete_subscription),
        )
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
        .route("/messages/{id}", get(messages::record))
        .route("/messages/{id}/request", get(messages::request))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/original", get(dead_letters::show))
        .route("/dead-letters/replay", post(dead_letters::replay))
        .route(
            "/dead-letters/replay-group",
            post(dead_letters::replay_group),
        )
        .route("/statistics", get(overview::statistics))
        .route("/live", get(live::news))
}
