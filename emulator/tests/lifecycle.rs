//! Tests of start and stop.

use std::time::Duration;

use emulator::{Emulator, Message, Options, Pace, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, SUBSCRIPTION, Scene, emulator};

#[tokio::test]
async fn stopping_ends_all_pushes() {
    let mut scene = Scene::eager([Answer::Never]).await;
    scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    let address = scene.emulator.address();
    scene.emulator.stop().await;
    let rejected = TcpStream::connect(address).await;
    assert_eq!(
        rejected.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    // No task is left that could send an event.
    while scene.events.recv().await.is_ok() {}
}

#[tokio::test]
async fn dropping_stops_as_well() {
    let mut scene = Scene::eager([Answer::Never]).await;
    scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    drop(scene.emulator);
    while scene.events.recv().await.is_ok() {}
}

/// Returns the connection of a client that sent half a request.
async fn lingering(emulator: &Emulator) -> TcpStream {
    let mut client = TcpStream::connect(emulator.address()).await.unwrap();
    let head = b"POST /v1/projects/shop/topics/orders:publish HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{";
    client.write_all(head).await.unwrap();
    // After a response to another client, the emulator has accepted this connection.
    reqwest::get(emulator.url()).await.unwrap();
    client
}

/// Waits until the emulator has closed the connection.
async fn closed(mut client: TcpStream) {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.ok();
}

#[tokio::test(start_paused = true)]
async fn stopping_cuts_connections_that_clients_keep_open() {
    let emulator = emulator(Pace::Eager);
    let client = lingering(&emulator).await;
    let stopped = tokio::time::Instant::now();
    emulator.stop().await;
    assert_eq!(stopped.elapsed().as_secs(), 2);
    closed(client).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_cuts_connections_as_well() {
    let emulator = emulator(Pace::Eager);
    let client = lingering(&emulator).await;
    drop(emulator);
    closed(client).await;
}

#[tokio::test(start_paused = true)]
async fn deleting_a_subscription_aborts_its_pushes() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Never], |config| {
        // Longer than the test, so that no deadline ends the push.
        config.ack_deadline = Duration::from_secs(600);
    })
    .await;
    scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    let deleted = tokio::time::Instant::now();
    let url = format!("{}/v1/{SUBSCRIPTION}", scene.emulator.url());
    reqwest::Client::new().delete(url).send().await.unwrap();
    scene.endpoint.abandoned().await;
    assert!(deleted.elapsed() < Duration::from_secs(60));
    assert!(scene.emulator.unacked_messages(SUBSCRIPTION).is_empty());
    scene.publish(Message::new("to nobody"));
    assert!(scene.endpoint.stays_idle().await);
}

#[tokio::test]
async fn an_address_that_others_can_reach_must_be_allowed() {
    let remote = Options {
        address: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    let rejected = Emulator::start_with(remote.clone());
    assert!(matches!(rejected, Err(StartError::NotLoopback(_))));
    let allowed = Options {
        allow_remote: true,
        ..remote
    };
    let emulator = Emulator::start_with(allowed).unwrap();
    assert!(emulator.url().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = emulator(Pace::Eager);
    let taken = Options {
        address: first.address(),
        ..Options::default()
    };
    let Err(error) = Emulator::start_with(taken) else {
        panic!("two emulators on one port");
    };
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {}", first.address())
    );
}

#[test]
fn without_a_runtime_it_does_not_start() {
    let rejected = Emulator::start_with(Options::default());
    assert!(matches!(rejected, Err(StartError::NoRuntime(_))));
}
