//! The binary `pushgate` as a process, with its log read line by line.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::google::Google;
use super::{AUDIENCE, CALLER, PROJECT, soon};

/// A running `pushgate`, killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: watch::Receiver<Vec<String>>,
}

/// The binary `pushgate`, which another package makes, beside this test.
///
/// # Panics
/// If it is missing or older than its sources, since Cargo does not make it for a test of this package alone.
pub(crate) fn pushgate() -> PathBuf {
    let binary = target().join("pushgate");
    let built = modified(&binary);
    let sources = std::fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let changed = sources
        .split_whitespace()
        .skip(1)
        .find(|source| modified(Path::new(source)) > built);
    assert!(
        built.is_some() && changed.is_none(),
        "{} is missing or older than its sources: run ./test, or `cargo build --workspace --all-features --all-targets` first",
        binary.display()
    );
    binary
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|data| data.modified()).ok()
}

/// The folder of this build, such as `target/debug`.
fn target() -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    tests.ancestors().nth(2).expect("the target folder").into()
}

/// The command `pushgate` with these arguments and an empty environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(pushgate());
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The command `serve` of the example `stuck`.
pub(crate) fn obedient() -> Command {
    let mut command = Command::new(target().join("examples/stuck"));
    command.arg("serve").env_clear().kill_on_drop(true);
    command
}

/// The settings of `pushgate serve` for Google's side, on a free port.
pub(crate) fn settings(google: &Google, store: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PORT", "0".into()),
        ("GOOGLE_CLOUD_PROJECT", PROJECT.into()),
        ("PUSHGATE_STORE", store.into()),
        ("PUSHGATE_AUDIENCE", AUDIENCE.into()),
        ("PUSHGATE_CALLERS", CALLER.into()),
        ("PUSHGATE_ISSUER", google.emulator.issuer().url().to_owned()),
        ("PUSHGATE_KEYS_URL", google.keys_url()),
        (
            "PUBSUB_EMULATOR_HOST",
            google.emulator.address().to_string(),
        ),
        ("PUSHGATE_LOG_FORMAT", "json".into()),
    ]
}

/// The output of a command that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) async fn ended(mut command: Command) -> Ended {
    let output = soon("the end", command.output()).await;
    Ended::of(output.expect("the command starts"))
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Process {
    /// Starts a command, and keeps the lines of both outputs.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pushgate starts");
        let (sender, lines) = watch::channel(Vec::new());
        let sender = Arc::new(Mutex::new(sender));
        keep_lines(child.stdout.take().expect("stdout"), &sender);
        keep_lines(child.stderr.take().expect("stderr"), &sender);
        Self { child, lines }
    }

    /// Starts `pushgate serve`, and returns it with its URL.
    pub(crate) async fn serve(settings: &[(&str, String)]) -> (Self, String) {
        Self::listening(command(&["serve"]), settings).await
    }

    /// Starts a command that serves, with these settings and a JSON log, and returns it with its URL.
    pub(crate) async fn listening(
        mut command: Command,
        settings: &[(&str, String)],
    ) -> (Self, String) {
        command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        let mut process = Self::start(command);
        let listening = process.log(|line| line["message"] == "listening").await;
        let port = listening["address"]
            .as_str()
            .and_then(|address| address.rsplit(':').next())
            .expect("an address")
            .to_owned();
        (process, format!("http://127.0.0.1:{port}"))
    }

    /// Waits for a line of the log.
    pub(crate) async fn log(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let parse = |line: &String| serde_json::from_str::<Value>(line).ok().filter(&is_wanted);
        let lines = soon(
            "a log line",
            self.lines
                .wait_for(|lines| lines.iter().any(|line| parse(line).is_some())),
        )
        .await;
        lines
            .expect("pushgate runs")
            .iter()
            .find_map(parse)
            .expect("the line")
    }

    /// Waits for a line that contains this.
    pub(crate) async fn line(&mut self, wanted: &str) -> String {
        soon(wanted, self.line_at_any_time(wanted)).await
    }

    /// Waits for a line that contains this, as long as a build takes.
    pub(crate) async fn line_at_any_time(&mut self, wanted: &str) -> String {
        let has_it = |lines: &Vec<String>| lines.iter().any(|line| line.contains(wanted));
        let lines = self.lines.wait_for(has_it).await;
        lines
            .expect("pushgate runs")
            .iter()
            .find(|line| line.contains(wanted))
            .expect("the line")
            .clone()
    }

    /// Waits for this number of lines.
    pub(crate) async fn lines_are(&mut self, count: usize) {
        let enough = self.lines.wait_for(|lines| lines.len() >= count);
        soon("many lines", enough).await.expect("pushgate runs");
    }

    /// Returns all lines after its end.
    pub(crate) async fn finished(mut self) -> Vec<String> {
        // Its outputs are closed when the last reader drops its end.
        soon("the last line", async {
            while self.lines.changed().await.is_ok() {}
        })
        .await;
        self.lines()
    }

    /// Returns the lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Returns the lines so far, also while the process is waited for.
    pub(crate) fn printed(&self) -> watch::Receiver<Vec<String>> {
        self.lines.clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("still running")
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill")
            .args([signal, &id])
            .status()
            .await
            .expect("kill");
        assert!(sent.success());
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        soon("the exit", self.child.wait()).await.expect("a status")
    }
}

fn keep_lines(
    output: impl AsyncRead + Unpin + Send + 'static,
    sender: &Arc<Mutex<watch::Sender<Vec<String>>>>,
) {
    let sender = Arc::clone(sender);
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender
                .lock()
                .expect("lines")
                .send_modify(|lines| lines.push(line));
        }
    });
}
