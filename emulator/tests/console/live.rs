//! Updates for open pages.

use std::time::Duration;

use emulator::{Emulator, Message};
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::request;
use crate::harness::Scene;

async fn live(emulator: &Emulator) -> Response {
    request(emulator, Method::GET, "api/live")
        .send()
        .await
        .unwrap()
}

/// Returns the next event, and keeps the bytes after it in `rest`.
async fn event(live: &mut Response, rest: &mut String) -> Value {
    loop {
        if let Some((event, after)) = rest.split_once("\n\n") {
            let (event, after) = (event.to_owned(), after.to_owned());
            *rest = after;
            if let Some(data) = event.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
            continue;
        }
        let chunk = timeout(Duration::from_secs(60), live.chunk())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn updates_arrive_at_most_five_times_a_second() {
    let scene = Scene::eager([]).await;
    let (mut live, mut rest) = (live(&scene.emulator).await, String::new());
    event(&mut live, &mut rest).await;
    let begin = Instant::now();
    for _ in 0..3_000 {
        scene.publish(Message::new("hi"));
    }
    let (mut events, mut version) = (0, 0);
    loop {
        let news = event(&mut live, &mut rest).await;
        events += 1;
        assert!(news["version"].as_u64().unwrap() > version, "{news}");
        version = news["version"].as_u64().unwrap();
        if news["all"]["totals"]["acks"] == 3_000 {
            break;
        }
    }
    let most = begin.elapsed().as_millis() / 200 + 2;
    assert!(events <= most, "{events} events, at most {most}");
}

#[tokio::test]
async fn at_most_sixteen_pages_receive_updates() {
    let scene = Scene::eager([]).await;
    let mut listening = Vec::new();
    for _ in 0..16 {
        let mut live = live(&scene.emulator).await;
        event(&mut live, &mut String::new()).await;
        listening.push(live);
    }
    assert_eq!(live(&scene.emulator).await.status(), 503);
}

#[tokio::test]
async fn an_open_page_does_not_delay_the_end() {
    let scene = Scene::eager([]).await;
    let mut page = live(&scene.emulator).await;
    event(&mut page, &mut String::new()).await;
    let begin = Instant::now();
    scene.emulator.stop().await;
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    while let Ok(Some(_)) = page.chunk().await {}
}
