//! The files of the page, which are part of the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: &str = include_str!("page/index.html");

/// Name, content type and content.
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
    ("letters.js", SCRIPT, include_str!("page/letters.js")),
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

/// A newer emulator on the same port must not meet the page of an older one.
fn answer(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response()
}
