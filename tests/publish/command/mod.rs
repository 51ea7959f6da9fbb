//! `pushgate publish`, as a process.

mod encoding;
mod file;
mod message;
mod resume;

use std::collections::HashMap;
use std::path::PathBuf;

use emulator::{Emulator, ReceivedMessage, SubscriptionHandle};
use uuid::Uuid;

use crate::harness::PROJECT;
use crate::harness::process::{Ended, command, ended};

/// The topic `orders` with a subscription, and a folder for files.
struct Scene {
    emulator: Emulator,
    subscription: SubscriptionHandle,
    folder: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    async fn start() -> Self {
        let emulator = Emulator::start().await.expect("an emulator");
        let topic = emulator
            .create_topic(&format!("projects/{PROJECT}/topics/orders"))
            .expect("a topic");
        let subscription = topic.subscribe("watch").expect("a subscription");
        let folder = std::env::temp_dir().join(format!("pushgate-publish-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        Self {
            emulator,
            subscription,
            folder,
        }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A file of three orders, the second of which does not fit.
    fn three_orders(&self) -> String {
        let lines = [order("A-1"), misfit(), order("A-3")];
        self.write("orders.jsonl", lines.join("\n"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("text").to_owned()
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = command(&["publish", "orders"]);
        command
            .args(arguments)
            .env("GOOGLE_CLOUD_PROJECT", PROJECT)
            .env("PUBSUB_EMULATOR_HOST", self.emulator.address().to_string());
        command
    }

    async fn publish(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    fn held(&self) -> Vec<ReceivedMessage> {
        self.subscription.unacked_messages()
    }

    /// The number of messages of each event.
    fn events(&self) -> HashMap<String, usize> {
        let mut events = HashMap::new();
        for message in self.held() {
            *events
                .entry(message.attributes["event-id"].clone())
                .or_default() += 1;
        }
        events
    }
}

fn order(id: &str) -> String {
    format!(
        r#"{{"orderId":"{id}","customerEmail":"ada@example.com","lines":[{{"article":"teapot","quantity":1,"priceCents":1999}}]}}"#
    )
}

/// An order that no subscriber can read.
fn misfit() -> String {
    order("A-2")
        .replace("1999", "\"hush\"")
        .replace("ada@example.com", "hush")
}

fn orders(count: usize) -> String {
    (1..=count)
        .map(|number| order(&format!("A-{number}")) + "\n")
        .collect()
}
