//! Clients that mean no good, or do not read: they get no more than their share.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, command, settings};
use crate::harness::{AUDIENCE, CALLER, client, free_port, get, push_to, soon};

/// Less than the grace and what Cloud Run gives.
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
        let body = TestMessage::new("nobody-subscribes", "ok").body();
        let request = client.post(&url).bearer_auth(&token).body(body);
        let reply = soon("an answer", request.send()).await.expect("an answer");
        assert_eq!(reply.status(), 404);
    }
    let id = process.id().expect("running").to_string();
    let start = tokio::time::Instant::now();
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
async fn strangers_requests_are_counted_instead_of_logged_one_by_one() {
    const REQUESTS: u64 = 300;
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let client = client();
    let start = tokio::time::Instant::now();
    for request in 0..REQUESTS {
        let path = if request % 3 == 0 { "" } else { "/nowhere" };
        let reply = client.post(format!("{url}{path}")).send().await;
        assert!(reply.expect("an answer").status().is_client_error());
    }
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    for _ in 0..20 {
        let body = TestMessage::new("nobody-subscribes", "ok").body();
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
