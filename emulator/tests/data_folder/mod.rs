//! Tests of the state that a data folder restores after the emulator was stopped or dropped.

mod damage;
mod deletions;
mod lock;
mod messages;
mod replay;
mod settings;
mod times;

use std::path::{Path, PathBuf};
use std::time::Duration;

use emulator::{
    Emulator, JournalError, Message, Options, Pace, StartError, SubscriptionConfig,
    SubscriptionHandle,
};
use reqwest::Method;
use serde_json::Value;

use crate::harness::{SUBSCRIPTION, TOPIC};

const SNAPSHOT: &str = "projects/shop/snapshots/yesterday";
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The folder of one test, deleted with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("emulator-data-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::remove_dir_all(&folder).ok();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn options(&self) -> Options {
        Options {
            pace: Pace::Eager,
            data_folder: Some(self.0.clone()),
            ..Options::default()
        }
    }

    /// Starts an emulator. A dropped emulator keeps the folder until all its changes are written.
    async fn start(&self) -> Emulator {
        loop {
            match Emulator::start_with(self.options()) {
                Ok(emulator) => return emulator,
                Err(error) => assert!(
                    matches!(error, StartError::DataFolder(JournalError::InUse { .. })),
                    "{error:?}"
                ),
            }
            tokio::task::yield_now().await;
        }
    }

    async fn restart(&self, before: Emulator, end: End) -> Emulator {
        match end {
            End::Stopped => before.stop().await,
            End::Dropped => drop(before),
        }
        self.start().await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The ways in which an emulator ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Stopped,
    Dropped,
}

const ENDS: [End; 2] = [End::Stopped, End::Dropped];

async fn call(emulator: &Emulator, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/v1/{path}", emulator.url());
    let request = reqwest::Client::new().request(method, url);
    let response = request.body(body.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Sends a request that must succeed.
async fn done(emulator: &Emulator, method: Method, path: &str, body: Value) -> Value {
    let (status, answer) = call(emulator, method, path, &body).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Creates a topic and a pull subscription of it that `change` configures.
fn subscribed(
    emulator: &Emulator,
    change: impl FnOnce(&mut SubscriptionConfig),
) -> SubscriptionHandle {
    emulator.create_topic(TOPIC).unwrap();
    let mut config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    change(&mut config);
    emulator.create_subscription(config).unwrap()
}

fn publish(emulator: &Emulator, data: &'static str) -> String {
    emulator.publish(TOPIC, Message::new(data)).unwrap()
}

/// Returns the data of the unacknowledged messages, in the order of publishing.
fn unacked(emulator: &Emulator, subscription: &str) -> Vec<String> {
    let unacked = emulator.unacked_messages(subscription).into_iter();
    unacked
        .map(|message| String::from_utf8(message.data.to_vec()).unwrap())
        .collect()
}

fn ack_all(subscription: &SubscriptionHandle) {
    for pulled in subscription.pull(1_000).unwrap() {
        assert!(pulled.ack());
    }
}
