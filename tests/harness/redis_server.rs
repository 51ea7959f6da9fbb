//! A Redis server of one test, which can be killed, frozen and restarted with its data.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pushgate::dedup::{DedupStore, RedisStore};

use super::backend::Server;
use super::{free_port, soon};

/// The time limit of a store of a test.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct RedisServer {
    pub(crate) port: u16,
    folder: PathBuf,
    program: &'static str,
    arguments: Vec<String>,
    child: Option<Child>,
}

/// Returns a store at this address with separate connections, as each instance has.
pub(crate) fn redis_store(url: &str) -> Arc<dyn DedupStore> {
    redis_store_within(url, TIMEOUT)
}

pub(crate) fn redis_store_within(url: &str, timeout: Duration) -> Arc<dyn DedupStore> {
    Arc::new(RedisStore::new(&url.parse().expect(url), timeout).expect("a store"))
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        Self::with(&["--appendonly", "yes"]).await
    }

    /// Starts a server with these settings beside those of every test.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        Self::with_port(free_port(), settings).await
    }

    pub(crate) async fn with_port(port: u16, settings: &[&str]) -> Self {
        let mut server = Self::at(port);
        server
            .arguments
            .extend(settings.iter().map(ToString::to_string));
        server.restart().await;
        server
    }

    /// Returns a server that is not started yet.
    fn at(port: u16) -> Self {
        let name = format!("pushgate-redis-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let settings = [
            ("--port", port.to_string()),
            ("--bind", "127.0.0.1".into()),
            ("--save", String::new()),
            ("--appendfsync", "always".into()),
            ("--repl-diskless-sync-delay", "0".into()),
            ("--dir", folder.display().to_string()),
        ];
        let arguments = settings.map(|(name, value)| [name.to_owned(), value]);
        Self {
            port,
            folder,
            program: "redis-server",
            arguments: arguments.concat(),
            child: None,
        }
    }

    /// Starts a Sentinel of the master `main` at this port, with this time until the master counts as dead.
    pub(crate) async fn sentinel(master: u16, down_after: Duration, settings: &str) -> Self {
        let mut sentinel = Self::at(free_port());
        let file = sentinel.folder.join("sentinel.conf");
        let text = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {master} 1\nsentinel down-after-milliseconds main {}\nsentinel failover-timeout main 3000\n{settings}\n",
            sentinel.port,
            sentinel.folder.display(),
            down_after.as_millis(),
        );
        std::fs::write(&file, text).expect("a file");
        sentinel.program = "redis-sentinel";
        sentinel.arguments = vec![file.display().to_string()];
        sentinel.restart().await;
        sentinel
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn store(&self) -> Arc<dyn DedupStore> {
        redis_store(&self.url())
    }

    /// Runs one command as an operator types it, and returns the answer.
    pub(crate) fn call(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let done = Command::new("redis-cli")
            .args(["-p", &port])
            .args(words)
            .output()
            .expect("redis-cli");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Runs one command that must succeed.
    pub(crate) fn command(&self, words: &[&str]) {
        assert_eq!(self.call(words), "OK", "{words:?}");
    }

    /// Returns one field of the server's `INFO`.
    pub(crate) fn info(&self, name: &str) -> String {
        let all = self.call(&["info", "everything"]);
        let facts = all
            .lines()
            .filter_map(|line| line.trim_end().split_once(':'));
        let mut values = facts
            .filter(|(fact, _)| *fact == name)
            .map(|(_, value)| value);
        values.next().unwrap_or_default().to_owned()
    }

    /// Waits for this answer of the server.
    pub(crate) async fn answers(&self, words: &[&str], is_wanted: impl Fn(&str) -> bool) {
        soon(&words.join(" "), async {
            while !is_wanted(&self.call(words)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    fn signal(&self, signal: &str) {
        super::backend::signal(self.child.as_ref().expect("a server"), signal);
    }
}

#[async_trait]
impl Server for RedisServer {
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    async fn restart(&mut self) {
        self.kill();
        let child = Command::new(self.program)
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        self.child = Some(child);
        let is_up = |answer: &str| answer == "PONG" || answer.starts_with("NOAUTH");
        self.answers(&["ping"], is_up).await;
    }

    fn freeze(&self) {
        self.signal("-STOP");
    }

    fn thaw(&self) {
        self.signal("-CONT");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
