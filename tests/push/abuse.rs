//! Hostile or slow clients, which get no more than their share.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::process::{Process, command, pushgate, settings};
use crate::harness::{
    AUDIENCE, CALLER, Service, client, free_port, get, push_to, soon, time_passes,
};

/// Less than the grace period and Cloud Run's own.
const EXIT: Duration = Duration::from_secs(8);

async fn answers(url: &str) {
    soon("an answer", async {
        while get(format!("{url}/health/live")).await.is_err() {}
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_not_read_stops_neither_pushes_nor_the_exit() {
    let google = Google::start().await;
    let port = free_port();
    let mut settings = settings(&google, "memory:");
    settings.push(("PORT", port.to_string()));
    let mut command = command(&["serve"]);
    let mut process = command
        .envs(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pushgate starts");
    let url = format!("http://127.0.0.1:{port}");
    answers(&url).await;
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    let client = client();
    // Each leaves a line of more than 140 bytes; a pipe holds 64 KiB.
    for _ in 0..1000 {
        let body = TestMessage::new("nobody-subscribes", task::SUCCEED).body();
        let request = client.post(&url).bearer_auth(&token).body(body);
        let reply = soon("an answer", request.send()).await.expect("an answer");
        assert_eq!(reply.status(), 404);
    }
    let id = process.id().expect("running").to_string();
    let start = Instant::now();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(sent.expect("kill").success());
    let status = soon("the exit", process.wait()).await.expect("a status");
    assert!(status.success() && start.elapsed() < EXIT, "{status}");
    let mut log = String::new();
    let mut stderr = process.stderr.take().expect("stderr");
    stderr.read_to_string(&mut log).await.expect("the log");
    assert!(log.len() > 50_000, "it was stuck: {} bytes", log.len());
}

#[tokio::test]
async fn a_command_that_fails_exits_though_its_error_is_not_read() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&[b'x'; 64 * 1024]).expect("all its room");
    let mut command = command(&["serve"]);
    let command = command.env("GOOGLE_CLOUD_PROJECT", "p").stderr(writer);
    let mut process = command.spawn().expect("pushgate starts");
    let status = soon("the exit", process.wait()).await.expect("a status");
    assert_eq!(status.code(), Some(1));
    drop(reader);
}

#[tokio::test]
async fn strangers_requests_are_counted_instead_of_logged_one_by_one() {
    const REQUESTS: u64 = 300;
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let client = client();
    let start = Instant::now();
    for request in 0..REQUESTS {
        let path = if request % 3 == 0 { "" } else { "/nowhere" };
        let reply = client.post(format!("{url}{path}")).send().await;
        assert!(reply.expect("an answer").status().is_client_error());
    }
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    for _ in 0..20 {
        let body = TestMessage::new("nobody-subscribes", task::SUCCEED).body();
        assert_eq!(push_to(&url, body, &token).await.status, 404);
    }
    let periods = start.elapsed().as_secs() + 2;
    process.signal("-TERM").await;
    assert!(process.exit().await.success());
    let lines: Vec<serde_json::Value> = (process.finished().await.iter())
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &serde_json::Value| line["message"] == "push refused")
        .collect();
    let (known, strangers): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .partition(|line| line["reason"].to_string().contains("no subscriber"));
    assert_eq!(known.len(), 20, "a known caller's pushes have a line each");
    let requests = strangers
        .iter()
        .map(|line| line["times"].as_u64().unwrap_or(1));
    assert_eq!(requests.sum::<u64>(), REQUESTS);
    // Two kinds, each with three lines and a sum a second.
    let allowed = usize::try_from(2 * 4 * periods).expect("few");
    assert!(strangers.len() <= allowed, "{} lines", strangers.len());
    assert!(strangers.iter().any(|line| !line["times"].is_null()));
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const PING: &[u8] = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00pingping";
const GET: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: pushgate\r\n\r\n";
/// A connection without a request is closed after 30 s.
const IDLE: Duration = Duration::from_secs(31);

async fn connect(url: &str, hello: &[u8]) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(hello).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_whatever_it_speaks() {
    let service = Service::start().await;
    let mut streams = Vec::new();
    for hello in [b"".as_slice(), b"PRI", b"GET / HTT", PREFACE] {
        streams.push((hello, connect(&service.url, hello).await));
    }
    // They are accepted in their order.
    let live = get(format!("{}/health/live", service.url)).await;
    assert_eq!(live.expect("an answer").status(), 200);
    let held = service.message(task::HOLD);
    let meanwhile = async {
        time_passes(IDLE).await;
        for (hello, mut stream) in streams {
            let mut rest = Vec::new();
            let end = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
            assert!(end.is_ok(), "{hello:?} is still open");
        }
    };
    let reply = service.push_held(&held, meanwhile).await;
    assert_eq!(reply.status, 204, "a request keeps its connection open");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let service = Service::start().await;
    for (hello, repeated) in [(b"".as_slice(), GET), (PREFACE, PING)] {
        let stream = connect(&service.url, hello).await;
        let flood = repeated.repeat(1000);
        let mut jumps = 0;
        loop {
            match stream.try_write(&flood) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    let writable = timeout(Duration::from_secs(1), stream.writable()).await;
                    if writable.is_err() {
                        // It may still have handled a request before.
                        assert!(jumps < 5, "the connection is still open");
                        jumps += 1;
                        time_passes(IDLE).await;
                    }
                }
                Err(_closed) => break,
            }
        }
    }
}

#[tokio::test]
async fn nothing_that_strangers_hear_waits_for_them_to_read_a_body() {
    let service = Service::start().await;
    let address = service.url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.expect("connected");
    let builder = h2::client::Builder::new()
        .initial_window_size(0)
        .handshake::<_, Bytes>(stream);
    let (client, connection) = builder.await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = client.ready().await.expect("connected");
    soon("readiness", async { while service.ready().await != 200 {} }).await;
    for (method, path, status) in [
        ("POST", "/", 401),
        ("POST", "/push/probe", 401),
        ("POST", "/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/", 405),
        ("GET", "/health/live", 200),
        ("GET", "/health/ready", 200),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", service.url));
        let request = request.body(()).expect("a request");
        let (response, _) = client.send_request(request, true).expect("sent");
        let response = soon("an answer", response).await.expect("an answer");
        assert_eq!(response.status(), status, "{method} {path}");
        assert!(response.body().is_end_stream(), "{method} {path}");
    }
    assert_eq!(client.current_max_send_streams(), 250);
}

#[tokio::test]
async fn strangers_connections_keep_nothing_else_out() {
    let google = Google::start().await;
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 256 && exec \"$0\" serve"])
        .arg(pushgate())
        .env_clear()
        .kill_on_drop(true);
    let (mut process, url) = Process::listening(limited, &settings(&google, "memory:")).await;
    process
        .line("the limit of open files allows fewer than 4096 connections")
        .await;
    let mut strangers = Vec::new();
    for number in 0..400 {
        let stuck = GET.repeat(20_000);
        let hello = [b"".as_slice(), b"PRI", PREFACE, &stuck][number % 4];
        // Some are closed while they write.
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.expect("connected");
        let _ = stream.try_write(hello);
        strangers.push(stream);
    }
    let live = soon("an answer", get(format!("{url}/health/live"))).await;
    assert_eq!(live.expect("an answer").status(), 200);
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    let body = TestMessage::new("nobody-subscribes", task::SUCCEED).body();
    let push = soon("an answer", push_to(&url, body, &token)).await;
    assert_eq!(push.status, 404);
    process.line("the connection limit is reached").await;
    let start = Instant::now();
    process.signal("-TERM").await;
    assert!(process.exit().await.success());
    assert!(start.elapsed() < EXIT, "{:?}", start.elapsed());
    drop(strangers);
}
