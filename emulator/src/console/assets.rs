//! The files of the page, compiled into the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: &str = include_str!("page/index.html");

/// The name, the content type and the content of each file.
const FILES: [(&str, &str, &str); 14] = [
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("page/style.css"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("console.js", SCRIPT, include_str!("page/console.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("table.js", SCRIPT, include_str!("page/table.js")),
    ("api.js", SCRIPT, include_str!("page/api.js")),
    ("plot.js", SCRIPT, include_str!("page/plot.js")),
    ("overview.js", SCRIPT, include_str!("page/overview.js")),
    ("topic.js", SCRIPT, include_str!("page/topic.js")),
    (
        "subscription.js",
        SCRIPT,
        include_str!("page/subscription.js"),
    ),
    ("messages.js", SCRIPT, include_str!("page/messages.js")),
    ("message.js", SCRIPT, include_str!("page/message.js")),
    (
        "dead-letters.js",
        SCRIPT,
        include_str!("page/dead-letters.js"),
    ),
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
