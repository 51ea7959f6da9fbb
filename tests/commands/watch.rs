//! `pushgate dev --watch`.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::process::{Process, command, ended, pushgate};
use crate::harness::{client, free_port, soon};

/// A folder of a test, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("pushgate-watched-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Declarations of a gateway whose application does not run.
fn declarations(subscriptions: &[&str]) -> String {
    let declared = subscriptions.iter().map(|id| {
        format!("  - {{id: {id}, topic: orders, purpose: A test., producers: [a test], idempotency: {{kind: messageId}}}}\n")
    });
    format!(
        "application: http://127.0.0.1:1\nsubscriptions:\n{}",
        declared.collect::<String>()
    )
}

/// The subscriptions of the emulator, and the messages that the first one holds.
async fn backlog(host: &str, subscription: &str) -> usize {
    let url = format!(
        "http://{host}/emulator/v1/projects/local/subscriptions/{subscription}/messages?maxMessages=10"
    );
    let answer = client().get(url).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    answer["receivedMessages"].as_array().map_or(0, Vec::len)
}

/// Waits for the second line that contains this.
async fn second(process: &mut Process, wanted: &str) {
    let mut printed = process.printed();
    let twice =
        |lines: &Vec<String>| lines.iter().filter(|line| line.contains(wanted)).count() >= 2;
    let seen = soon("the second start", printed.wait_for(twice)).await;
    drop(seen.expect("pushgate runs"));
}

#[tokio::test]
async fn a_watched_gateway_starts_again_with_the_messages_it_had() {
    let folder = Folder::new();
    let file = folder.write("gateway.yaml", &declarations(&["mail", "audit"]));
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    let mut process = Process::start(command(&[
        "gateway",
        "--config",
        &file,
        "dev",
        "--watch",
        "--quiet",
        "--status-port=0",
        "--port",
        &ports[0],
        "--emulator-port",
        &ports[1],
    ]));
    let host = format!("127.0.0.1:{}", ports[1]);
    process.line("Publish your own").await;
    let url = format!("http://{host}/v1/projects/local/topics/orders:publish");
    let publish = json!({"messages": [{"data": "aGk="}]});
    let published = client().post(url).json(&publish).send().await;
    assert_eq!(published.expect("an answer").status(), 200);
    process.line("attempt 1").await;

    folder.write("other.txt", "no source");
    folder.write("gateway.yaml", &declarations(&["mail", "billing"]));
    process.line("changed: gateway.yaml").await;
    process
        .line("! audit is not declared any more: deleted with its backlog")
        .await;
    second(&mut process, "Publish your own").await;
    assert_eq!(backlog(&host, "mail").await, 1, "kept");
    assert_eq!(backlog(&host, "billing").await, 0, "new");

    folder.write("gateway.yaml", "application: none\n");
    process
        .line("the service has ended; it starts again after the next change")
        .await;
    folder.write("gateway.yaml", &declarations(&["mail"]));
    process.line("! billing is not declared any more").await;
    process.signal("-TERM").await;
    assert!(process.exit().await.success());
    let left = std::net::TcpStream::connect(&host);
    assert!(left.is_err(), "the emulator has ended, too");
}

#[tokio::test]
async fn a_watched_program_is_built_and_started_again() {
    let folder = Folder::new();
    let source = folder.write("main.rs", "fn main() {}");
    let program = folder.0.join("shop");
    std::fs::copy(pushgate(), &program).expect("a program");
    folder.write("shop.d", &format!("{}: {source}\n", program.display()));
    let build = format!("grep -q broken {source} && exit 1; echo building",);
    let mut shop = Command::new(&program);
    shop.args([
        "dev",
        "--quiet",
        "--watch",
        "--build",
        &build,
        "--port=0",
        "--emulator-port=0",
        "--status-port=0",
    ]);
    shop.env_clear().kill_on_drop(true);
    let mut process = Process::start(shop);
    process.line("Publish your own").await;
    folder.write("main.rs", "broken");
    process
        .line("the build failed, and the service runs as it was")
        .await;
    folder.write("new.rs", "fn new() {}");
    folder.write("main.rs", "fn main() { new() }");
    process.line("building").await;
    process.line("shutting down").await;
    second(&mut process, "shop dev, ready").await;
    process.signal("-INT").await;
    assert!(process.exit().await.success());
}

#[tokio::test]
async fn a_program_that_cargo_did_not_build_cannot_be_watched() {
    let folder = Folder::new();
    let program = folder.0.join("shop");
    std::fs::copy(pushgate(), &program).expect("a program");
    let mut shop = Command::new(&program);
    shop.args(["dev", "--watch"]).env_clear();
    let ended = ended(shop).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("run it by `cargo run`"),
        "{}",
        ended.stderr
    );
}
