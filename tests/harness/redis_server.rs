//! A Redis server of one test, which can be stopped, frozen and started again with what it had written.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{DedupStore, RedisStore};

use super::soon;

pub(crate) struct RedisServer {
    port: u16,
    folder: PathBuf,
    /// Whether what was written outlives a restart.
    is_durable: bool,
    child: Option<Child>,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        Self::with_durability(true).await
    }

    pub(crate) async fn with_durability(is_durable: bool) -> Self {
        let port = free_port();
        let folder =
            std::env::temp_dir().join(format!("pushgate-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut server = Self {
            port,
            folder,
            is_durable,
            child: None,
        };
        server.restart().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A store with connections of its own, as each instance has.
    pub(crate) fn store(&self) -> Arc<dyn DedupStore> {
        Arc::new(RedisStore::new(&self.url(), Duration::from_secs(2)).expect("a store"))
    }

    /// A store that logs in as `USER:PASSWORD`.
    pub(crate) fn store_as(&self, user: &str) -> Arc<dyn DedupStore> {
        let url = format!("redis://{user}@127.0.0.1:{}", self.port);
        Arc::new(RedisStore::new(&url, Duration::from_secs(2)).expect("a store"))
    }

    /// One command, as an operator types it.
    pub(crate) fn command(&self, words: &[&str]) {
        let port = self.port.to_string();
        let done = Command::new("redis-cli")
            .args(["-p", &port])
            .args(words)
            .output()
            .expect("redis-cli");
        assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "OK");
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.stop();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendfsync",
                "always",
            ])
            .args(["--appendonly", if self.is_durable { "yes" } else { "no" }])
            .arg("--dir")
            .arg(&self.folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        self.child = Some(child);
        soon("redis-server", async {
            while self.store().ping().await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// SIGSTOP: the server keeps its connections and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("a server").id().to_string();
        let sent = Command::new("kill")
            .args([signal, &id])
            .status()
            .expect("kill");
        assert!(sent.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.local_addr().expect("an address").port()
}
