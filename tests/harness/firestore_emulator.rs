//! Google's own Firestore emulator, at the path in `FIRESTORE_EMULATOR_JAR`.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pushgate::dedup::{DedupStore, FirestoreStore};
use serde_json::Value;

use super::backend::{Server, signal};
use super::free_port;
use super::official::option;
use super::soon;

pub(crate) struct FirestoreEmulator {
    child: Child,
    pub(crate) port: u16,
}

/// A server that keeps no data over a restart.
#[async_trait]
impl Server for FirestoreEmulator {
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn restart(&mut self) {
        self.kill();
        self.child = launch(self.port);
        self.is_up().await;
    }

    fn freeze(&self) {
        signal(&self.child, "-STOP");
    }

    fn thaw(&self) {
        signal(&self.child, "-CONT");
    }
}

impl FirestoreEmulator {
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let emulator = Self {
            child: launch(port),
            port,
        };
        emulator.is_up().await;
        emulator
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns a store with separate connections, as each instance has.
    pub(crate) fn store(&self) -> Arc<dyn DedupStore> {
        self.store_in("test-project/(default)")
    }

    /// Returns a store in this `PROJECT/DATABASE`.
    pub(crate) fn store_in(&self, database: &str) -> Arc<dyn DedupStore> {
        store_at(&self.host(), database)
    }

    /// Returns all documents of a database in REST's form.
    pub(crate) async fn documents(&self, database: &str) -> Vec<Value> {
        let url = format!(
            "http://{}/v1/projects/test-project/databases/{database}/documents/pushgate",
            self.host()
        );
        let answer = super::get(url).await.expect("an answer");
        let mut answer: Value = answer.json().await.expect("JSON");
        match answer["documents"].take() {
            Value::Array(documents) => documents,
            _ => Vec::new(),
        }
    }

    async fn is_up(&self) {
        soon("the Firestore emulator", async {
            while super::get(format!("http://{}", self.host())).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

/// Returns a store at this address, which may be a proxy's.
pub(crate) fn store_at(host: &str, database: &str) -> Arc<dyn DedupStore> {
    store_within(host, database, Duration::from_secs(20)) // a JVM is slow at first
}

pub(crate) fn store_within(host: &str, database: &str, timeout: Duration) -> Arc<dyn DedupStore> {
    let database = database.parse().expect("a database");
    Arc::new(FirestoreStore::new(&database, Some(host), timeout).expect("a store"))
}

fn launch(port: u16) -> Child {
    Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"])
        .arg("-cp")
        .arg(option("FIRESTORE_EMULATOR_JAR"))
        .arg("com.google.cloud.datastore.emulator.firestore.CloudFirestore")
        .args(["start", "--host=127.0.0.1", &format!("--port={port}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("java starts")
}

impl Drop for FirestoreEmulator {
    fn drop(&mut self) {
        self.kill();
    }
}
