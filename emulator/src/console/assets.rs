//! The files of the page, compiled into the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: &str = include_str!("page/index.html");

/// The name, the content type and the content of each file.
const FILES: [(&str, &str, &str); 22] = [
    ("api.js", SCRIPT, include_str!("page/api.js")),
    ("console.js", SCRIPT, include_str!("page/console.js")),
    ("copy.js", SCRIPT, include_str!("page/copy.js")),
    ("create.js", SCRIPT, include_str!("page/create.js")),
    (
        "dead-letters.js",
        SCRIPT,
        include_str!("page/dead-letters.js"),
    ),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("exchange.js", SCRIPT, include_str!("page/exchange.js")),
    (
        "faults-form.js",
        SCRIPT,
        include_str!("page/faults-form.js"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("json-view.js", SCRIPT, include_str!("page/json-view.js")),
    (
        "message-form.js",
        SCRIPT,
        include_str!("page/message-form.js"),
    ),
    ("message.js", SCRIPT, include_str!("page/message.js")),
    ("messages.js", SCRIPT, include_str!("page/messages.js")),
    ("overview.js", SCRIPT, include_str!("page/overview.js")),
    ("payload.js", SCRIPT, include_str!("page/payload.js")),
    ("plot.js", SCRIPT, include_str!("page/plot.js")),
    ("replay.js", SCRIPT, include_str!("page/replay.js")),
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("page/style.css"),
    ),
    (
        "subscription.js",
        SCRIPT,
        include_str!("page/subscription.js"),
    ),
    ("table.js", SCRIPT, include_str!("page/table.js")),
    ("topic.js", SCRIPT, include_str!("page/topic.js")),
    ("words.js", SCRIPT, include_str!("page/words.js")),
];

pub(super) async fn index() -> Response {
    answer("text/html; charset=utf-8", INDEX)
}

pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(file, _, _)| *file == name) {
        Some((_, kind, content)) => answer(kind, content),
        None => (StatusCode::NOT_FOUND, "The console has no such file").into_response(),
    }
}

/// Returns the response of a file, which browsers must revalidate: a newer emulator on the same port needs its own page.
fn answer(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response()
}
