//! Many connections, and such that send too little or too much.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use emulator::{Emulator, Message, Pace};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::StreamingPullRequest;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;

use crate::harness::{SUBSCRIPTION, Scene, emulator};

/// Longer than any wait on a busy machine. With a paused clock it takes no time.
const PATIENCE: Duration = Duration::from_secs(120);
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn connected(emulator: &Emulator) -> TcpStream {
    TcpStream::connect(emulator.address()).await.unwrap()
}

/// Sends a request for the front door, and returns the beginning of the response.
async fn answer(client: &mut TcpStream) -> String {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = [0; 15];
    client.read_exact(&mut answer).await.unwrap();
    let rest = timeout(Duration::from_secs(1), client.read_to_end(&mut Vec::new())).await;
    assert!(rest.is_err(), "the connection was closed");
    String::from_utf8(answer.to_vec()).unwrap()
}

#[tokio::test]
async fn a_burst_of_connections_is_accepted() {
    let emulator = emulator(Pace::Eager);
    // Nothing accepts them, since this test does not yield.
    let connect = |_| std::net::TcpStream::connect_timeout(&emulator.address(), PATIENCE / 6);
    let clients: Result<Vec<_>, _> = (0..400).map(connect).collect();
    clients.expect("a client waits");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_complete_head_is_closed() {
    let emulator = emulator(Pace::Eager);
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for begin in ["", "GET / HTTP/1.1\r\nHost: local", preface] {
        let start = Instant::now();
        let mut client = connected(&emulator).await;
        client.write_all(begin.as_bytes()).await.unwrap();
        let end = timeout(PATIENCE, client.read_to_end(&mut Vec::new())).await;
        end.expect("the connection stays open").ok();
        assert_eq!(start.elapsed().as_secs(), 30, "{begin:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_after_a_request() {
    let emulator = emulator(Pace::Eager);
    let mut client = connected(&emulator).await;
    assert_eq!(answer(&mut client).await, "HTTP/1.1 200 OK");
    sleep(HOUR).await;
    assert_eq!(answer(&mut client).await, "HTTP/1.1 200 OK");
}

#[tokio::test(start_paused = true)]
async fn a_streaming_pull_may_wait_for_messages() {
    let scene = Scene::start(Pace::Eager, [], |config| config.push_config = None).await;
    let channel = Channel::from_shared(scene.emulator.url()).unwrap();
    let mut client = SubscriberClient::new(channel.connect().await.unwrap());
    let first = StreamingPullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        stream_ack_deadline_seconds: 60,
        ..StreamingPullRequest::default()
    };
    let requests =
        futures_util::StreamExt::chain(tokio_stream::once(first), futures_util::stream::pending());
    let mut answers = client.streaming_pull(requests).await.unwrap().into_inner();
    sleep(HOUR).await;
    let id = scene.publish(Message::new("hi"));
    loop {
        let answer = answers.message().await.unwrap().unwrap();
        let mut received = answer.received_messages.into_iter();
        if let Some(message) = received.next().and_then(|each| each.message) {
            assert_eq!(message.message_id, id);
            return;
        }
    }
}

/// A process that may open 64 files.
struct WithFewFiles(Child);

impl Drop for WithFewFiles {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn silent_connections_do_not_keep_clients_out() {
    let child = Command::new("/bin/sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --host-port 127.0.0.1:0"])
        .arg(env!("CARGO_BIN_EXE_emulator"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut process = WithFewFiles(child.unwrap());
    let exports = BufReader::new(process.0.stdout.take().unwrap());
    let exported = exports.lines().next().unwrap().unwrap();
    let address = exported.split_once('=').unwrap().1;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.extend((0..60).map(|_| std::net::TcpStream::connect(address).unwrap()));
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE / 6)).unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.write_all(request).unwrap();
        let mut answer = [0; 15];
        client.read_exact(&mut answer).expect("no answer");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
}

/// Returns a frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// Returns a connection with HTTP/2 that has sent a request.
async fn with_http2(emulator: &Emulator) -> TcpStream {
    let mut client = connected(emulator).await;
    // GET, http and / of HPACK's static table, and the literal authority.
    let mut head = vec![0x82, 0x86, 0x84, 0x41, 9];
    head.extend(b"localhost");
    let begin = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 0b101, 1, &head),
    ];
    client.write_all(&begin.concat()).await.unwrap();
    client
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_control_frames_ends_the_connection() {
    let emulator = emulator(Pace::Eager);
    for (name, control) in [
        ("PING", frame(6, 0, 0, &[7; 8])),
        ("SETTINGS", frame(4, 0, 0, &[])),
        ("WINDOW_UPDATE", frame(8, 0, 0, &[0, 0, 0, 1])),
        ("PRIORITY", frame(2, 0, 5, &[0, 0, 0, 0, 16])),
    ] {
        let (mut reading, mut writing) = with_http2(&emulator).await.into_split();
        let frames = control.repeat(100);
        let flood = async {
            for _ in 0..1_000 {
                writing.write_all(&frames).await?;
            }
            std::future::pending::<std::io::Result<()>>().await
        };
        let mut answers = Vec::new();
        let read = async { reading.read_to_end(&mut answers).await };
        let ended = timeout(PATIENCE, async {
            tokio::select! { _ = flood => {}, _ = read => {} }
        });
        assert!(ended.await.is_ok(), "100,000 frames were accepted: {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_send_some_pings_for_ever() {
    let emulator = emulator(Pace::Eager);
    let mut client = with_http2(&emulator).await;
    let ping = frame(6, 0, 0, &[7; 8]);
    let answer = frame(6, 1, 0, &[7; 8]);
    let mut answers = Vec::new();
    for round in 1..=1_000 {
        client.write_all(&ping.repeat(20)).await.unwrap();
        while answers.windows(17).filter(|each| *each == answer).count() < 20 {
            let read = client.read_buf(&mut answers).await.unwrap();
            assert_ne!(read, 0, "closed after {round} rounds");
        }
        answers.clear();
        sleep(Duration::from_millis(100)).await;
    }
}
