//! Notifies open pages of changes, so that they reload.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::{Console, dead_letters, view};
use crate::server::status::unavailable;

/// The shortest interval of updates.
const INTERVAL: Duration = Duration::from_millis(200);
/// The number of intervals after which a page is updated without an event, since rates and ages change.
const IDLE_LOOKS: u32 = 10;

/// One open page. An event is built when its connection takes it, so a slow page costs nothing.
struct Listener {
    console: Console,
    sent_version: Option<u64>,
    looks: u32,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn news(State(console): State<Console>) -> Response {
    let Ok(place) = console.listeners.clone().try_acquire_owned() else {
        return unavailable("Too many pages of the console are open");
    };
    let stopping = console.stopping.clone().cancelled_owned();
    let listener = Listener {
        console,
        sent_version: None,
        looks: 0,
        _place: place,
    };
    let news = listen(listener).take_until(stopping);
    Sse::new(news)
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn listen(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(listener, |mut listener| async move {
        loop {
            if listener.sent_version.is_some() {
                sleep(INTERVAL).await;
            }
            listener.looks += 1;
            let version = listener.console.source.history().version();
            if listener.sent_version == Some(version) && listener.looks < IDLE_LOOKS {
                continue;
            }
            (listener.sent_version, listener.looks) = (Some(version), 0);
            let event = Event::default().data(listener.news(version).to_string());
            return Some((Ok(event), listener));
        }
    })
}

impl Listener {
    fn news(&self, version: u64) -> Value {
        let history = self.console.source.history();
        let now = history.now().unix_timestamp();
        let all = history.all(|all| all.rates(now));
        let dead_letters = dead_letters::count(&self.console.source);
        json!({"version": version, "now": now, "all": view::flow(&all), "deadLetters": dead_letters})
    }
}
