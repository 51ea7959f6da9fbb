//! New services that are built and run, each from the packages that would be published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emulator::{Message, PushConfig};
use serde_json::Value;
use tokio::process::Command;

use super::packages::packages;
use super::{empty_folder, new};
use crate::harness::google::Google;
use crate::harness::process::{Process, settings};
use crate::harness::repository::{Copy, root};
use crate::harness::{AUDIENCE, CALLER, PROJECT};

/// A folder outside the repository, in which Cargo needs no network and builds dependencies where the tests do.
struct Adopter {
    folder: Copy,
    packages: PathBuf,
    target: PathBuf,
}

impl Adopter {
    fn new() -> Self {
        let target = root().join("target/adopting");
        let adopter = Self {
            folder: empty_folder(),
            packages: packages(&target),
            target,
        };
        let config = format!(
            "[net]\noffline = true\n
[build]\ntarget-dir = {:?}\nbuild-dir = {:?}\n
[profile.dev]\ndebug = \"line-tables-only\"\n
[profile.dev.package.aws-lc-sys]\nopt-level = 1\n
[patch.crates-io]\npushgate-emulator = {{ path = {:?} }}\n",
            adopter.target,
            root().join("target"),
            adopter.packages.join("emulator"),
        );
        adopter.folder.put(".cargo/config.toml", config);
        adopter
    }

    /// Makes a service in a folder, and locks the releases of dependencies that are there.
    async fn make(&self, folder: &str, name: &str) {
        let inside = Copy::at(self.folder.root.join(folder));
        let path = self.packages.to_str().expect("text");
        let ended = new(&inside, &[name, "--path", path]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }

    fn lock(&self, workspace: &str) {
        let lock = std::fs::read(root().join("Cargo.lock")).expect("a file");
        self.folder.put(&format!("{workspace}/Cargo.lock"), lock);
    }

    /// The command of a line of a page, in a folder.
    fn command(&self, folder: &str, line: &str) -> Command {
        let words = line.strip_prefix("cargo ").expect("a command of Cargo");
        let mut command = Command::new(env!("CARGO"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.root.join(folder))
            .kill_on_drop(true);
        command
    }

    async fn run(&self, folder: &str, line: &str) {
        let output = self.command(folder, line).output().await.expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }

    /// Starts `serve` of a service that was built.
    async fn serve(&self, name: &str, settings: &[(&str, String)]) -> (Process, String) {
        let mut command = Command::new(self.target.join("debug").join(name));
        command.arg("serve").env_clear().kill_on_drop(true);
        Process::listening(command, settings).await
    }

    /// Returns the files below a folder with their contents.
    fn contents(&self, folder: &str) -> BTreeMap<String, String> {
        let all = self.folder.files().into_iter();
        let inside = all.filter(|path| Path::new(path).starts_with(folder));
        inside
            .map(|path| (path.clone(), self.folder.read(&path)))
            .collect()
    }
}

/// The commands of the first block of a page.
fn commands(page: &str) -> Vec<&str> {
    let (_, block) = page.split_once("```sh\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    block.lines().collect()
}

/// Runs the commands of the service's README: its tests, and its local cloud until an example was handled.
async fn follow_the_readme(adopter: &Adopter) {
    let readme = adopter.folder.read("shop/README.md");
    let [test, dev] = commands(&readme)[..] else {
        panic!("two commands");
    };
    adopter.run("shop", test).await;
    let mut dev = Process::start(adopter.command("shop", dev));
    dev.line_at_any_time("✓ orders-shop").await;
    dev.signal("-TERM").await;
    assert!(dev.exit().await.success());
}

#[tokio::test]
async fn new_services_of_two_workspaces_share_a_topic() {
    let adopter = Adopter::new();
    adopter.make("", "shop").await;
    adopter.lock("shop");
    follow_the_readme(&adopter).await;

    adopter.make("shop", "receipts").await;
    adopter.run("shop", "cargo run -p shop -- generate").await;
    adopter.run("shop", "cargo run -p shop -- check").await;
    let before = adopter.contents("shop");
    adopter
        .run("shop", "cargo run -p receipts -- generate")
        .await;
    let mut after = adopter.contents("shop");
    assert!(after.contains_key("shop/receipts/m2m/README.md"));
    after.retain(|path, _| before.contains_key(path));
    assert_eq!(after, before, "the files of the other service");
    adopter
        .run("shop", "cargo run -p receipts -- generate --check")
        .await;

    adopter.make("", "audit").await;
    adopter.lock("audit");
    adopter.run("audit", "cargo build").await;
    deliver_to_each(&adopter, ["shop", "receipts", "audit"]).await;
}

/// Publishes one message to a topic from which each service receives.
async fn deliver_to_each(adopter: &Adopter, services: [&str; 3]) {
    let google = Google::start().await;
    let topic = format!("projects/{PROJECT}/topics/orders");
    let orders = google.emulator.create_topic(&topic).expect("a topic");
    let mut running = Vec::new();
    for name in services {
        let (process, url) = adopter.serve(name, &settings(&google, "memory:")).await;
        let id = format!("orders-{name}");
        let subscription = orders.subscribe(&id).expect("a subscription");
        let push = PushConfig::new(format!("{url}/push/{id}")).signed_as(CALLER, Some(AUDIENCE));
        subscription.push_to(Some(push)).expect("pushed");
        running.push((process, id));
    }
    let order = Message::new(r#"{"id":"A-1","cents":1999}"#);
    orders.publish(order).expect("published");
    for (mut process, id) in running {
        let is_handled = |line: &Value| {
            let subscription = line["subscription"].as_str();
            line["outcome"] == "handled" && subscription.is_some_and(|name| name.ends_with(&id))
        };
        process.log(is_handled).await;
        process.signal("-TERM").await;
        assert!(process.exit().await.success());
    }
}
