//! Runs the same checks with Google's client libraries for Python and Node against this emulator and the official one.

use std::fmt::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use emulator::{Emulator, Options};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::feature_table::{Finding, Judged, difference, features, missing};

const SUITES: [&str; 2] = ["python", "node"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's Python and Node clients"]
async fn this_emulator_behaves_as_google_documents() {
    judge(Judged::Ours).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator and its Python and Node clients"]
async fn the_official_emulator_deviates_as_recorded() {
    judge(Judged::Official).await;
}

/// Runs all checks. Checks with an unexpected result run once more alone, since some measure time and the machine may be
/// busy. All repeated differences are reported together.
async fn judge(judged: Judged) {
    let features = features();
    let server = Server::start(judged).await;
    let mut findings = Vec::new();
    let mut differences = Vec::new();
    for client in SUITES {
        let first = run(client, &server.host, &[]).await;
        let again: Vec<String> = first
            .iter()
            .filter(|found| difference(&features, judged, found).is_some())
            .map(|found| found.feature.clone())
            .collect();
        findings.extend(first);
        if !again.is_empty() {
            eprintln!("{client}: looking again at {}", again.join(", "));
            let second = run(client, &server.host, &again).await;
            differences.extend(
                second
                    .iter()
                    .filter_map(|found| difference(&features, judged, found)),
            );
        }
    }
    let restarted = restart(server, judged).await;
    differences.extend(difference(&features, judged, &restarted));
    findings.push(restarted);
    differences.extend(missing(&features, &findings));
    let count = differences.len();
    let text = differences.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  {line}");
        text
    });
    assert!(
        count == 0,
        "{judged:?}: {count} of {} findings differ:\n{text}",
        findings.len()
    );
}

/// Runs all or some checks of a client. Each has a finding.
async fn run(client: &'static str, host: &str, only: &[String]) -> Vec<Finding> {
    let mut command = suite(client);
    command.args(only).env("PUBSUB_EMULATOR_HOST", host);
    let output = spawn_blocking(move || command.stderr(Stdio::null()).output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{client} does not start: {error}"));
    let text = String::from_utf8(output.stdout).unwrap();
    let findings: Vec<Finding> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    assert!(
        !findings.is_empty(),
        "the suite of {client} found nothing: {}",
        output.status
    );
    findings
}

fn suite(client: &str) -> Command {
    let checks = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(client);
    if client == "python" {
        let mut command = Command::new(option("PUSHGATE_TEST_PYTHON"));
        command.arg("-B").arg(checks);
        return command;
    }
    let mut command = Command::new("node");
    let library = PathBuf::from(option("PUSHGATE_TEST_NODE")).join("node_modules");
    command
        .arg(checks.join("main.js"))
        .env("NODE_PATH", library);
    command
}

/// Checks that ids differ after a restart. A subscriber that stores ids would take a new message for an old one.
async fn restart(server: Server, judged: Judged) -> Finding {
    let before = publish(&server.host).await;
    server.stop().await;
    let server = Server::start(judged).await;
    let after = publish(&server.host).await;
    server.stop().await;
    let again = after.iter().find(|id| before.contains(id));
    let fault = again.map(|id| format!("the id {id} was used twice"));
    Finding::new("message-ids-unique-over-restart", "restart", fault)
}

/// Returns the ids of all messages of a new topic. There are more than the suites publish, so that a mere counter would
/// repeat ids.
async fn publish(host: &str) -> Vec<String> {
    let client = reqwest::Client::new();
    let topic = format!("http://{host}/v1/projects/restart/topics/orders");
    client.put(&topic).json(&json!({})).send().await.unwrap();
    let messages = vec![json!({"data": "aGk="}); 1000];
    let mut ids = Vec::new();
    for _ in 0..8 {
        let request = client.post(format!("{topic}:publish"));
        let answer = request
            .json(&json!({"messages": messages}))
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        let published = answer["messageIds"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"));
        ids.extend(published.iter().map(|id| id.as_str().unwrap().to_owned()));
    }
    ids
}

struct Server {
    host: String,
    process: Process,
}

enum Process {
    Ours(Emulator),
    Official(Official),
}

/// A process that ends with the test.
struct Official(Child);

impl Drop for Official {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    async fn start(judged: Judged) -> Self {
        if judged == Judged::Official {
            return Self::official().await;
        }
        let emulator = Emulator::start_with(Options::default()).unwrap();
        Self {
            host: emulator.url().replace("http://", ""),
            process: Process::Ours(emulator),
        }
    }

    async fn official() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("java")
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar"])
            .arg(option("PUBSUB_EMULATOR_JAR"))
            .args(["--host=127.0.0.1".to_owned(), format!("--port={port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("java starts");
        let process = Process::Official(Official(child));
        let host = format!("127.0.0.1:{port}");
        let listening = async {
            while reqwest::get(format!("http://{host}/")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let started = tokio::time::timeout(Duration::from_secs(30), listening).await;
        started.expect("the official emulator listens");
        Self { host, process }
    }

    async fn stop(self) {
        match self.process {
            Process::Ours(emulator) => emulator.stop().await,
            Process::Official(child) => drop(child),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the outside tools are is set by ./test"
)]
pub(crate) fn option(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run ./test, which finds it"))
}
