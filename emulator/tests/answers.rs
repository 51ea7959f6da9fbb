//! Tests of connections that an endpoint closes, reuses or answers early.

use std::time::Duration;

use emulator::{DeliveryEvent, Message, Pace, PushConfig, Reply};
use tokio::time::sleep;

use crate::harness::{RawConnection, RawEndpoint, SUBSCRIPTION, Scene, status};

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
/// Shorter than the idle time of servers and of the emulator. The paused clock advances only when all tasks wait, so
/// everything that a peer sent has been read.
const A_MOMENT: Duration = Duration::from_millis(10);

async fn scene() -> (Scene, RawEndpoint) {
    let endpoint = RawEndpoint::start().await;
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.push_config = Some(PushConfig::new(endpoint.url()));
    });
    (scene.await, endpoint)
}

/// Publishes a message. The endpoint answers its first push so, on a connection of its own.
async fn answered(answer: &str) -> (Scene, RawEndpoint, RawConnection, DeliveryEvent) {
    let (mut scene, endpoint) = scene().await;
    scene.publish(Message::new("hi"));
    let mut connection = endpoint.pushed().await;
    connection.answer(answer).await;
    let event = scene.ended().await;
    (scene, endpoint, connection, event)
}

#[tokio::test]
async fn the_interim_status_102_acknowledges_immediately() {
    let (_scene, _endpoint, mut connection, event) =
        answered("HTTP/1.1 102 Processing\r\n\r\n").await;
    assert_eq!(event.reply(), status(102));
    assert!(event.is_acked());
    connection.closed().await;
}

#[tokio::test]
async fn after_other_interim_statuses_the_final_one_decides() {
    for interim in ["100 Continue", "103 Early Hints"] {
        let answer =
            format!("HTTP/1.1 {interim}\r\n\r\nHTTP/1.1 500 Error\r\ncontent-length: 0\r\n\r\n");
        let (.., event) = answered(&answer).await;
        assert_eq!(event.reply(), status(500));
        assert!(!event.is_acked());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_body_never_ends_is_an_answer() {
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
        let (_scene, _endpoint, mut connection, event) = answered(&answer).await;
        assert!(event.is_acked());
        connection.closed().await;
    }
}

#[tokio::test]
async fn a_connection_is_reused_after_a_short_body() {
    let (mut scene, _endpoint, mut connection, _) =
        answered("HTTP/1.1 500 Error\r\ncontent-length: 2\r\n\r\nno").await;
    connection.request().await;
    connection
        .answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        .await;
    assert!(scene.ended().await.is_acked());
    scene.publish(Message::new("ho"));
    connection.request().await;
    connection.answer(NO_CONTENT).await;
    assert!(scene.ended().await.is_acked());
}

#[tokio::test]
async fn a_connection_answered_too_early_is_not_reused() {
    let (mut scene, endpoint) = scene().await;
    scene.publish(Message::new(vec![b'x'; 6_000_000]));
    let mut connection = endpoint.connection().await;
    connection.begin_request().await;
    connection.answer(NO_CONTENT).await;
    assert!(scene.ended().await.is_acked());
    scene.publish(Message::new("ho"));
    let mut other = endpoint.pushed().await;
    other.answer(NO_CONTENT).await;
    let event = scene.ended().await;
    assert_eq!(event.attempt, 1);
    assert_eq!(event.reply(), status(204));
    drop(connection);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_no_answer() {
    let (.., event) = answered("220 mail.example ESMTP\r\n").await;
    assert_eq!(event.reply(), Some(Reply::NoAnswer));
}

#[tokio::test(start_paused = true)]
async fn a_push_replaces_a_closed_connection() {
    let (mut scene, endpoint, connection, event) = answered(NO_CONTENT).await;
    assert!(event.is_acked());
    drop(connection);
    sleep(A_MOMENT).await;
    scene.publish(Message::new("ho"));
    let mut connection = endpoint.pushed().await;
    connection.answer(NO_CONTENT).await;
    let event = scene.ended().await;
    assert_eq!(event.attempt, 1);
    assert!(event.is_acked());
}

#[tokio::test]
async fn an_unanswered_push_has_failed_on_any_connection() {
    let (mut scene, endpoint, mut connection, _) = answered(NO_CONTENT).await;
    scene.publish(Message::new("ho"));
    connection.request().await;
    drop(connection);
    let event = scene.ended().await;
    assert_eq!(event.attempt, 1);
    assert_eq!(event.reply(), Some(Reply::NoAnswer));
    let mut connection = endpoint.pushed().await;
    connection.answer(NO_CONTENT).await;
    assert_eq!(scene.ended().await.attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_before_servers_close_them() {
    let (scene, _endpoint, mut connection, _) = answered(NO_CONTENT).await;
    let kept = tokio::time::Instant::now();
    connection.closed().await;
    assert!((3..5).contains(&kept.elapsed().as_secs()));
    drop(scene);
}

#[tokio::test]
async fn connections_of_an_endpoint_that_is_left_are_closed() {
    let (scene, _endpoint, mut connection, _) = answered(NO_CONTENT).await;
    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, None)
        .unwrap();
    connection.closed().await;
}
